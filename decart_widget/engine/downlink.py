"""Hands received frames to the parent process, through the downward ring."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from decart_widget.engine.ring import FrameInfo, FrameTooLargeError, RingWriter, copy_planes

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.engine.connection import OutgoingFrame
    from decart_widget.engine.recorder import Recorder
    from decart_widget.engine.views import Views

MAX_WAITING: Final = 240
"""Frames that wait for a reader who wants each one. The source is held back as soon as one waits,
so these are the frames that were in flight then: 2 s at 120 frames/s at most."""


class _Waiting(NamedTuple):
    picture: NDArray[np.uint8]
    width: int
    height: int
    info: FrameInfo


class Downlink:
    """Writes received frames to the ring: over unread ones, or, on request, none of these is lost.

    Args:
        ring: The downward ring.

    Attributes:
        bell: The writer's end of the ring's doorbell; `flush` is to be called when it rings.
        every: Whether no frame may be lost; frames for which the ring has no room wait then.
        dropped: Frames that were lost here: too large, or more than ``MAX_WAITING``.
        views: Also takes the frames that are sent and received, for watchers; None: nobody watches.
        recorder: Also takes the frames that are sent and received; None: nothing is recorded.
        room_came: Called when no frame waits any more.
    """

    def __init__(self, ring: RingWriter) -> None:
        self.bell = ring.bell
        self.every = False
        self.dropped = 0
        self.room_came: Callable[[], None] = lambda: None
        self.views: Views | None = None
        self.recorder: Recorder | None = None
        self._ring = ring
        self._waiting: deque[_Waiting] = deque()

    @property
    def is_full(self) -> bool:
        """Whether frames wait for the reader, or for the encoder of a recording."""
        return bool(self._waiting) or (self.recorder is not None and self.recorder.is_full)

    @property
    def number(self) -> int:
        """The number in the ring that the last frame has, or will have."""
        return self._ring.newest + len(self._waiting)

    def sent(self, frame: OutgoingFrame) -> None:
        """Notes a frame that was sent, for a recording and for watchers."""
        if self.recorder is not None:
            self.recorder.sent(frame)
        if self.views is not None:
            self.views.sent(frame)

    def put(
        self, planes: Sequence[NDArray[np.uint8]], width: int, height: int, info: FrameInfo
    ) -> None:
        """Takes a frame; copies it.

        Args:
            planes: Y, U and V as ``(h, w)`` arrays, or one ``(height * 3 / 2, width)`` array.
            width: In pixels.
            height: In pixels.
            info: Its identity.
        """
        if self.recorder is not None:
            self.recorder.received(planes, info)
        if width % 2 or height % 2:  # I420 has one chroma sample for two by two pixels
            width, height = width & ~1, height & ~1
            planes = _cut(planes, width, height)
        if not width or not height:
            self.dropped += 1
            return
        if self.views is not None:
            self.views.received(planes, info)
        if self.every and (self._waiting or self._ring.is_full):
            self._keep(planes, width, height, info)
            return
        self._write(planes, width, height, info)

    def flush(self) -> None:
        """Writes the frames that wait, as far as there is room; the reader has rung."""
        self._ring.silence()
        had = bool(self._waiting)
        while self._waiting and not (self.every and self._ring.is_full):
            picture, width, height, info = self._waiting.popleft()
            self._write([picture], width, height, info)
        if had and not self._waiting:
            self.room_came()

    def _keep(
        self, planes: Sequence[NDArray[np.uint8]], width: int, height: int, info: FrameInfo
    ) -> None:
        import numpy as np

        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        picture = np.empty((height * 3 // 2, width), np.uint8)
        copy_planes(planes, width, height, picture)
        self._waiting.append(_Waiting(picture, width, height, info))

    def _write(
        self, planes: Sequence[NDArray[np.uint8]], width: int, height: int, info: FrameInfo
    ) -> None:
        try:
            self._ring.write(
                width, height, info, lambda into: copy_planes(planes, width, height, into)
            )
        except FrameTooLargeError:
            self.dropped += 1


def _cut(
    planes: Sequence[NDArray[np.uint8]], width: int, height: int
) -> Sequence[NDArray[np.uint8]]:
    """Planes without an odd last row or column; one array can't have these."""
    if len(planes) == 1:
        return planes
    y, u, v = planes
    half = (slice(0, height // 2), slice(0, width // 2))
    return [y[:height, :width], u[half], v[half]]
