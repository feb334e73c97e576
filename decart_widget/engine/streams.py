"""The open streams of one engine's frames, those that came back and those that are sent."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from decart_widget.engine.frame_stream import FrameStream
from decart_widget.errors import DecartError, MediaError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.engine.media import EngineMedia
    from decart_widget.engine.received import ReceivedFrame


class Streams:
    """Opens streams, and ends them with the session.

    Args:
        media: The engine whose frames are read.
        source_ended: Called when the source has ended and no frame is in flight; on a thread of the
            engine. None: nothing is.
    """

    def __init__(self, media: EngineMedia, source_ended: Callable[[], None] | None = None) -> None:
        self._media = media
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[FrameStream] = weakref.WeakSet()
        if source_ended is not None:
            media.add_sink(EndOfSource(source_ended))

    def open(
        self,
        *,
        every: bool = False,
        which: str = "output",
        fps: float | None = None,
        size: tuple[int, int] | None = None,
    ) -> FrameStream:
        """Opens a stream; from any thread.

        Args:
            every: Whether all frames are wanted; of the transformed ones only.
            which: ``"output"`` (transformed frames) or ``"input"`` (those that are sent).
            fps: As in ``FrameStream``.
            size: As in ``FrameStream``.
        """
        media, is_input = self._media, which == "input"
        remove = media.views.remove_input if is_input else media.remove_sink
        stream = FrameStream(every, remove, fps=fps, size=size)
        with self._lock:
            self._open.add(stream)
        if is_input:
            media.views.add_input(stream.sink)
        else:
            media.add_sink(stream.sink, every=every)
        return stream

    async def first(self, which: str) -> NDArray[np.uint8]:
        """Returns the next frame as ``(height, width, 3)`` uint8 RGB.

        Args:
            which: As in `open`.

        Raises:
            MediaError: The session ended before it came.
        """
        stream = self.open(which=which)
        try:
            async for frame in stream:
                return frame.array
        finally:
            stream.close()
        raise MediaError("The session ended before a frame came.", remedy="Start, then try again.")

    @property
    def is_read(self) -> bool:
        """Whether a stream is open; from any thread."""
        with self._lock:
            return any(not stream.is_over for stream in self._open)

    def over(self, error: DecartError | None) -> None:
        """Ends all streams after the frames that wait in them.

        Args:
            error: With which the session failed; None for another end.
        """
        with self._lock:
            streams = list(self._open)
            self._open.clear()
        for stream in streams:
            stream.over(error)


class EndOfSource:
    """A sink that only notes the end of the source.

    Args:
        ended: Called then, on a thread of the engine.
    """

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended

    def frame(self, frame: ReceivedFrame) -> None:
        """Ignores it."""

    def lost(self, indices: Sequence[int]) -> None:
        """Ignores them."""

    def source_ended(self) -> None:
        """Notes the end."""
        self._ended()
