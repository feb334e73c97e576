"""How many messages a client may send."""

from __future__ import annotations


class RateLimit:
    """Lets ``burst`` messages through at once and ``per_second`` in the long run.

    A browser sends some thirty at the start (candidates) and then a few a minute.
    """

    def __init__(self, *, burst: int = 300, per_second: float = 50.0) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = float(burst)
        self._last: float | None = None

    def allows(self, now: float) -> bool:
        """Whether one more is within bounds at ``now`` (seconds of any steady clock)."""
        if self._last is not None:
            self._left = min(self._burst, self._left + (now - self._last) * self._per_second)
        self._last = now
        if self._left < 1:
            return False
        self._left -= 1
        return True
