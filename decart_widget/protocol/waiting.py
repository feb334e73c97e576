"""How long we have waited, time in the queue not counted. No clock of its own."""

from __future__ import annotations


class Patience:
    """A limit on waiting that stands still while the session is queued.

    Args:
        limit: Seconds that may be waited.
        now: The present reading of any steady clock, in seconds.
    """

    def __init__(self, limit: float, now: float) -> None:
        self._left = limit
        self._seen = now
        self._paused = False

    def remaining(self, now: float) -> float:
        """Seconds left; 0 or less when patience is over."""
        if not self._paused:
            self._left -= max(0.0, now - self._seen)
        self._seen = now
        return self._left

    def pause(self, now: float, paused: bool) -> None:
        """Stop or restart the clock."""
        self.remaining(now)
        self._paused = paused

    @property
    def paused(self) -> bool:
        """Whether waiting doesn't count at present."""
        return self._paused
