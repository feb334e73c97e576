"""Tells the worker which source to read, and accounts for its frames when a worker ends."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Protocol

from decart_widget.engine.commands import MAX_INDICES
from decart_widget.engine.up_source import UpSource

if TYPE_CHECKING:
    from decart_widget.engine.frame_rings import FrameRings
    from decart_widget.engine.received import FrameSink
    from decart_widget.engine.ring import RingWriter
    from decart_widget.errors import DecartError
    from decart_widget.inputs.sources.reader import FrameReader, Source, Target


class FrameSource(Protocol):
    """A source whose frames are made in this process (``kind`` is ``"frames"``)."""

    def reader(self, target: Target) -> FrameReader:
        """Opens the source; called on the thread that reads it."""


class SourceSender:
    """The current source of an engine. Use it on one event loop.

    Each source, and each begin of one, has a number: its generation. A worker that replaces one
    which ended is told the same generation, and reads on behind the last frame that was sent.

    Args:
        source: The first source.
        send: Sends a command to the worker.
        on_failed: Called when a source that is read in this process fails.

    Attributes:
        source: The current source.
        generation: Its number.
    """

    def __init__(
        self,
        source: Source,
        send: Callable[..., None],
        on_failed: Callable[[int, DecartError], None],
    ) -> None:
        self.source = source
        self.generation = 1
        self._send = send
        self._on_failed = on_failed
        self._target: Target | None = None
        self._opened = 0
        self._begun = 0
        self._up_source: UpSource | None = None
        self._up_reader: FrameReader | None = None
        self._sent: list[int] = []
        self._settled: set[int] = set()

    def replace(self, source: Source | None = None) -> None:
        """Begins another source, or the same one from its start; `open` tells the worker."""
        self.source = source or self.source
        self.generation += 1

    def forget_worker(self) -> None:
        """Notes that another worker has to be told the source."""
        self._opened = 0

    def open(self, target: Target, up: RingWriter) -> None:
        """Makes the worker read the current source, unless it does so already.

        Args:
            target: The picture that the service is sent.
            up: The upward ring.
        """
        if target != self._target:
            self._target = target
            self.generation += 1
        if self._opened == self.generation:
            return
        self._opened = self.generation
        if self._begun != self.generation:
            self._begun = self.generation
            self._sent, self._settled = [], set()
            self._stop_up_source()
        description = dict(self.source.describe())
        if description.get("kind") != "frames":
            self._tell(description)
        elif self._up_source is None:
            self._start_up_source(target, up)
        elif self._up_reader is not None:  # else it will be told when it is open
            self._tell(None, self._up_reader)

    def reopen(self, up: RingWriter) -> None:
        """Makes a worker that reads a source read the current one."""
        if self._opened and self._target is not None:
            self.open(self._target, up)

    def close(self) -> None:
        """Ends the thread that reads a source in this process."""
        self._stop_up_source()
        self._opened = 0

    @property
    def has_ended(self) -> bool:
        """Whether no thread uses the upward ring."""
        return self._up_source is None or self._up_source.has_ended

    # --- what the worker reports --------------------------------------------------------------

    def opened(self) -> None:
        """Notes that the worker reads the current source."""
        if self._up_source is not None:
            self._up_source.begin()

    def sent(self, indices: list[int]) -> None:
        """Notes frames that have to come back."""
        self._sent = [*self._sent, *indices][-MAX_INDICES:]

    def lost(self, indices: list[int]) -> None:
        """Notes frames that were named as lost."""
        self._settled = {*self._settled, *indices}

    def name_lost_with_worker(self, rings: FrameRings) -> None:
        """Names the frames as lost that the worker had sent, or taken, when it ended."""
        delivery, up, down = rings.delivery, rings.up, rings.down
        if delivery is None or up is None or down is None:
            return
        taken = self._sent if self._up_source is None else self._up_source.taken(up.taken)
        settled, generation = set(self._settled), self.generation

        def name(sink: FrameSink) -> None:
            # Called when the frames that had come back before were delivered.
            returned = {index for own, index in delivery.delivered() if own == generation}
            lost = [index for index in taken if index not in returned and index not in settled]
            if lost:
                sink.lost(lost)

        self._settled = {*settled, *taken}
        delivery.notify(down.newest, name)

    # --- inside -------------------------------------------------------------------------------

    def _tell(
        self, description: Mapping[str, Any] | None, reader: FrameReader | None = None
    ) -> None:
        assert self._target is not None
        self._send(
            "source",
            generation=self.generation,
            description=description,
            is_live=reader is not None and reader.is_live,
            label=self.source.label,
            fps=None if reader is None else reader.fps,
            target=asdict(self._target),
            after=-1 if description is None else max(self._sent, default=-1),
        )

    def _start_up_source(self, target: Target, up: RingWriter) -> None:
        loop, generation = asyncio.get_running_loop(), self.generation
        source: FrameSource = self.source  # type: ignore[assignment]

        def on_loop(call: Callable[..., None], *arguments: Any) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(call, *arguments)

        def tell(reader: FrameReader) -> None:
            if generation == self.generation:
                self._up_reader = reader
                self._tell(None, reader)

        def end(number: int) -> None:
            self._send("source_end", generation=generation, number=number)

        self._up_source = UpSource(
            lambda: source.reader(target),
            up,
            generation,
            on_open=lambda reader: on_loop(tell, reader),
            on_end=lambda number: on_loop(end, number),
            on_error=lambda error: on_loop(self._on_failed, generation, error),
        )

    def _stop_up_source(self) -> None:
        if self._up_source is not None:
            self._up_source.stop()
        self._up_source = self._up_reader = None
