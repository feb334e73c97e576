"""Which frames of a source that has more of them than the model takes are read."""

from __future__ import annotations

from typing import Final

TOLERANCE: Final = 0.25
"""How much earlier than due a frame may come, as a share of the interval: times in files are often
rounded, to milliseconds for instance."""

MAX_EARLY_S: Final = 0.005
"""Seconds that this is at most."""


class RateLimit:
    """Chooses frames so that there are at most ``fps`` in a second, evenly spread.

    Args:
        fps: Frames/s at most.

    Attributes:
        skipped: How many frames were not chosen.
    """

    def __init__(self, fps: float) -> None:
        self._interval_s = 1 / fps
        self._due_s: float | None = None
        self.skipped = 0

    def takes(self, time_s: float) -> bool:
        """Returns whether the frame of this time is chosen.

        Args:
            time_s: Its time in the source, in seconds; rises.
        """
        if self._due_s is None:
            self._due_s = time_s
        early = min(TOLERANCE * self._interval_s, MAX_EARLY_S)
        if time_s < self._due_s - early:
            self.skipped += 1
            return False
        # After a pause the intervals are counted from this frame.
        is_late = time_s > self._due_s + self._interval_s
        self._due_s = self._interval_s + (time_s if is_late else self._due_s)
        return True
