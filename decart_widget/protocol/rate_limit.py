"""A token bucket: how many messages may pass in a given time."""

from __future__ import annotations


class RateLimit:
    """Lets ``burst`` messages pass at once and ``per_second`` of them in the long run.

    The defaults are those for one client of the control channel: a browser sends some thirty
    messages at the start (ICE candidates) and then a few a minute.

    Args:
        burst: Messages that may pass at once after a quiet time.
        per_second: Messages a second in the long run.
    """

    def __init__(self, *, burst: int = 300, per_second: float = 50.0) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = float(burst)
        self._refilled_at: float | None = None

    def allows(self, now: float) -> bool:
        """Whether one more message may pass; if so, it counts as passed.

        Args:
            now: Seconds of any steady clock, the same one in every call.
        """
        if self.wait_s(now) > 0:
            return False
        self._left -= 1
        return True

    def wait_s(self, now: float) -> float:
        """Seconds until the next message may pass; 0 when it may pass now.

        Args:
            now: As in ``allows``.
        """
        if self._refilled_at is not None:
            passed = now - self._refilled_at
            self._left = min(self._burst, self._left + passed * self._per_second)
        self._refilled_at = now
        return max(0.0, (1 - self._left) / self._per_second)
