"""Collects the frames of one cell after another as they come back in a session."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from decart_widget.explore.running.settling import Sample, Settling, settling, small_picture

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.engine.received import ReceivedFrame
    from decart_widget.explore.planning.looped_clip import Clip
    from decart_widget.explore.running.reel import Script

SAMPLES: Final = 4096
"""Small pictures of one cell that are kept: two minutes of them, 14 kB each."""


@dataclass
class Take:
    """What has come back for one cell.

    Attributes:
        pictures: The newest frame of each wanted place, I420.
        guessed: The same, of frames that are the wanted ones only probably.
        small: The newest small picture of each place of the clip that was taken.
        numbers: The number of the frame that each of these was made from.
        samples: Small pictures in the order in which they came.
        last: Number of the last frame that is played for what is taken.
        acknowledged_ns: When the prompt was acknowledged, on ``time.monotonic_ns()``.
    """

    pictures: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    guessed: dict[int, NDArray[np.uint8]] = field(default_factory=dict)
    small: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    numbers: dict[int, int] = field(default_factory=dict)
    samples: deque[Sample] = field(default_factory=lambda: deque(maxlen=SAMPLES))
    last: int = 1 << 62
    acknowledged_ns: int = 0


class Taker:
    """A sink of a session's frames; the engine calls it on a thread of its own.

    Args:
        script: Knows what was played.
        clip: What is played.

    Attributes:
        take: The cell's that is taken now.
        first_ns: When the first frame came back, on ``time.monotonic_ns()``; 0: none yet.
        is_exact: Whether a frame came back whose identity is certain.
        seen: Number of the newest frame that came back.
    """

    def __init__(self, script: Script, clip: Clip) -> None:
        self.take = Take()
        self.first_ns = 0
        self.is_exact = False
        self.seen = -1
        self._number = 0
        self._script = script
        self._wanted = frozenset(clip.wanted)
        self._length = len(clip)
        self._former: dict[int, NDArray[np.float32]] = {}
        self._changed = threading.Condition()

    # --- the engine's thread ------------------------------------------------------------------

    def frame(self, frame: ReceivedFrame) -> None:
        """Keeps a frame if it is wanted."""
        small = small_picture(frame.picture)
        with self._changed:
            self.first_ns = self.first_ns or frame.received_ns
            self.is_exact = self.is_exact or frame.exact
            shot = self._script.shot(frame.index)
            if shot is None:
                return
            take = self.take
            sent_s = (frame.captured_ns - take.acknowledged_ns) / 1e9
            take.samples.append(Sample(frame.index, shot.position, sent_s, small))
            if shot.take == self._number:
                take.small[shot.position] = small
                take.numbers[shot.position] = frame.index
                if shot.position in self._wanted:
                    kept = take.pictures if frame.exact else take.guessed
                    kept[shot.position] = frame.picture
            self.seen = frame.index
            self._changed.notify_all()

    def lost(self, indices: Sequence[int]) -> None:
        """A frame that is lost is missed when a later one has come."""

    def source_ended(self) -> None:
        """It never ends."""

    # --- the session's thread -----------------------------------------------------------------

    def wake(self) -> None:
        """Wakes `wait`; from any thread."""
        with self._changed:
            self._changed.notify_all()

    def wait(self, until: Callable[[], bool], seconds: float) -> bool:
        """Waits for a condition, which is checked after each frame.

        Args:
            until: The condition.
            seconds: At most.

        Returns:
            Whether it holds.
        """
        with self._changed:
            return self._changed.wait_for(until, seconds)

    def begin(self) -> None:
        """Begins another cell; what comes back now shows how its look comes in."""
        with self._changed:
            if self.take.small:
                self._former = self.take.small
            self.take = Take(acknowledged_ns=time.monotonic_ns())
            self._number += 1

    def acknowledged(self, at_ns: int) -> None:
        """Notes when the cell's prompt was acknowledged.

        Args:
            at_ns: On ``time.monotonic_ns()``.
        """
        with self._changed:
            take = self.take
            shift_s = (at_ns - take.acknowledged_ns) / 1e9
            earlier = [s._replace(sent_s=s.sent_s - shift_s) for s in take.samples]
            take.samples = deque(earlier, maxlen=SAMPLES)
            take.acknowledged_ns = at_ns

    def play(self, places: Sequence[int], *, lead_in: int) -> None:
        """Takes some of the clip's frames; what was taken of these before is replaced.

        Args:
            places: Of the frames; at least one.
            lead_in: Frames that are played before them.
        """
        with self._changed:
            self._number += 1
            self.take.last = self._script.play(self._number, places, lead_in=lead_in)

    def is_played(self) -> bool:
        """Whether the part that is taken has come back, but for lost frames."""
        return self.seen >= self.take.last

    def has_played(self, position: int) -> bool:
        """Returns whether the part that is taken was sent as far as a place of the clip.

        Args:
            position: The place.
        """
        return self._script.has_played(self._number, position)

    def share(self) -> float:
        """Returns how much of the clip has come back for the cell, 0 to 1."""
        return min(1.0, len(self.take.small) / self._length)

    def missing(self) -> list[int]:
        """Returns the wanted places whose frames did not come back, or in another size."""
        with self._changed:
            take = self.take
            if not self.is_exact:  # a service that doesn't say which frame it answers
                take.pictures = {**take.guessed, **take.pictures}
            shapes = [picture.shape for picture in take.pictures.values()]
            usual = max(set(shapes), key=shapes.count) if shapes else None
            for position in [p for p, own in take.pictures.items() if own.shape != usual]:
                del take.pictures[position]
            return sorted(self._wanted - take.pictures.keys())

    def settled(self) -> Settling:
        """Returns how the cell's look came in."""
        with self._changed:
            take = self.take
            earlier = [s for s in take.samples if s.number < take.numbers.get(s.position, -1)]
            return settling(earlier, take.small, self._former)
