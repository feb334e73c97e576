"""A monotonic clock that counts while the machine sleeps."""

from __future__ import annotations

import sys
import time


def clock() -> float:
    """Returns the reading of a monotonic clock that includes suspends, in seconds."""
    # Python's monotonic clock stops during a suspend on Linux and macOS, but not elsewhere.
    name = "CLOCK_MONOTONIC" if sys.platform == "darwin" else "CLOCK_BOOTTIME"
    number: int | None = getattr(time, name, None)
    return time.monotonic() if number is None else time.clock_gettime(number)
