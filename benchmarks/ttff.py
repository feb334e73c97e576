"""Time from the click to the first transformed picture, compared with a page with Decart's SDK.

The widget runs in JupyterLab (page, notebook server, kernel, local server), the SDK
(``@decartai/sdk`` 0.1.20) in a page of its own. They run in turn, five times each, with a new page
and kernel each time, in two cases: (fast) camera and ack take no time; (slow) the camera takes 500
ms and the ack 300 ms. A picture counts when it is on the screen and its pixels are transformed.
Figures are medians; those at the top level are of the slower transport.

The floor is measured as well: two peer connections in one page, established before the click, with
nothing in between and nothing transformed, which only open the same camera. Nothing that waits for
the camera can be faster: `fast_floor_ratio` and `slow_floor_ratio` are lower bounds of the ratios.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Final

from playwright.async_api import Browser

from benchmarks import Figures
from benchmarks.sides import FIRST_PICTURE, FLOORS, TRANSPORTS, Side, floor, pages, sdk, widget
from tools import browser as chromium
from tools.lab import LabServer
from tools.service import Service, running_service

LIMITS: Final = {"fast_ratio": 0.8, "slow_ratio": 0.65}

RUNS: Final = 5
LIMIT_S: Final = 30.0
GREY, ANY = 12, 256
"""Colourfulness (0 to 255) up to which a picture counts."""

CASES: Final = {"fast": (0, 0.0), "slow": (500, 0.3)}
"""Case -> delay of the camera in ms, and delay of the server's acks in s."""

SLOW_CAMERA: Final = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (constraints) => {
  await new Promise((done) => setTimeout(done, %d));
  return open(constraints);
};
"""
PAUSE_S: Final = 1.0
"""Seconds before each run, in which the server side of the last one ends."""


async def click_to_picture(opening: AbstractAsyncContextManager[Side]) -> float:
    """Opens a page, clicks, and returns milliseconds until its first transformed picture."""
    async with opening as side:
        await asyncio.sleep(PAUSE_S)
        page = side.page
        await page.evaluate(
            "([button, picture, limit]) => {"
            " window.dwFirst = dwFirstPicture(button, picture, limit); }",
            [side.button, side.picture, GREY if side.transforms else ANY],
        )
        await page.locator(side.button).click()
        first = await asyncio.wait_for(page.evaluate("window.dwFirst"), LIMIT_S)
    return float(first["ms"])


async def case(
    browser: Browser, lab: LabServer, address: str, where: Service, camera_ms: int
) -> dict[str, list[float]]:
    """Milliseconds of each run, by side: each transport, its floor, and ``sdk``."""
    scripts = [FIRST_PICTURE, SLOW_CAMERA % camera_ms] if camera_ms else [FIRST_PICTURE]
    sides: dict[str, Callable[[], AbstractAsyncContextManager[Side]]] = {}
    for transport in TRANSPORTS:
        codec, rate = FLOORS[transport]
        sides[transport] = partial(widget, browser, lab, where, transport, scripts)
        sides[f"floor of {transport}"] = partial(
            floor, browser, address, codec, rate, scripts, early=True
        )
    sides["sdk"] = partial(sdk, browser, address, where, scripts)
    took: dict[str, list[float]] = {side: [] for side in sides}
    for turn in range(RUNS + 1):
        for side, times in took.items():
            ms = await click_to_picture(sides[side]())
            print(f"  {side} {ms:.0f} ms", file=sys.stderr, flush=True)
            if turn:  # the first turn warms up the server
                times.append(ms)
    return took


async def measure() -> Figures:
    figures: dict[str, Figures] = {transport: {} for transport in TRANSPORTS}
    with LabServer() as lab, pages() as address:
        async with chromium.launched() as browser:
            for name, (camera_ms, ack_s) in CASES.items():
                print(f" {name}", file=sys.stderr, flush=True)
                with running_service(ack_delay_s=ack_s) as where:
                    took = await case(browser, lab, address, where, camera_ms)
                theirs = statistics.median(took["sdk"])
                for transport in TRANSPORTS:
                    ours = statistics.median(took[transport])
                    least = statistics.median(took[f"floor of {transport}"])
                    figures[transport] |= {
                        f"{name}_ms": round(ours),
                        f"{name}_sdk_ms": round(theirs),
                        f"{name}_floor_ms": round(least),
                        f"{name}_ratio": round(ours / theirs, 3),
                        f"{name}_floor_ratio": round(least / theirs, 3),
                        f"{name}_runs_ms": [round(ms) for ms in took[transport]],
                        f"{name}_sdk_runs_ms": [round(ms) for ms in took["sdk"]],
                    }
    top: Figures = {}
    for name in CASES:
        worse = max(TRANSPORTS, key=lambda transport: figures[transport][f"{name}_ratio"])
        top |= {k: v for k, v in figures[worse].items() if k.startswith(name)}
    return {**top, **figures}


def run() -> Figures:
    return asyncio.run(measure())
