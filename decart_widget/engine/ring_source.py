"""The frames that the parent process puts into the upward ring, as a source in the worker."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Final

from decart_widget.engine.ring import RingReader
from decart_widget.inputs.sources.reader import ReadFrame

WAIT_S: Final = 0.2
"""Seconds between two checks whether the source was closed, while the doorbell is silent."""


@dataclass(frozen=True, slots=True)
class CapturedFrame(ReadFrame):
    """A frame of the parent process.

    Attributes:
        captured_ns: When its source gave it, on ``time.monotonic_ns()``.
    """

    captured_ns: int = 0


class RingSource:
    """Implements ``FrameReader`` with the upward ring.

    Args:
        ring: The ring.
        generation: Number of the source; frames of others are passed over.
        label: What the source is, for people.
        is_live: Whether the newest frame is wanted, and not each one.
        fps: Frames/s; None when it is not known.
    """

    def __init__(
        self, ring: RingReader, generation: int, *, label: str, is_live: bool, fps: float | None
    ) -> None:
        self.label = label
        self.is_live = is_live
        self.fps = fps
        self.duration_s: float | None = None
        self.frame_count: int | None = None
        self._ring = ring
        self._generation = generation
        self._last: int | None = None
        self._lock = threading.Lock()  # so that nothing is taken any more once it is closed
        self._closed = False

    def end_at(self, number: int) -> None:
        """Ends the source with the frame of this number in the ring; 0: there was none."""
        self._last = number

    def read(self) -> ReadFrame | None:
        """Waits for a frame of the parent; None at the end, and when it was closed."""
        ring = self._ring
        while True:
            with self._lock:
                if self._closed:
                    return None
                ring.silence()
                frame = ring.take(every=not self.is_live)
            if frame is not None and frame.info.generation == self._generation:
                info = frame.info
                return CapturedFrame(frame.picture, info.index, info.source_time, info.captured_ns)
            if frame is None:
                if self._last is not None and ring.taken >= self._last:
                    return None
                ring.wait(WAIT_S)

    def close(self) -> None:
        """Ends `read`; the ring stays open."""
        with self._lock:
            self._closed = True
