"""CPU time of the kernel process during a running session, whose media the kernel does not handle.

All threads of the kernel process count, its child processes do not. Measured for 30 s while a
browser shows the session.
"""

from __future__ import annotations

import asyncio
import time
from typing import Final

import psutil

from benchmarks import Figures
from benchmarks.running_widget import running_widget

LIMITS: Final = {"kernel_cpu_percent": 2.0}

SECONDS: Final = 30.0


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


async def measure() -> Figures:
    async with running_widget() as session:
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
