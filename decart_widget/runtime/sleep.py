"""Whether this machine, or this process, was asleep: a lid closed, a process stopped.

While it sleeps nobody can end a session, and on waking everything is late at once, which must not
be mistaken for a page that is gone. Being slow is another thing: a process that computes, or waits
for its turn, uses time of the processor; one that sleeps uses none.
"""

from __future__ import annotations

import sys
import time
from typing import Final

LATE: Final = 3.0
"""Seconds by which a look must be late before anything is made of it."""

IDLE_SHARE: Final = 0.05
"""A process that used a smaller part of one processor than this did nothing meanwhile."""


def clock() -> float:
    """Seconds of a clock that nobody sets and that goes on while the machine sleeps."""
    # Python's own stands still then on Linux and macOS; where neither of these is, it goes on.
    name = "CLOCK_MONOTONIC" if sys.platform == "darwin" else "CLOCK_BOOTTIME"
    number: int | None = getattr(time, name, None)
    return time.monotonic() if number is None else time.clock_gettime(number)


class SleepWatch:
    """Finds out how long it was asleep between two looks; look about once a second.

    Tests set the attributes ``clock``, ``steady`` and ``used`` by hand.
    """

    def __init__(self, every: float) -> None:
        self.clock = clock
        self.steady = time.monotonic
        self.used = time.process_time
        self._every = every
        self._last: tuple[float, float, float] | None = None

    def look(self) -> float:
        """Seconds asleep since the last look; 0 for none."""
        now = (self.clock(), self.steady(), self.used())
        last, self._last = self._last, now
        if last is None:
            return 0.0
        passed, awake, used = (new - old for new, old in zip(now, last, strict=True))
        if passed - awake > LATE:
            return passed - awake  # the machine slept, whatever the process did
        late = awake - self._every
        return late if late > LATE and used < IDLE_SHARE * late else 0.0
