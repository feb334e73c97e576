"""Detects that this machine was suspended, or that this process was stopped (SIGSTOP).

Meanwhile no session can be ended, and afterwards all time-outs expire at once, which must not be
mistaken for a page that is gone. A process that is merely slow uses processor time; a suspended or
stopped one uses none.
"""

from __future__ import annotations

import time
from typing import Final

from decart_widget.session.clock import clock

LATE_S: Final = 3.0
"""Seconds by which a check must be late to count as a suspend."""

IDLE_SHARE: Final = 0.05
"""A process that used less than this fraction of one processor counts as stopped."""


class SuspendDetector:
    """Measures suspends between two checks.

    Args:
        every: Seconds between two checks.

    Attributes:
        clock: A clock in seconds that includes suspends.
        steady: A clock in seconds that excludes suspends.
        used: Returns the seconds of processor time that this process has used.
    """

    def __init__(self, every: float) -> None:
        self.clock = clock
        self.steady = time.monotonic
        self.used = time.process_time
        self._every = every
        self._last: tuple[float, float, float] | None = None

    def suspended_s(self) -> float:
        """Returns the seconds of suspend since the last check; 0 for none."""
        now = (self.clock(), self.steady(), self.used())
        last, self._last = self._last, now
        if last is None:
            return 0.0
        passed, awake, used = (new - old for new, old in zip(now, last, strict=True))
        if passed - awake > LATE_S:
            return passed - awake  # the machine was suspended
        late = awake - self._every
        return late if late > LATE_S and used < IDLE_SHARE * late else 0.0
