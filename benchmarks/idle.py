"""What a running session costs the kernel, whose loop and thread should have next to nothing to do.

CPU time of the kernel process alone (all its threads, none of its children) over 30 s in which a
browser shows a live session.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import psutil

from benchmarks import Figures
from benchmarks.live import live

LIMITS: Final = {"kernel_cpu_percent": 2.0}

SECONDS: Final = 30.0


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def measure() -> Figures:
    async with live() as session:
        await session.start()
        kernel = psutil.Process(await session.kernel_pid())
        before, began = cpu_seconds(kernel), time.monotonic()
        rate = await session.view.rate(SECONDS)
        spent, took = cpu_seconds(kernel) - before, time.monotonic() - began
        return {
            "kernel_cpu_percent": round(100 * spent / took, 2),
            "seconds": round(took, 1),
            "fps": round(rate.fps, 1),
            "width": rate.width,
            "height": rate.height,
        }


def run() -> Figures:
    return asyncio.run(measure())
