"""The interfaces between a source, which describes frames, and the reader, which gives them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Target:
    """The picture that the service is sent.

    Attributes:
        width: Of the model's picture in landscape, in pixels; even.
        height: In landscape, in pixels; even.
        fps: Frames/s at most.
        orientation: ``"landscape"``, ``"portrait"`` (width and height swapped), or ``"auto"``: as
            the source's picture is.
        mirror: Whether the picture is mirrored.
    """

    width: int
    height: int
    fps: float
    orientation: str = "landscape"
    mirror: bool = False


@dataclass(frozen=True, slots=True)
class ReadFrame:
    """One frame of a source.

    Attributes:
        picture: ``(height * 3 / 2, width)`` uint8, I420 (BT.601, limited range), of the target's
            size; contiguous, and not changed any more.
        index: Number of the frame in its source, from 0; rises, and may skip numbers.
        source_time: Time of the frame in its source, in seconds from its begin.
    """

    picture: NDArray[np.uint8]
    index: int
    source_time: float


class FrameReader(Protocol):
    """Gives the frames of one source; used on one thread, which it may block.

    Attributes:
        label: What the source is, for people: a file's name, a camera's name.
        is_live: Whether frames come at their own time (a camera), so that those that nobody reads
            are lost. The others are read when they are due, by their ``source_time``.
        fps: Frames/s; None when it is not known.
        duration_s: Length in seconds; None when it is not known, or has no end.
        frame_count: How many frames there are, as far as is known; None when it is not known.
    """

    label: str
    is_live: bool
    fps: float | None
    duration_s: float | None
    frame_count: int | None

    def read(self) -> ReadFrame | None:
        """Returns the next frame; None at the end of the source.

        Raises:
            SourceError: The source can't be read further.
        """

    def close(self) -> None:
        """Frees what was opened. May be called twice, and while another thread reads."""


class Source(Protocol):
    """What a user gives as ``source=``; immutable, cheap, checked when it is made."""

    @property
    def label(self) -> str:
        """What the source is, for people."""

    def check(self) -> None:
        """Checks what needs the disk or a device, before anything is billed.

        Raises:
            SourceError: The source can't be used; the message says what to do.
        """

    def describe(self) -> Mapping[str, Any]:
        """Returns the description from which the worker opens the source, as JSON values.

        ``kind`` is ``"file"``, ``"camera"``, ``"pattern"`` or ``"frames"``; frames come from the
        process that has them and are not opened by the worker.
        """
