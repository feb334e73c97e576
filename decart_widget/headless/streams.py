"""The open streams of one session's frames."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from decart_widget.errors import DecartError
from decart_widget.headless.frame_stream import FrameStream

if TYPE_CHECKING:
    from decart_widget.engine.media import EngineMedia
    from decart_widget.engine.received import ReceivedFrame


class Streams:
    """Opens streams, and ends them with the session.

    Args:
        media: The engine whose frames are read.
        source_ended: Called when the source has ended and no frame is in flight; on a thread of the
            engine.
    """

    def __init__(self, media: EngineMedia, source_ended: Callable[[], None]) -> None:
        self._media = media
        self._lock = threading.Lock()
        self._open: weakref.WeakSet[FrameStream] = weakref.WeakSet()
        self._end = _EndOfSource(source_ended)
        media.add_sink(self._end)

    def open(self, *, every: bool) -> FrameStream:
        """Opens a stream; from any thread.

        Args:
            every: Whether all frames are wanted.
        """
        stream = FrameStream(every, self._media.remove_sink)
        with self._lock:
            self._open.add(stream)
        self._media.add_sink(stream.sink, every=every)
        return stream

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


class _EndOfSource:
    """A sink that only notes the end of the source."""

    def __init__(self, ended: Callable[[], None]) -> None:
        self._ended = ended

    def frame(self, frame: ReceivedFrame) -> None:
        """Ignores it."""

    def lost(self, indices: Sequence[int]) -> None:
        """Ignores them."""

    def source_ended(self) -> None:
        """Notes the end."""
        self._ended()
