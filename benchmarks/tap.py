"""Frames of a session as arrays in the kernel: their rate, and the memory that a slow reader costs.

`frames()` runs in a notebook whose kernel does nothing else, on the machine that also runs
Chromium, the notebook server and the local server. Measured are frames per second at 640x360 and at
1280x720, for 10 s each after a warm-up of 2 s; then the growth of the kernel's resident memory
while a reader takes one frame per second for 60 s; then rate and median age of frames at 640x360
through a proxy that delays what page and notebook server send each other by 100 ms each way.
"""

from __future__ import annotations

import asyncio
import json
from typing import Final

from benchmarks import Figures
from benchmarks.running_widget import RunningWidget, running_widget

LIMITS: Final = {"rss_growth_mb": 5.0, "delayed_age_ms": 300.0}
LEAST: Final = {"fps_360p": 27.0, "fps_720p": 22.0, "delayed_fps_360p": 24.0}

ROAD_DELAY_S: Final = 0.1
"""Delay of each direction of the delayed road, in seconds."""

READ: Final = """
import asyncio, json, os, statistics, time
import psutil
from decart_widget.diagnostics.log import PageClock

# Page and kernel have the same clock here. The estimate of its offset contains the road's delay.
PageClock.offset = property(lambda self: 0.0)

async def rate(size, seconds=10.0, warm=2.0):
    frames = w.frames(size=size)
    began = count = 0
    first, ages = time.monotonic(), []
    async for image, at in frames:
        now = time.monotonic()
        if now - first < warm:
            continue
        began = began or now
        count += 1
        ages.append(time.time() - at)
        if now - began >= seconds:
            break
    await frames.aclose()
    return {"fps": (count - 1) / (now - began), "size": list(image.shape[1::-1]),
            "age_ms": 1000 * statistics.median(ages), "dropped": frames.dropped}

async def slow(seconds=60.0, warm=5.0):
    frames, process = w.frames(), psutil.Process()
    began, before, most = time.monotonic(), None, 0
    async for image, at in frames:
        await asyncio.sleep(1)
        rss = process.memory_info().rss
        if before is None and time.monotonic() - began > warm:
            before = rss
        most = max(most, rss)
        if time.monotonic() - began > seconds + warm:
            break
    await frames.aclose()
    return {"growth": (most - before) / 1e6}
"""


async def ask(session: RunningWidget, expression: str, timeout: float) -> dict[str, float]:
    code = f"print(json.dumps(await {expression}))"
    answer: dict[str, float] = json.loads(await session.notebook.execute(code, timeout=timeout))
    return answer


async def measure() -> Figures:
    async with running_widget() as session:
        await session.start()
        await session.notebook.execute(READ)
        small = await ask(session, "rate((640, 360))", 60)
        large = await ask(session, "rate((1280, 720))", 60)
        slow = await ask(session, "slow()", 120)
        shown = await session.view.rate(5.0)
    async with running_widget(delay_s=ROAD_DELAY_S) as session:
        await session.start()
        await session.notebook.execute(READ)
        delayed = await ask(session, "rate((640, 360))", 60)
    return {
        "fps_360p": round(small["fps"], 1),
        "fps_720p": round(large["fps"], 1),
        "age_360p_ms": round(small["age_ms"]),
        "age_720p_ms": round(large["age_ms"]),
        "rss_growth_mb": round(slow["growth"], 1),
        "shown_fps": round(shown.fps, 1),
        "delayed_fps_360p": round(delayed["fps"], 1),
        "delayed_age_ms": round(delayed["age_ms"]),
    }


def run() -> Figures:
    return asyncio.run(measure())
