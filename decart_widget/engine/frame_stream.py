"""Iterates over the frames of a session without a page, in a loop or in a coroutine."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from decart_widget.errors import DecartError
from decart_widget.session.frame import Frame

if TYPE_CHECKING:
    from decart_widget.engine.received import FrameSink, ReceivedFrame

EVERY_QUEUED: Final = 4
"""Frames that may wait for the reader when every frame is wanted; then the source is held back."""

WAIT_S: Final = 0.5
"""Seconds of one wait of the blocking iterator. Windows handles Ctrl-C between two waits only."""

EARLY: Final = 8
"""Which part of the time between two frames a frame may be early, where a rate is wanted."""

LOST_KEPT: Final = 100_000
"""Numbers of lost frames that are kept; of more the newest."""


class FrameStream:
    """``for frame in session.frames():`` and ``async for frame in session.frames():``.

    Without ``every`` it holds the newest frame only, and counts the others in ``dropped``. With
    ``every`` no frame is dropped: the source waits for a slow reader. The iteration ends with the
    source, with the session, with ``close()``, or when it is garbage-collected.

    Args:
        every: Whether all frames are wanted.
        remove: Removes this stream from the engine.
        fps: Frames/s at most; None for all.
        size: Width and height in pixels that frames are scaled to; None for their own.

    Attributes:
        dropped: Received frames that were replaced by newer ones before they were read.
        lost: Numbers of frames of the source that were sent and never came back.
    """

    def __init__(
        self,
        every: bool,
        remove: Callable[[FrameSink], None],
        *,
        fps: float | None = None,
        size: tuple[int, int] | None = None,
    ) -> None:
        self.dropped = 0
        self._step_ns = 0 if fps is None else int(1e9 / fps)
        self._due_ns = 0
        self._size = size
        self.lost: deque[int] = deque(maxlen=LOST_KEPT)
        self._every = every
        self._frames: deque[ReceivedFrame] = deque()
        self._changed = threading.Condition()
        self._over = False
        self._error: DecartError | None = None
        self._reader: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self.sink = StreamSink(self)
        self._remove = weakref.finalize(self, remove, self.sink)

    # --- the reader ---------------------------------------------------------------------------

    def __iter__(self) -> FrameStream:
        return self

    def __next__(self) -> Frame:
        """Returns the next frame; blocks until it is there.

        Raises:
            DecartError: The session ended with this error.
        """
        with self._changed:
            while not self._frames and not self._over:
                self._changed.wait(WAIT_S)
            frame = self._next()
        if frame is None:
            raise StopIteration
        return frame

    def __aiter__(self) -> FrameStream:
        return self

    async def __anext__(self) -> Frame:
        """Returns the next frame; other tasks run until it is there.

        Raises:
            DecartError: The session ended with this error.
        """
        loop = asyncio.get_running_loop()
        came = asyncio.Event()
        while True:
            with self._changed:
                self._reader = (loop, came)
                came.clear()
                if self._frames or self._over:
                    frame = self._next()
                    break
            await came.wait()
        if frame is None:
            raise StopAsyncIteration
        return frame

    def close(self) -> None:
        """Ends the iteration; frames that wait are dropped. May be called twice."""
        with self._changed:
            self._frames.clear()
        self.over(None)

    async def aclose(self) -> None:
        """As ``close``."""
        self.close()

    def _next(self) -> Frame | None:
        """Takes the next frame; None at the end. Call it with the lock."""
        if self._frames:
            frame = self._frames.popleft().as_frame()
            self._changed.notify_all()
            return frame if self._size is None else frame.resized(*self._size)
        error, self._error = self._error, None
        if error is not None:
            raise error
        return None

    # --- the engine ---------------------------------------------------------------------------

    def put(self, frame: ReceivedFrame) -> bool:
        """Takes a frame if there is room for it; else returns False after ``WAIT_S``."""
        with self._changed:
            if self._over or not self._is_due(frame.received_ns):
                return True
            if not self._every:
                self.dropped += len(self._frames)
                self._frames.clear()
            elif len(self._frames) >= EVERY_QUEUED:
                self._changed.wait(WAIT_S)
                if len(self._frames) >= EVERY_QUEUED and not self._over:
                    return False
            if not self._over:
                self._frames.append(frame)
            self._wake()
            return True

    def _is_due(self, now_ns: int) -> bool:
        """Whether a frame isn't too early for the rate that is wanted."""
        if now_ns < self._due_ns - self._step_ns // EARLY:
            return False
        self._due_ns = max(self._due_ns, now_ns - self._step_ns) + self._step_ns
        return True

    @property
    def is_over(self) -> bool:
        """Whether no more frames come."""
        return self._over

    def over(self, error: DecartError | None) -> None:
        """Ends the iteration after the frames that wait.

        Args:
            error: With which the session ended; the reader gets it once.
        """
        with self._changed:
            if not self._over:
                self._over, self._error = True, error
            self._wake()
        self._remove()

    def _wake(self) -> None:
        self._changed.notify_all()
        if self._reader is not None:
            loop, came = self._reader
            with suppress(RuntimeError):  # the reader's loop is closed, so nothing reads any more
                loop.call_soon_threadsafe(came.set)


class StreamSink:
    """The engine's end of a stream, to which it holds a weak reference only.

    ``break`` out of a loop doesn't call ``close()``. The weak reference lets the stream be
    garbage-collected then, which removes it from the engine.
    """

    def __init__(self, stream: FrameStream) -> None:
        self._stream = weakref.ref(stream)

    def frame(self, frame: ReceivedFrame) -> None:
        """Takes a frame; waits while a stream of all frames is full."""
        while (stream := self._stream()) is not None and not stream.put(frame):
            del stream  # so that it can be garbage-collected while this waits

    def lost(self, indices: Sequence[int]) -> None:
        """Notes frames that never came back."""
        if (stream := self._stream()) is not None:
            stream.lost.extend(indices)

    def source_ended(self) -> None:
        """Ends the stream: the source has no more frames."""
        if (stream := self._stream()) is not None:
            stream.over(None)
