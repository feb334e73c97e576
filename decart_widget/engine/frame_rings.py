"""The rings of an engine, and who takes received frames; made at the first start of a worker."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from decart_widget.engine.delivery import Delivery
from decart_widget.engine.ring import RingReader, RingWriter
from decart_widget.engine.worker_process import EngineRings, cannot_start

if TYPE_CHECKING:
    from decart_widget.engine.received import FrameSink

logger = logging.getLogger(__name__)


class FrameRings:
    """This process's ends of an engine's rings. They outlive worker processes.

    Args:
        on_every: Called, on any thread, with whether a sink needs each frame, when that changes.

    Attributes:
        descriptors: Of both rings; None before `create` and after `free`.
        up: The upward ring's writer; None likewise.
        down: The downward ring's reader; None likewise.
        delivery: The thread that calls the sinks; None before `create`.
    """

    def __init__(self, on_every: Callable[[bool], None]) -> None:
        self.descriptors: EngineRings | None = None
        self.up: RingWriter | None = None
        self.down: RingReader | None = None
        self.delivery: Delivery | None = None
        self._on_every = on_every
        self._lock = threading.Lock()
        self._early: list[tuple[FrameSink, bool]] = []

    @property
    def every(self) -> bool:
        """Whether a sink needs each frame."""
        return self.delivery is not None and self.delivery.every

    def add_sink(self, sink: FrameSink, *, every: bool) -> None:
        """Passes received frames to a sink; from any thread, also before `create`."""
        with self._lock:
            if self.delivery is None:
                self._early.append((sink, every))
                return
        self.delivery.add(sink, every=every)

    def remove_sink(self, sink: FrameSink) -> None:
        """Passes no frame to a sink any more; from any thread."""
        with self._lock:
            self._early = [entry for entry in self._early if entry[0] is not sink]
        if self.delivery is not None:
            self.delivery.remove(sink)

    def create(self) -> EngineRings:
        """Makes the rings, unless they exist.

        Raises:
            MediaError: There is no descriptor or no memory left.
        """
        if self.descriptors is not None:
            return self.descriptors
        try:
            made = EngineRings.create()
        except OSError as error:
            raise cannot_start(error) from None
        try:
            self.up = RingWriter(made.up.memory, made.up.writer_bell)
            self.down = RingReader(made.down.memory, made.down.reader_bell)
        except OSError as error:
            made.close()
            raise cannot_start(error) from None
        self.descriptors = made
        with self._lock:
            early, self._early = self._early, []
            self.delivery = Delivery(self.down, made.down.writer_bell, self._on_every)
        for sink, every in early:
            self.delivery.add(sink, every=every)
        return made

    def stop(self) -> None:
        """Ends the thread that calls the sinks; may block while one of them does."""
        if self.delivery is not None:
            self.delivery.stop()

    def free(self, *, up_is_used: bool) -> None:
        """Closes the rings, unless code of the user's still uses one.

        Args:
            up_is_used: Whether a source still writes to the upward ring.
        """
        if up_is_used or (self.delivery is not None and not self.delivery.has_ended):
            logger.warning("A thread with the user's code does not end; its memory is kept.")
            return
        for end in (self.up, self.down):
            if end is not None:
                end.close()
        if self.descriptors is not None:
            self.descriptors.close()
        self.descriptors = self.up = self.down = None
