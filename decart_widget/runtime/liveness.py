"""Liveness checks, once a second: page heartbeat, suspend, busy kernel."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Protocol

from decart_widget.page.pages import BEAT_EVERY
from decart_widget.runtime.sleep import SleepWatch

WATCH_EVERY: Final = 1.0
"""Seconds."""


class LivenessCheck(Protocol):
    """Checks pages and kernel once."""

    def __call__(self, *, beat: bool) -> None:
        """``beat``: whether it is time to tell pages that the kernel lives."""


async def check_liveness(
    due: Callable[[], bool], check: LivenessCheck, slept: Callable[[float], None]
) -> None:
    """Returns when no check is due any more.

    Args:
        due: Whether somebody needs one.
        check: Called every second.
        slept: Told, before the check, for how many seconds the machine was asleep.
    """
    sleep = SleepWatch(WATCH_EVERY)
    loop = asyncio.get_running_loop()
    next_beat = 0.0
    while due():
        if asleep := sleep.look():
            slept(asleep)
        beat = loop.time() >= next_beat
        check(beat=beat)
        if beat:
            next_beat = loop.time() + BEAT_EVERY - WATCH_EVERY / 2
        await asyncio.sleep(WATCH_EVERY)
