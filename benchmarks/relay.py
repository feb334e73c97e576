"""The page's camera through the kernel: frames a second, and glass-to-glass latency, in JupyterLab.

A camera writes the time into its picture; the age of that time when the transformed picture is
shown is the latency. The kernel does nothing else. Chromium, the notebook server, the kernel with
its media process and the local server run on one machine.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from typing import Any, Final

from playwright.async_api import Page

from benchmarks import Figures
from benchmarks.latency import MARKER, describe
from benchmarks.running_widget import running_widget

LIMITS: Final = {"latency_360p_ms": 250.0}
LEAST: Final = {"fps_360p": 20.0, "fps_720p": 12.0}

WARM_S: Final = 5.0
SECONDS: Final = 8.0

CELL: Final = """
from dataclasses import replace
from decart_widget import DecartWidget
from decart_widget.models import realtime_model
model = replace(realtime_model("lucy-latest"), width={width}, height={height})
w = DecartWidget(model, prompt="greyscale", engine="kernel")
w
"""

PICTURE: Final = ".decart-widget[data-revealed='true'] video.dw-remote"


async def relayed(width: int, height: int) -> dict[str, Any]:
    """Runs a relay of this size and returns what `dwGlassToGlass` of marker.js measures."""
    cell = CELL.format(width=width, height=height).strip()

    async def install(page: Page) -> None:
        """Installs the camera that writes the time into its picture."""
        await page.add_init_script(f"window.dwCameraSize = [{width}, {height}];")
        await page.add_init_script(MARKER)

    async with running_widget([cell], install) as session:
        await session.start()
        seen: dict[str, Any] = await session.notebook.page.evaluate(
            "([picture, warm, seconds]) => dwGlassToGlass(picture, warm, seconds)",
            [PICTURE, WARM_S, SECONDS],
        )
        seen["decoded_fps"] = (await session.view.rate(5.0)).fps
    print(f"  {width}x{height} {describe([seen])}", file=sys.stderr, flush=True)
    return seen


async def measure() -> Figures:
    small = await relayed(640, 360)
    large = await relayed(1280, 720)
    return {
        "fps_360p": round(small["decoded_fps"], 1),
        "latency_360p_ms": round(statistics.median(small["ms"])),
        "fps_720p": round(large["decoded_fps"], 1),
        "latency_720p_ms": round(statistics.median(large["ms"])),
    }


def run() -> Figures:
    return asyncio.run(measure())
