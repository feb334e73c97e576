"""A source whose frames are made in this process (arrays, iterables), read on a thread of its own.

The frames go into the upward ring: those of a live source over older ones, the others as soon as
there is room.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from decart_widget.engine.ring import FrameInfo, FrameTooLargeError, RingWriter
from decart_widget.engine.ring_memory import SLOTS
from decart_widget.errors import DecartError, SourceError

if TYPE_CHECKING:
    from decart_widget.inputs.sources.reader import FrameReader, ReadFrame

ROOM_CHECK_S: Final = 0.2
"""Seconds between checks whether the source was closed, while the ring is full."""

STOP_TIMEOUT_S: Final = 2.0
"""Seconds that the user's code may take to end before its thread is left alone."""


class UpSource:
    """Reads one source into the ring, when the worker expects it.

    Args:
        open_reader: Opens the source; called on the thread.
        ring: The upward ring.
        generation: Number of the source.
        on_open: Called, on the thread, with the open source; `begin` is to be called after it.
        on_end: Called, on the thread, with the number of the last frame in the ring.
        on_error: Called, on the thread, when the source fails.
    """

    def __init__(
        self,
        open_reader: Callable[[], FrameReader],
        ring: RingWriter,
        generation: int,
        *,
        on_open: Callable[[FrameReader], None],
        on_end: Callable[[int], None],
        on_error: Callable[[DecartError], None],
    ) -> None:
        self.generation = generation
        self._open_reader = open_reader
        self._ring = ring
        self._on_open = on_open
        self._on_end = on_end
        self._on_error = on_error
        self._begin = threading.Event()
        self._stopped = False
        self._reader: FrameReader | None = None
        self._written: dict[int, int] = {}
        self._thread = threading.Thread(
            target=self._run, name=f"decart-source-{generation}", daemon=True
        )
        self._thread.start()

    def begin(self) -> None:
        """Lets frames be written: the worker passes over no frame of this source any more."""
        self._begin.set()

    def taken(self, number: int) -> list[int]:
        """Returns the indices of the frames that the worker has taken, of the last 1024.

        Args:
            number: The last frame that was taken from the ring.
        """
        return [index for own, index in sorted(self._written.copy().items()) if own <= number]

    def stop(self) -> None:
        """Ends the thread and closes the source."""
        self._stopped = True
        self._begin.set()
        reader = self._reader
        if reader is not None:
            reader.close()

    def join(self) -> None:
        """Waits for the end of the thread, unless the user's code goes on for too long."""
        if threading.current_thread() is not self._thread:
            self._thread.join(STOP_TIMEOUT_S)

    @property
    def has_ended(self) -> bool:
        """Whether the thread has ended, so that the ring may be closed."""
        return not self._thread.is_alive()

    def _run(self) -> None:
        reader = None
        try:
            self._reader = reader = self._open_reader()
            self._on_open(reader)
            self._begin.wait()
            last = self._read_all(reader)
        except DecartError as error:
            if not self._stopped:
                self._on_error(error)
        except Exception as error:
            if not self._stopped:
                failed = SourceError(f"The source can't be read ({type(error).__name__}).")
                failed.__cause__ = error
                self._on_error(failed)
        else:
            if not self._stopped:
                self._on_end(last)
        finally:
            if reader is not None:
                reader.close()

    def _read_all(self, reader: FrameReader) -> int:
        last = 0
        # A reader whose next frame depends on what is sent meanwhile has few of them waiting.
        ahead = getattr(reader, "ahead", 0)
        if ahead:
            self._wait_for_room(ahead)
        while not self._stopped and (frame := reader.read()) is not None:
            if not reader.is_live and not ahead:
                self._wait_for_room(SLOTS)
            last = self._write(frame)
            if ahead:
                self._wait_for_room(ahead)
        return last

    def _wait_for_room(self, ahead: int) -> None:
        while not self._stopped and not self._ring.wait_for_room(ROOM_CHECK_S, ahead):
            pass

    def _write(self, frame: ReadFrame) -> int:
        import numpy as np

        picture = frame.picture
        rows, width = picture.shape
        info = FrameInfo(
            frame.index, frame.source_time, time.monotonic_ns(), generation=self.generation
        )
        try:
            number = self._ring.write(
                width, rows * 2 // 3, info, lambda into: np.copyto(into, picture)
            )
        except FrameTooLargeError as error:
            raise SourceError(str(error), remedy="Give smaller frames.") from None
        self._written[number] = frame.index
        self._written.pop(number - 1024, None)
        return number
