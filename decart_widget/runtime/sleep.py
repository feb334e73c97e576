"""Detects that this machine was suspended, or this process stopped.

Meanwhile no session can be ended, and afterwards everything is late at once, which must not be
mistaken for a page that is gone. A slow process is something else: it uses processor time, and a
suspended or stopped one uses none.
"""

from __future__ import annotations

import sys
import time
from typing import Final

LATE_S: Final = 3.0
"""Seconds by which a look must be late to count as a suspend."""

IDLE_SHARE: Final = 0.05
"""A process that used less than this part of one processor counts as stopped."""


def clock() -> float:
    """Seconds of a clock that can't be set and that goes on while the machine is suspended."""
    # Python's monotonic clock stops during a suspend on Linux and macOS, but not elsewhere.
    name = "CLOCK_MONOTONIC" if sys.platform == "darwin" else "CLOCK_BOOTTIME"
    number: int | None = getattr(time, name, None)
    return time.monotonic() if number is None else time.clock_gettime(number)


class SuspendDetector:
    """Measures suspends between two looks.

    Args:
        every: Seconds between two looks.

    Attributes:
        clock: Seconds, suspends included.
        steady: Seconds, suspends excluded.
        used: Seconds of processor time that this process has used.
    """

    def __init__(self, every: float) -> None:
        self.clock = clock
        self.steady = time.monotonic
        self.used = time.process_time
        self._every = every
        self._last: tuple[float, float, float] | None = None

    def suspended_s(self) -> float:
        """Seconds of suspend since the last look; 0 for none."""
        now = (self.clock(), self.steady(), self.used())
        last, self._last = self._last, now
        if last is None:
            return 0.0
        passed, awake, used = (new - old for new, old in zip(now, last, strict=True))
        if passed - awake > LATE_S:
            return passed - awake  # the machine was suspended
        late = awake - self._every
        return late if late > LATE_S and used < IDLE_SHARE * late else 0.0
