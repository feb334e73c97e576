"""Frames that came back, and who takes them: the interface between the engine and its users.

`EngineMedia` reads the ring of received frames on a thread of its own and passes each frame to its
sinks: ``add_sink(sink, every=False)`` and ``remove_sink(sink)``, callable from any thread. While
a sink with ``every`` exists, the worker holds the source back so that no frame is dropped.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from decart_widget.session.frame import Frame

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class ReceivedFrame:
    """One transformed frame, with the identity of the frame that it was made from.

    Attributes:
        picture: ``(height * 3 / 2, width)`` uint8, I420; belongs to the receiver.
        index: Number in the source of the frame that it was made from, from 0; -1: not known.
        source_time: That frame's time in its source, in seconds; NaN: not known.
        captured_ns: When the source gave that frame, on ``time.monotonic_ns()``; 0: not known.
        received_ns: When this frame was decoded, on the same clock.
        exact: Whether index and times are known; otherwise they are an estimate.
        generation: Rises each time when the source is replaced.
        attempt: Number of the attempt that it came with.
    """

    picture: NDArray[np.uint8]
    index: int
    source_time: float
    captured_ns: int
    received_ns: int
    exact: bool
    generation: int
    attempt: int

    def as_frame(self) -> Frame:
        """Returns the frame as it is given to users."""
        now_s = time.time() - (time.monotonic_ns() - self.received_ns) / 1e9
        latency_s = (self.received_ns - self.captured_ns) / 1e9
        return Frame(
            self.picture,
            now_s,
            index=self.index if self.index >= 0 else None,
            source_time=None if math.isnan(self.source_time) else self.source_time,
            capture_time=now_s - latency_s if self.captured_ns else None,
            exact=self.exact,
            attempt=self.attempt,
        )


class FrameSink(Protocol):
    """Takes received frames; called on the engine's thread."""

    def frame(self, frame: ReceivedFrame) -> None:
        """Takes a frame. Must not block, unless the sink was added with ``every``."""

    def lost(self, indices: Sequence[int]) -> None:
        """These frames of the source were sent and never came back."""

    def source_ended(self) -> None:
        """The source has no more frames, and those in flight came back or were lost."""
