"""Probes on one view of a widget: when did its picture move, and was it transformed?

They are installed in the page before a fault is injected, and sample the stage 25 times per second.
A picture counts when it differs from the one before, so that a frozen picture does not count. The
expected effect is greyscale: a coloured picture counts as untransformed. Times are those of
`time.time()`.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

from playwright.async_api import Page

GREY: Final = 12.0
"""Largest mean spread between a pixel's channels (0 to 255) of a picture that counts as grey."""

MOVING: Final = 5
"""Number of successive, different pictures that count as a moving picture."""

SCRIPT: Final = """
({index, grey}) => {
  const WIDTH = 64, HEIGHT = 36, EVERY_MS = 40, KEPT = 5000;
  const canvas = new OffscreenCanvas(WIDTH, HEIGHT);
  const context = canvas.getContext('2d', {willReadFrequently: true});
  window.dwProbes ??= {};
  clearInterval(window.dwProbes[index]?.timer);
  const probes = {seen: [], raw: 0};
  window.dwProbes[index] = probes;
  let last = '';
  const look = () => {
    const root = document.querySelectorAll('.decart-widget')[index];
    const video = root?.querySelector('video.dw-remote');
    if (root?.dataset.revealed !== 'true' || !(video?.readyState >= 2 && video.videoWidth)) return;
    context.drawImage(video, 0, 0, WIDTH, HEIGHT);
    const {data} = context.getImageData(0, 0, WIDTH, HEIGHT);
    let sum = 0, text = '';
    for (let i = 0; i < data.length; i += 4) {
      const [red, green, blue] = data.subarray(i, i + 3);
      sum += Math.max(red, green, blue) - Math.min(red, green, blue);
      text += String.fromCharCode(red, green, blue);
    }
    if (text === last) return;
    last = text;
    const coloured = sum / (WIDTH * HEIGHT) > grey;
    if (coloured) probes.raw++;
    else probes.seen.push({at: Date.now() / 1000, attempt: root.decart.attempt});
    if (probes.seen.length > KEPT) probes.seen.shift();
  };
  probes.timer = setInterval(look, EVERY_MS);
}
"""

MOVED: Final = """
({index, since, attempt, moving}) => {
  const seen = (window.dwProbes?.[index]?.seen ?? [])
    .filter((one) => one.at > since && one.attempt >= attempt);
  return seen.length >= moving ? {at: seen[0].at} : null;
}
"""
"""Finds the first of `MOVING` pictures seen after `since` in this attempt or a later one."""


@dataclass(frozen=True)
class Probes:
    """Probes on view number `index` of a page; made by `open_probes`."""

    page: Page
    index: int

    async def moved(self, since: float, attempt: int = 0, *, timeout: float = 40.0) -> float:
        """Waits for moving, transformed pictures; returns when the first of them was seen.

        Args:
            since: Only pictures after this moment count.
            attempt: Only pictures of this attempt, or of a later one, count.
            timeout: Seconds to wait for them.

        Raises:
            playwright.async_api.TimeoutError: There were none in time.
        """
        wanted = {"index": self.index, "since": since, "attempt": attempt, "moving": MOVING}
        found = await self.page.wait_for_function(
            MOVED, arg=wanted, timeout=timeout * 1000, polling=50
        )
        return float(await found.evaluate("(seen) => seen.at"))

    async def still(self, seconds: float, *, timeout: float = 40.0) -> None:
        """Waits until there has been no new picture for so many seconds."""
        await self.page.wait_for_function(
            "({index, seconds}) => {"
            " const last = window.dwProbes[index].seen.at(-1)?.at ?? 0;"
            " return Date.now() / 1000 - last > seconds; }",
            arg={"index": self.index, "seconds": seconds},
            timeout=timeout * 1000,
            polling=50,
        )

    async def outage(self, since: float) -> float:
        """The longest time without a new picture since `since`, in seconds."""
        seen: list[float] = await self.page.evaluate(
            "({index, since}) => window.dwProbes[index].seen"
            ".map((one) => one.at).filter((at) => at > since)",
            {"index": self.index, "since": since},
        )
        moments = [since, *seen]
        return max(after - before for before, after in pairwise(moments))

    async def untransformed(self) -> int:
        """Number of coloured pictures so far: untransformed, or of another prompt."""
        return int(await self.page.evaluate("(index) => window.dwProbes[index].raw", self.index))


async def open_probes(page: Page, index: int = 0) -> Probes:
    """Installs new probes on a view; they survive reloads of the page."""
    wanted = {"index": index, "grey": GREY}
    await page.add_init_script(f"({SCRIPT})({json.dumps(wanted)})")
    await page.evaluate(SCRIPT, wanted)
    return Probes(page, index)
