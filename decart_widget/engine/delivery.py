"""Passes received frames to their sinks, on a thread of its own."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

from decart_widget.diagnostics.redaction import trace
from decart_widget.engine.received import FrameSink, ReceivedFrame
from decart_widget.engine.ring import RingFrame, RingReader

logger = logging.getLogger(__name__)

WAIT_S: Final = 30.0
"""Seconds between two looks at a silent ring; every change rings its doorbell."""

REMEMBERED: Final = 1024
"""Frames that were delivered and are remembered, to tell which are lost when a worker is killed."""

Call = Callable[[FrameSink], Any]
"""Calls a method of a sink."""


class Delivery:
    """Reads the downward ring and calls the sinks.

    Args:
        ring: The ring's reading end.
        waker: The writing end of the ring's doorbell, with which the thread is woken.
        on_every: Called, on any thread, when the first sink that needs each frame was added, or
            the last one was removed.
    """

    def __init__(self, ring: RingReader, waker: int, on_every: Callable[[bool], None]) -> None:
        self._ring = ring
        self._waker = waker
        self._on_every = on_every
        self._lock = threading.Lock()
        self._sinks: dict[int, tuple[FrameSink, bool]] = {}
        self._notices: deque[tuple[int, Call]] = deque()
        self._delivered: deque[tuple[int, int]] = deque(maxlen=REMEMBERED)
        self._stopped = False
        self._thread = threading.Thread(target=self._run, name="decart-frames", daemon=True)
        self._thread.start()

    @property
    def every(self) -> bool:
        """Whether a sink needs each frame."""
        with self._lock:
            return any(every for _, every in self._sinks.values())

    @property
    def dropped(self) -> int:
        """Frames that were passed over for newer ones."""
        return self._ring.dropped

    def add(self, sink: FrameSink, *, every: bool) -> None:
        """Passes frames to a sink from now on."""
        self._change(lambda: self._sinks.__setitem__(id(sink), (sink, every)))

    def remove(self, sink: FrameSink) -> None:
        """Passes nothing to a sink any more; one that wasn't added is ignored.

        A call that runs on the thread meanwhile may still end after this one.
        """
        self._change(lambda: self._sinks.pop(id(sink), None))

    def notify(self, number: int, call: Call) -> None:
        """Calls all sinks when the frames up to a number of the ring were delivered.

        Args:
            number: The number; of frames that are not written yet, if there are any.
            call: Calls a method of one sink.
        """
        self._notices.append((number, call))
        self._wake()

    def delivered(self) -> set[tuple[int, int]]:
        """Returns generation and index of the last frames that were delivered."""
        return set(self._delivered.copy())

    def stop(self) -> None:
        """Ends the thread; waits for it, unless a sink blocks it or it is the one that calls."""
        self._stopped = True
        self._wake()
        if threading.current_thread() is not self._thread:
            self._thread.join(1.0)

    @property
    def has_ended(self) -> bool:
        """Whether the thread has ended, so that the ring may be closed."""
        return not self._thread.is_alive()

    def _change(self, change: Callable[[], Any]) -> None:
        before = self.every
        with self._lock:
            change()
        if self.every is not before:
            self._on_every(not before)
        self._wake()

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            os.write(self._waker, b"\0")

    def _run(self) -> None:
        ring = self._ring
        while not self._stopped:
            ring.silence()
            self._give_notices()
            frame = ring.take(every=self.every)
            if frame is not None:
                self._deliver(frame)
            elif not self._has_due_notice():
                ring.wait(WAIT_S)

    def _has_due_notice(self) -> bool:
        return bool(self._notices) and self._notices[0][0] <= self._ring.taken

    def _give_notices(self) -> None:
        while self._has_due_notice():
            self._call_all(self._notices.popleft()[1])

    def _deliver(self, frame: RingFrame) -> None:
        info = frame.info
        self._delivered.append((info.generation, info.index))
        received = ReceivedFrame(
            picture=frame.picture,
            index=info.index,
            source_time=info.source_time,
            captured_ns=info.captured_ns,
            received_ns=info.received_ns,
            exact=info.exact,
            generation=info.generation,
            attempt=info.attempt,
        )
        self._call_all(lambda sink: sink.frame(received))

    def _call_all(self, call: Call) -> None:
        with self._lock:
            sinks = [sink for sink, _ in self._sinks.values()]
        for sink in sinks:
            try:
                call(sink)
            except Exception as error:
                logger.error("A sink of frames failed.\n%s", trace(error))
