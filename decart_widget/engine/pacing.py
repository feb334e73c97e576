"""When the frames of a source with times of its own are due: files, patterns, arrays."""

from __future__ import annotations

from typing import Final

LATE_S: Final = 0.5
"""Seconds that a frame may be late before the following ones are no longer skipped to catch up."""

CATCH_UP: Final = 0.9
"""Shortest interval between frames that must all come back, as a part of the source's: a burst is
more than a service takes."""

SLOWER: Final = 1.3
"""Factor of the interval after frames were lost."""

FASTER: Final = 0.99
"""Factor of the interval after each frame that came back, until it is the source's again."""

SLOWEST: Final = 8.0
"""Largest factor of the interval."""


class Pacer:
    """Maps times of a source to the times at which its frames are due.

    Attributes:
        slowness: Factor of the source's interval between frames that must all come back; 1 while
            none are lost.
    """

    def __init__(self) -> None:
        self.slowness = 1.0
        self._origin_s: float | None = None
        self._previous: tuple[float, float] | None = None

    def restart(self) -> None:
        """Lets the next frame be due at once: the first one, or the next one after a pause."""
        self._origin_s = self._previous = None

    def due(self, source_time: float, now_s: float) -> float:
        """Returns when a frame is due.

        Args:
            source_time: Its time in the source, in seconds.
            now_s: The time now, on a monotonic clock.
        """
        if self._origin_s is None:
            self._origin_s = now_s - source_time
        due_s = self._origin_s + source_time
        if now_s - due_s > LATE_S:
            self._origin_s += now_s - due_s
            return now_s
        return due_s

    def due_of_every(self, source_time: float, now_s: float) -> float:
        """Returns when a frame is due where none may be lost: late frames delay the later ones.

        Args:
            source_time: Its time in the source, in seconds.
            now_s: The time now, on a monotonic clock.
        """
        if self._previous is None:
            return now_s
        interval_s = max(0.0, source_time - self._previous[0])
        if self.slowness > 1.0:
            return self._previous[1] + interval_s * self.slowness
        earliest_s = self._previous[1] + interval_s * CATCH_UP
        return max(earliest_s, self.due(source_time, now_s))

    def sent(self, source_time: float, now_s: float) -> None:
        """Notes when a frame was sent."""
        self._previous = (source_time, now_s)

    def lost(self) -> None:
        """Slows down, because frames that were sent did not come back."""
        self.slowness = min(SLOWEST, self.slowness * SLOWER)
        self._origin_s = None

    def returned(self) -> None:
        """Speeds up again, because a frame came back."""
        if self.slowness > 1.0:
            self.slowness = max(1.0, self.slowness * FASTER)
            self._origin_s = None
