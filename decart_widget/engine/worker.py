"""The worker: carries out the commands of one engine, in a process of its own.

It reads commands from one socket and writes events to it, each a line of JSON (`commands`). The end
of the socket is the parent's end, and the worker ends then too. Frames travel through two rings.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from decart_widget.diagnostics.redaction import remember, trace
from decart_widget.engine.commands import (
    COMMANDS,
    EVENTS,
    MAX_INDICES,
    MessageError,
    decode,
    encode,
    part_bytes,
)
from decart_widget.engine.connection import Connection, ConnectionSettings, FrameExchange
from decart_widget.engine.connection_calls import Attempt, close
from decart_widget.engine.connections import connect
from decart_widget.engine.downlink import Downlink
from decart_widget.engine.exchange import Counts, Exchange
from decart_widget.engine.recorder import Recorder
from decart_widget.engine.ring import RingReader, RingWriter
from decart_widget.engine.ring_source import RingSource
from decart_widget.engine.source_feed import SourceFeed
from decart_widget.engine.views import Views
from decart_widget.engine.webcam_source import WebcamSource
from decart_widget.errors import DecartError, MediaError
from decart_widget.inputs.sources.reader import FrameReader, Target

logger = logging.getLogger(__name__)

BEAT_S: Final = 1.0
"""Seconds between two events ``beat``."""

EXIT_TIMEOUT_S: Final = 1.0
"""Seconds that closing everything may take at the end of the worker."""

WARM_MODULES: Final[Mapping[str, tuple[str, ...]]] = {
    "webrtc": ("decart_widget.engine.peer",),
    "livekit": ("decart_widget.engine.room",),
}
"""What a connection needs, by transport."""

Connect = Callable[[ConnectionSettings, FrameExchange], Connection]
"""Makes the connection of an attempt."""

OpenSource = Callable[[Mapping[str, Any], Target], FrameReader]
"""Opens a source by its description; raises ``SourceError``."""


def open_source(description: Mapping[str, Any], target: Target) -> FrameReader:
    """Opens a source by its description.

    Raises:
        SourceError: It can't be used.
    """
    from decart_widget.inputs.sources.opening import open_reader

    return open_reader(description, target)


class Worker:
    """Carries out commands; use it on one event loop.

    Args:
        send: Sends a line to the parent.
        up: The ring of the parent's own frames.
        down: The ring of received frames.
        connect: Makes the connection of an attempt.
        open_source: Opens a source by its description.
    """

    def __init__(
        self,
        send: Callable[[bytes], None],
        up: RingReader,
        down: RingWriter,
        *,
        connect: Connect = connect,
        open_source: OpenSource = open_source,
    ) -> None:
        self._send = send
        self._up = up
        self._connect = connect
        self._open_source = open_source
        self._counts = Counts()
        self._feed = SourceFeed(self)
        self._link = Downlink(down)
        self._views = self._link.views = Views(self._send_picture)
        self._attempt: Attempt | None = None
        self._ring_source: RingSource | None = None
        self._webcam = WebcamSource(self._feed, self.tell)
        self._recording = 0
        self._background: set[asyncio.Task[None]] = set()

    async def run(self, commands: asyncio.StreamReader) -> None:
        """Carries out commands until their end, and closes everything."""
        loop = asyncio.get_running_loop()
        beating = asyncio.create_task(self._beat())
        loop.add_reader(self._link.bell, self._link.flush)
        self.tell("hello")
        # A parent that was killed says no goodbye.
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while line := await commands.readline():
                count = part_bytes(line)
                self.carry_out(line, await commands.readexactly(count) if count else b"")
        beating.cancel()
        loop.remove_reader(self._link.bell)
        self._end(keep_source=False)
        if (recorder := self._link.recorder) is not None:  # its file is playable then
            recorder.stop()
            await loop.run_in_executor(None, recorder.join)
        if self._background:
            await asyncio.wait(self._background, timeout=EXIT_TIMEOUT_S)

    def carry_out(self, line: bytes, part: bytes = b"") -> None:
        """Carries out one command; what can't be carried out is logged.

        Args:
            line: The command.
            part: Its binary part, which becomes its field ``part``.
        """
        try:
            kind, fields = decode(COMMANDS, line)
            if part:
                fields["part"] = part
            del line  # may hold a token, and a traceback may show this frame
            getattr(self, f"_do_{kind}")(**fields)
        except MessageError as error:
            logger.warning("A command was refused: %s.", error)
        except Exception as error:
            logger.error("A command failed.\n%s", trace(error))

    def tell(self, kind: str, part: bytes = b"", /, **fields: Any) -> None:
        """Sends an event to the parent, with its binary part."""
        if "indices" in fields:
            fields["indices"] = fields["indices"][-MAX_INDICES:]
        with contextlib.suppress(OSError):
            self._send(encode(EVENTS, kind, part, **fields))

    # --- commands -----------------------------------------------------------------------------

    def _do_warm(self, transport: str) -> None:
        _import(WARM_MODULES.get(transport, ()))

    def _do_source(
        self,
        generation: int,
        description: Mapping[str, Any] | None,
        is_live: bool,
        label: str,
        fps: float | None,
        target: Mapping[str, Any],
        after: int,
    ) -> None:
        self._webcam.close()
        if description is None:
            source = RingSource(self._up, generation, label=label, is_live=is_live, fps=fps)
            self._ring_source = source
            self._feed.replace(generation, lambda: source, after=after)
            return
        self._ring_source = None
        fitted = Target(**target)
        if description.get("kind") == "webcam":
            self._webcam.open(generation, fitted, after)
            return
        self._feed.replace(generation, lambda: self._open_source(description, fitted), after=after)

    def _do_source_end(self, generation: int, number: int) -> None:
        if self._ring_source is not None and self._feed.generation == generation:
            self._ring_source.end_at(number)

    def _do_every(self, on: bool) -> None:
        self._link.every = on
        self._link.flush()

    def _do_prepare(self, attempt: int, connection: Mapping[str, Any]) -> None:
        self._end(keep_source=True)
        settings = ConnectionSettings(**connection)
        _remember_credentials(settings.rtc)
        exchange = Exchange(attempt, self._feed, self._link, self.tell, self._counts)
        try:
            self._attempt = Attempt(exchange, self._connect(settings, exchange))
        except Exception as error:
            exchange.refused(_as_media_error(error))
            exchange.close()
            return
        if self._feed.is_open:
            exchange.changed("camera")

    def _do_join(self, attempt: int, url: str, token: str) -> None:
        remember(token, "room")
        if (current := self._current(attempt)) is not None:
            current.call(lambda connection: connection.join(url, token))

    def _do_answer(self, attempt: int, sdp: str) -> None:
        if (current := self._current(attempt)) is not None:
            current.call(lambda connection: connection.answer(sdp))

    def _do_candidate(self, attempt: int, candidate: dict[str, Any] | None) -> None:
        if (current := self._current(attempt)) is not None:
            current.call(lambda connection: connection.add_candidate(candidate))

    def _do_end(self, attempt: int, keep_source: bool) -> None:
        if self._attempt is None or self._attempt.number <= attempt:
            self._end(keep_source=keep_source)

    def _do_figures(self, request: int) -> None:
        self._run(self._send_figures(request))

    def _do_record(
        self,
        number: int,
        path: str,
        which: Any,
        every: bool,
        fps: float,
        sound: list[Any] | None,
    ) -> None:
        loop = asyncio.get_running_loop()

        def room_came() -> None:
            loop.call_soon_threadsafe(self._link.room_came)

        def done(problem: str | None) -> None:
            loop.call_soon_threadsafe(self._recorded, number, problem)

        self._stop_recording()
        self._recording = number
        try:
            self._link.recorder = Recorder(
                Path(path),
                which,
                every=every,
                fps=fps,
                sound=None if sound is None else (sound[0], sound[1], sound[2]),
                room_came=room_came,
                done=done,
            )
        except OSError as error:
            problem = f"The recording can't be written ({error.strerror or type(error).__name__})."
            self.tell("recorded", number=number, frames=0, dropped=0, problem=problem)

    def _do_record_stop(self, number: int) -> None:
        if self._recording == number:
            self._stop_recording()

    def _do_watch(
        self,
        watcher: str,
        attempt: int,
        streams: list[str],
        codec: str,
        width: int,
        height: int,
    ) -> None:
        if self._current(attempt) is not None:
            self._views.watch(watcher, attempt, streams, codec, (width, height))

    def _do_webcam_frame(self, part: bytes, **about: Any) -> None:
        self._webcam.put(**about, data=part)

    def _do_shown(self, watcher: str, attempt: int, stream: str, number: int) -> None:
        self._views.shown(watcher, attempt, stream, number)

    # --- FeedListener -------------------------------------------------------------------------

    def source_opened(self, generation: int, reader: FrameReader) -> None:
        """Reports that the source is open."""
        self.tell(
            "source_opened",
            generation=generation,
            label=reader.label,
            is_live=reader.is_live,
            fps=reader.fps,
            duration_s=reader.duration_s,
            frame_count=reader.frame_count,
        )
        if self._attempt is not None:
            self._attempt.exchange.changed("camera")

    def source_failed(self, generation: int, error: DecartError) -> None:
        """Reports that the source can't be opened or read."""
        self.tell("source_failed", generation=generation, error=error.as_trait())

    # --- inside -------------------------------------------------------------------------------

    def _send_picture(self, fields: dict[str, Any], data: bytes) -> None:
        if self._current(fields["attempt"]) is not None:
            self.tell("picture", data, **fields)

    def _stop_recording(self) -> None:
        if self._link.recorder is not None:
            self._link.recorder.stop()

    def _recorded(self, number: int, problem: str | None) -> None:
        recorder = self._link.recorder
        if recorder is not None and self._recording == number:
            self._link.recorder = None
            self._link.room_came()
            counts = {"frames": recorder.frames, "dropped": recorder.dropped}
            self.tell("recorded", number=number, **counts, problem=problem)

    def _current(self, attempt: int) -> Attempt | None:
        current = self._attempt
        return current if current is not None and current.number == attempt else None

    def _end(self, *, keep_source: bool) -> None:
        if not keep_source:
            self._feed.close()
            self._webcam.close()
            self._ring_source = None
        attempt, self._attempt = self._attempt, None
        self._views.clear()
        if attempt is not None:
            attempt.exchange.close()
            self._run(close(attempt))

    def _run(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(BEAT_S)
            counts = self._counts
            self.tell(
                "beat",
                sent=counts.sent,
                received=counts.received,
                skipped=self._feed.skipped,
                lost=counts.lost,
            )

    async def _send_figures(self, request: int) -> None:
        figures: dict[str, Any] = {}
        if self._attempt is not None:
            with contextlib.suppress(Exception):
                figures = await self._attempt.connection.figures()
        self.tell("figures", request=request, figures={**figures, **_process_figures()})


def _import(modules: tuple[str, ...]) -> None:
    """Imports modules on the event loop's thread, where connections import them too.

    On another thread an import would run beside that one, and Python gives one of two threads that
    import modules which import each other a module that isn't complete.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            logger.warning("%s can't be imported.\n%s", module, trace(error))


def _process_figures() -> dict[str, Any]:
    """The worker's processor time in seconds, and its largest resident memory in bytes."""
    try:
        import resource
    except ImportError:  # Windows
        return {}
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {"cpu_s": used.ru_utime + used.ru_stime, "max_rss": used.ru_maxrss * 1024}


def _remember_credentials(rtc: Mapping[str, Any]) -> None:
    servers = rtc.get("iceServers")
    for server in servers if isinstance(servers, list) else ():
        if isinstance(server, Mapping) and isinstance(server.get("credential"), str):
            remember(server["credential"], "key")


def _as_media_error(error: Exception) -> DecartError:
    if isinstance(error, DecartError):
        return error
    logger.error("A connection can't be made.\n%s", trace(error))
    return MediaError(
        f"The connection can't be prepared ({type(error).__name__}).",
        remedy="Start again; the log has the details.",
    )
