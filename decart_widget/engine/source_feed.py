"""The frames of the current source, in the worker: read ahead on a thread, given when they are due.

A live source (a camera) gives frames at its own times, and the newest one is kept; but one whose
reader ``holds_back`` its sender is read only when a frame was given: a page encodes, and the worker
decodes, no frame of the page's camera in vain. The frames of other sources have times; they are
read ahead, and skipped when a newer one is due already, or delayed where none may be lost
(`Pacer`). Replacing the source ends the thread that reads the former one.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final, Protocol

from decart_widget.diagnostics.redaction import trace
from decart_widget.engine.connection import OutgoingFrame
from decart_widget.engine.pacing import Pacer
from decart_widget.errors import DecartError, SourceError

if TYPE_CHECKING:
    from decart_widget.inputs.sources.reader import FrameReader, ReadFrame

logger = logging.getLogger(__name__)

AHEAD: Final = 2
"""Frames that are read before they are due."""

OpenReader = Callable[[], "FrameReader"]
"""Opens the source; called on the thread that reads it; raises ``SourceError``."""


class FeedListener(Protocol):
    """What a feed reports, on the event loop."""

    def source_opened(self, generation: int, reader: FrameReader) -> None:
        """The source is open."""

    def source_failed(self, generation: int, error: DecartError) -> None:
        """The source can't be opened or read; there are no further frames."""


class SourceFeed:
    """Gives the frames of one source after another; use it on one event loop.

    Args:
        listener: Gets the reports.

    Attributes:
        pacer: Decides when frames are due.
        skipped: Frames that were read and not given, because a newer one was due.
        generation: Number of the current source; 0 before the first one.
    """

    def __init__(self, listener: FeedListener) -> None:
        self.pacer = Pacer()
        self.skipped = 0
        self.generation = 0
        self._listener = listener
        self._loop = asyncio.get_running_loop()
        self._changed = asyncio.Event()
        self._thread: _ReaderThread | None = None

    @property
    def is_open(self) -> bool:
        """Whether the current source has been opened and has not failed."""
        return self._thread is not None and self._thread.is_open

    @property
    def is_live(self) -> bool:
        """Whether the current source gives frames at its own times."""
        return self._thread is not None and self._thread.is_live

    @property
    def has_ended(self) -> bool:
        """Whether all frames of the current source were given."""
        thread = self._thread
        return thread is not None and thread.at_end and not thread.frames

    def replace(self, generation: int, open_reader: OpenReader, *, after: int = -1) -> None:
        """Reads another source from now on; frames of the former one are dropped.

        Args:
            generation: Its number; rises.
            open_reader: Opens it.
            after: Frames up to this index are passed over.
        """
        self.close()
        self.generation = generation
        self.pacer.restart()
        self._thread = _ReaderThread(self, generation, open_reader, after)
        self._thread.start()
        self._changed.set()

    def close(self) -> None:
        """Closes the current source."""
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.stop()

    async def next_frame(
        self, *, every: bool, wanted: Callable[[], bool] = lambda: True
    ) -> OutgoingFrame | None:
        """Returns the next frame when it is due; waits while there is none.

        Args:
            every: Give each frame, and delay the later ones instead of skipping any.
            wanted: Whether the caller still wants one; `notify` lets it be called again. Of two
                that wait the one that asked first would get the frame.

        Returns:
            The frame; None once at the end of a source, and when it isn't wanted any more.
        """
        while wanted():
            thread = self._thread
            if thread is not None and thread.frames:
                due_s = self._due(thread.frames[0], every=every)
                left_s = due_s - self._loop.time()
                if left_s <= 0:
                    return self._take(thread, every=every)
                self._changed.clear()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(left_s):
                        await self._changed.wait()
                continue
            if thread is not None and thread.at_end and not thread.end_was_told:
                thread.end_was_told = True
                return None
            self._changed.clear()
            await self._changed.wait()
        return None

    def notify(self) -> None:
        """Wakes `next_frame`: something has changed."""
        self._changed.set()

    def opened(self, thread: _ReaderThread, reader: FrameReader) -> None:
        """Reports that a thread has opened its source."""
        if thread is self._thread:
            self._listener.source_opened(thread.generation, reader)

    def failed(self, thread: _ReaderThread, error: DecartError) -> None:
        """Reports that a thread can't open or read its source."""
        if thread is self._thread:
            self._listener.source_failed(thread.generation, error)

    def _due(self, frame: ReadFrame, *, every: bool) -> float:
        now_s = self._loop.time()
        if self.is_live:
            return now_s
        if every:
            return self.pacer.due_of_every(frame.source_time, now_s)
        return self.pacer.due(frame.source_time, now_s)

    def _take(self, thread: _ReaderThread, *, every: bool) -> OutgoingFrame:
        frame = thread.pop()
        if not every and not thread.holds_back:
            while thread.frames and self._due(thread.frames[0], every=False) <= self._loop.time():
                self.skipped += 1
                frame = thread.pop()
        self.pacer.sent(frame.source_time, self._loop.time())
        captured_ns = getattr(frame, "captured_ns", 0) if thread.is_live else 0
        return OutgoingFrame(
            picture=frame.picture,
            index=frame.index,
            source_time=frame.source_time,
            captured_ns=captured_ns or time.monotonic_ns(),
            generation=thread.generation,
        )


