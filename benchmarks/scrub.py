"""A sheet of 25 cells in Chromium while its clip is scrubbed: pictures a second, size of its file.

The sheet is its exported HTML file, with 16 moments of 3 s in each cell. `scrub_fps` counts the
pictures that the page draws (animation frames, each at another moment) while the moment changes 60
times a second for 5 s, all 25 cells in view. `slow_frames` is the share of them that took more than
25 ms. `sheet_mb` is the size of the file in MB, for a photograph's detail in every cell.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from playwright.async_api import ViewportSize

from benchmarks import Figures
from decart_widget.explore.views.document import describe
from decart_widget.explore.views.export import fitted, page
from tools import browser as chromium
from tools.made_sheet import made

LIMITS: Final = {"sheet_mb": 8.0}
LEAST: Final = {"scrub_fps": 50.0}

SECONDS: Final = 5.0
MOMENTS: Final = 16
SIDE: Final = 5
VIEWPORT: Final = ViewportSize(width=1200, height=1400)
SCRUB: Final = """async ([seconds, moments]) => {
  const strip = document.querySelector('.ds-strip');
  const {left, top, width} = strip.getBoundingClientRect();
  const times = [];
  let last = -1;
  strip.setPointerCapture = () => undefined;
  await new Promise((done) => {
    const began = performance.now();
    const draw = (now) => {
      const share = (((now - began) / 1000) * 60 % (2 * moments)) / (2 * moments);
      const clientX = left + width * (share < 0.5 ? 2 * share : 2 - 2 * share) * 0.999;
      const event = {clientX, clientY: top + 5, buttons: 1, bubbles: true, pointerType: 'mouse'};
      strip.dispatchEvent(new PointerEvent('pointermove', event));
      const moment = document.querySelector('.decart-sheet').style.getPropertyValue('--t');
      if (moment !== last) times.push(now);
      last = moment;
      if (now - began < 1000 * seconds) requestAnimationFrame(draw); else done();
    };
    requestAnimationFrame(draw);
  });
  return times;
}"""
"""Scrubs to and fro, one moment with each frame; times in ms of the frames with another moment."""


def photograph() -> Any:
    """A picture with as much detail as a photograph: noise of all sizes."""
    rng = np.random.default_rng(5)
    picture = np.zeros((480, 800, 3), np.float32)
    for size in (4, 12, 40, 120):
        grain = rng.normal(0, 1, (480 // size + 2, 800 // size + 2, 3)).astype(np.float32)
        picture += cv2.resize(grain, (800, 480), interpolation=cv2.INTER_CUBIC) * size**0.5
    return cv2.normalize(picture, np.empty_like(picture), 0, 255, cv2.NORM_MINMAX).astype(np.uint8)


async def scrub(file: Path) -> list[float]:
    async with chromium.relaunched(chromium.require()) as browsers:
        context = await (await browsers.get()).new_context(viewport=VIEWPORT)
        tab = await context.new_page()
        tab.set_default_timeout(120_000)
        await tab.goto(file.as_uri())
        await tab.wait_for_function(
            "(n) => document.querySelectorAll('.ds-cell .ds-film[data-picture]').length >= n",
            arg=SIDE * SIDE - 1,
        )
        await tab.evaluate(SCRUB, [1, MOMENTS])  # every sprite is decoded then
        times: list[float] = await tab.evaluate(SCRUB, [SECONDS, MOMENTS])
        await context.close()
    return times


def run() -> Figures:
    sheet = made(SIDE, SIDE, moments=MOMENTS, photograph=photograph(), scored=False)
    document = describe(sheet.contents)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "sheet.html"
        file.write_text(page(document, fitted(sheet.pictures, MOMENTS)), encoding="utf-8")
        times = asyncio.run(scrub(file))
        steps = np.diff(times)
        return {
            "scrub_fps": round(1000 / float(steps.mean()), 1),
            "slow_frames": round(float((steps > 25).mean()), 3),
            "sheet_mb": round(file.stat().st_size / 1e6, 2),
        }
