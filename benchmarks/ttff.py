"""From the click to the first transformed picture, beside a page with the makers' SDK.

In JupyterLab, over the whole road (page, notebook server, kernel, local server), and in a page with
``@decartai/sdk`` 0.1.20, by turns, five times each, with a page and a kernel that are new each
time: (fast) a camera that opens at once and an ack that comes at once; (slow) a camera that takes
500 ms and an ack that takes 300. The picture counts when it is on the screen and its pixels are
transformed. Medians; at the top the worse transport's.

Beside them runs the floor: two ends in one page that were connected before the click, with nothing
in between and nothing transformed, which only open the same camera. What waits for the camera can't
be faster than that: `fast_floor_ratio` and `slow_floor_ratio` are the least that the ratios can be.
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
from benchmarks.service import Service, service
from benchmarks.sides import FLOORS, TRANSPORTS, WATCH, Side, floor, pages, sdk, widget
from tools import browser as chromium
from tools.lab import LabServer

LIMITS: Final = {"fast_ratio": 0.8, "slow_ratio": 0.65}

RUNS: Final = 5
LIMIT_S: Final = 30.0
GREY, ANY = 12, 256
"""Colourfulness (0 to 255) up to which a picture counts."""

CASES: Final = {"fast": (0, 0.0), "slow": (500, 0.3)}
"""Case -> what the camera takes, in ms, and what the server's acks take, in s."""

SLOW_CAMERA: Final = """
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (constraints) => {
  await new Promise((done) => setTimeout(done, %d));
  return open(constraints);
};
"""
PAUSE_S: Final = 1.0
"""Between runs, so that each meets a quiet machine: the last one's server side ends in this time.
"""


async def click_to_picture(opening: AbstractAsyncContextManager[Side]) -> float:
    """Milliseconds, in one page that is opened for it and closed again."""
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
    """Milliseconds of every run, by side: each transport, its floor, and ``sdk``."""
    scripts = [WATCH, SLOW_CAMERA % camera_ms] if camera_ms else [WATCH]
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
            if turn:  # the first turn is the server's first ever
                times.append(ms)
    return took


async def measure() -> Figures:
    figures: dict[str, Figures] = {transport: {} for transport in TRANSPORTS}
    with LabServer() as lab, pages() as address:
        async with chromium.launched() as browser:
            for name, (camera_ms, ack_s) in CASES.items():
                print(f" {name}", file=sys.stderr, flush=True)
                with service(ack_delay_s=ack_s) as where:
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