class _ReaderThread(threading.Thread):
    """Opens and reads one source; what it has read waits in ``frames``."""

    def __init__(
        self, feed: SourceFeed, generation: int, open_reader: OpenReader, after: int
    ) -> None:
        super().__init__(name=f"decart-source-{generation}", daemon=True)
        self.generation = generation
        self.frames: deque[ReadFrame] = deque()
        self.is_open = False
        self.is_live = self.holds_back = False
        self.at_end = False
        self.end_was_told = False
        self._feed = feed
        self._loop = asyncio.get_running_loop()
        self._open_reader = open_reader
        self._after = after
        self._room = threading.Condition()
        self._stopped = False
        self._reader: FrameReader | None = None

    def stop(self) -> None:
        """Ends the thread; it closes its source."""
        with self._room:
            self._stopped = True
            self._room.notify()
        reader = self._reader
        if reader is not None:
            reader.close()  # wakes a read that waits

    def pop(self) -> ReadFrame:
        """Takes the oldest frame, and lets the next one be read."""
        with self._room:
            frame = self.frames.popleft()
            self._room.notify()
        return frame

    def run(self) -> None:
        """Reads until the end of the source, a failure, or `stop`."""
        reader = None
        try:
            self._reader = reader = self._open_reader()
            self.holds_back = getattr(reader, "holds_back", False)
            self.is_live, self.is_open = reader.is_live, True
            self._call(self._feed.opened, self, reader)
            while not self._stopped and (frame := reader.read()) is not None:
                if frame.index > self._after:
                    self._keep(frame)
        except Exception as error:
            if not self._stopped:
                self._call(self._feed.failed, self, _as_source_error(error))
                self.is_open = False
        else:
            self.at_end = not self._stopped
            self._call(self._feed.notify)
        finally:
            if reader is not None:
                reader.close()

    def _keep(self, frame: ReadFrame) -> None:
        with self._room:
            if self.is_live and self.frames and not self.holds_back:
                self.frames.clear()
                self._feed.skipped += 1
            ahead = 1 if self.holds_back else AHEAD
            while len(self.frames) >= ahead and not self._stopped:
                self._room.wait()
            self.frames.append(frame)
        self._call(self._feed.notify)

    def _call(self, function: Callable[..., Any], *arguments: Any) -> None:
        with contextlib.suppress(RuntimeError):  # the loop has been closed
            self._loop.call_soon_threadsafe(function, *arguments)


def _as_source_error(error: Exception) -> DecartError:
    if isinstance(error, DecartError):
        return error
    logger.warning("a source failed\n%s", trace(error))
    return SourceError(f"The source can't be read ({type(error).__name__}).")
