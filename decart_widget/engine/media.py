"""Media without a browser: a worker process sends the frames of a source, and receives others."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from typing import Any, Final

from decart_widget.engine.connection import ConnectionSettings
from decart_widget.engine.figures import Figures
from decart_widget.engine.frame_rings import FrameRings
from decart_widget.engine.received import FrameSink
from decart_widget.engine.recordings import Recordings
from decart_widget.engine.source_sender import SourceSender
from decart_widget.engine.view_link import ViewLink
from decart_widget.engine.worker_events import WorkerEvents
from decart_widget.engine.worker_process import WorkerProcess
from decart_widget.errors import (
    ClosedError,
    ConnectionLostError,
    DecartError,
    MediaError,
    SourceError,
)
from decart_widget.inputs.sources.reader import Source, Target
from decart_widget.protocol.messages import Candidate, RoomInfo
from decart_widget.session.media import EndReason, MediaListener, Preparation

logger = logging.getLogger(__name__)

ROOMS_PER_WORKER: Final = 20
"""Rooms that a worker joins until it is replaced, at the end of a session: the native code of the
package livekit keeps 0.6 MB of each published track."""


class EngineMedia(WorkerEvents):
    """Implements ``Media`` with a worker process. Use it on one event loop, but for its sinks.

    The process is started by `ready`, or in advance by `warm`. One that ends is replaced, and the
    session reconnects. The rings of frames are made once.

    Args:
        source: What is sent.
        orientation: ``"landscape"``, ``"portrait"`` or ``"auto"``, as in ``Target``.
        mirror: Whether the picture is mirrored.

    Attributes:
        listener: Gets the reports: the session.
        frame_timing: As in ``Media``; likewise ``in_browser``.
        source_info: What the worker says about the open source: ``label``, ``is_live``, ``fps``,
            ``duration_s``, ``frame_count``; empty before it is open.
        recordings: Files that the worker writes.
        views: Pictures that the worker encodes for pages.
        orientation: See above; used by the next start.
        mirror: Likewise.
        counts: ``sent``, ``received``, ``skipped`` and ``lost`` frames of the worker so far.
        on_source: Called with ``source_info`` when a source was opened.
        on_source_failed: Called with the error when a source can't be read further, before the
            session is ended with it; what the user's code raised is its ``__cause__``.
    """

    frame_timing, in_browser = True, False

    def __init__(
        self, source: Source, *, orientation: str = "landscape", mirror: bool = False
    ) -> None:
        self.listener: MediaListener | None = None
        self.source_info: dict[str, Any] = {}
        self.counts: dict[str, int] = {}
        self.on_source: Callable[[dict[str, Any]], None] | None = None
        self.on_source_failed: Callable[[DecartError], None] | None = None
        self._sources = SourceSender(source, self._send, self._source_failed)
        self._source_error: DecartError | None = None
        self.orientation = orientation
        self.mirror = mirror
        self._loop: asyncio.AbstractEventLoop | None = None
        self._worker: WorkerProcess | None = None
        self._starting: asyncio.Task[None] | None = None
        self._closed = False
        self._carrier: WorkerProcess | None = None  # of the current attempt
        self._rings = FrameRings(self._every_changed)
        self._attempt = self._rooms = 0
        self._codec = "AUTO"
        self._transport = "webrtc"
        self._figures = Figures(self._send)
        self.recordings = Recordings(self._send)
        self.views = ViewLink(self._send)

    # --- sinks: any thread --------------------------------------------------------------------

    def add_sink(self, sink: FrameSink, every: bool = False) -> None:
        """Passes received frames to a sink, on a thread of the engine.

        Args:
            sink: Takes the frames.
            every: Let no frame be dropped: the source is held back while the sink blocks. Each
                frame that was sent is then delivered, or named as lost.
        """
        self._rings.add_sink(sink, every=every)

    def remove_sink(self, sink: FrameSink) -> None:
        """Passes no frame to a sink any more."""
        self._rings.remove_sink(sink)

    # --- Media --------------------------------------------------------------------------------

    @property
    def waiting_for_person(self) -> bool:
        """Whether somebody is asked for permission: never."""
        return False

    @property
    def server_codec(self) -> str | None:
        """The codec in which the service is asked to send: H.264 costs half of VP8 to decode."""
        return "vp8" if self._codec == "VP8" else "h264"

    def warm(self, transport: str = "webrtc") -> None:
        """Starts the process, and imports what it needs, because a start is likely.

        Args:
            transport: The transport that is likely.
        """
        self._transport = transport
        if not self._closed:
            self._ensure_started()

    async def ready(self, timeout: float) -> None:
        """Waits until the worker carries out commands.

        Args:
            timeout: Seconds.

        Raises:
            ClosedError: The engine is closed.
            MediaError: The worker can't be started, or not in that time.
        """
        if self._closed:
            raise ClosedError("This engine is closed.")
        try:
            async with asyncio.timeout(timeout):
                while not (self._worker and self._worker.is_alive and self._worker.ready.is_set()):
                    await asyncio.shield(self._ensure_started())
                    if (worker := self._worker) is None:
                        continue
                    await worker.ready.wait()
                    if worker.failure and not worker.has_begun:
                        raise MediaError(
                            f"The process that carries the video {worker.failure}",
                            remedy="Install decart_widget anew if this happens again.",
                            code="engine-failed",
                        )
        except TimeoutError:
            raise MediaError(
                f"The process that carries the video was not ready within {timeout:g} s.",
                remedy="Start again when the machine is less busy.",
                code="engine-failed",
            ) from None

    async def attended(self) -> None:
        """Waits until a worker that has ended is replaced."""
        if not self._closed:
            with contextlib.suppress(DecartError):  # `ready` raises it again
                await asyncio.shield(self._ensure_started())

    def prepare(self, attempt: int, preparation: Preparation) -> None:
        """Opens the source, and lets the worker make the connection."""
        self._carrier = self._worker
        self._attempt = attempt
        video, model = preparation.video, preparation.model
        self._codec = str(video.preferred_codec).upper()
        self._transport = preparation.transport
        target = Target(
            model.width, model.height, video.max_framerate, self.orientation, self.mirror
        )
        if self._source_error is not None and self.listener is not None:
            self.listener.media_refused(attempt, self._source_error)
            return
        if self._rings.up is not None:
            self._sources.open(target, self._rings.up)
        settings = ConnectionSettings(
            transport=preparation.transport,
            preferred_codec=self._codec,
            max_bitrate_bps=int(video.max_bitrate),
            min_bitrate_bps=int(video.min_bitrate),
            max_fps=float(video.max_framerate),
            width_px=model.width,
            height_px=model.height,
            rtc=dict(preparation.rtc),
            loopback=preparation.loopback,
        )
        self._send("prepare", attempt=attempt, connection=asdict(settings))
        self.views.began(attempt)
        if not self.pid and self._carrier is not None and self._carrier.failure:
            # It ended between `ready` and now, which was reported before it was the carrier.
            asyncio.get_running_loop().call_soon(
                self._worker_ended, self._carrier, self._carrier.failure
            )

    def join(self, attempt: int, room: RoomInfo) -> None:
        """Lets the worker join the room."""
        self._rooms += 1
        self._send("join", attempt=attempt, url=room.url, token=room.token)

    def answer(self, attempt: int, sdp: str) -> None:
        """Passes the service's session description on."""
        self._send("answer", attempt=attempt, sdp=sdp)

    def add_candidate(self, attempt: int, candidate: Candidate | None) -> None:
        """Passes a candidate of the service on."""
        init = None
        if candidate is not None:
            init = {
                "candidate": candidate.candidate,
                "sdpMid": candidate.sdp_mid,
                "sdpMLineIndex": candidate.sdp_m_line_index,
            }
        self._send("candidate", attempt=attempt, candidate=init)

    def end(self, attempt: int, reason: EndReason, *, keep_source: bool) -> None:
        """Ends the connection, and the source unless another attempt follows."""
        self._send("end", attempt=attempt, keep_source=keep_source)
        if not keep_source:
            self._carrier = None
            self._sources.close()
            self._sources.replace()
            self._source_error = None
            if self._rooms >= ROOMS_PER_WORKER and not self._closed and self.pid:
                self._begin(self._replace())

    # --- further calls ------------------------------------------------------------------------

    def replace_source(self, source: Source) -> None:
        """Sends another source from now on, also while a session runs.

        Args:
            source: The other source; already checked.
        """
        self._source_error = None
        self._sources.replace(source)
        if self._rings.up is not None:
            self._sources.reopen(self._rings.up)

    async def figures(self) -> dict[str, Any]:
        """Returns counts of the connection and of the worker; empty without a worker."""
        return await self._figures.request() if self.pid else {}

    @property
    def pid(self) -> int:
        """The process id of the worker; 0 without one."""
        return self._worker.pid if self._worker is not None and self._worker.is_alive else 0

    @property
    def dropped(self) -> int:
        """Frames that came back and were passed over for newer ones."""
        return 0 if self._rings.delivery is None else self._rings.delivery.dropped

    async def close(self) -> None:
        """Ends the worker and frees everything. May be called twice."""
        self._closed = True
        self._sources.close()
        if self._starting is not None:
            with contextlib.suppress(DecartError):
                await asyncio.shield(self._starting)
        if self._worker is not None:
            await self._worker.close()
        await asyncio.get_running_loop().run_in_executor(None, self._rings.stop)
        self._rings.free(up_is_used=not self._sources.has_ended)

    # --- the worker ---------------------------------------------------------------------------

    def _ensure_started(self) -> asyncio.Task[None]:
        dead = self._worker is None or not self._worker.is_alive
        if self._starting is None or (self._starting.done() and dead):
            return self._begin(self._start())
        return self._starting

    def _begin(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        self._starting = asyncio.create_task(work)
        self._starting.add_done_callback(lambda done: done.cancelled() or done.exception())
        return self._starting

    async def _start(self) -> None:
        self._loop = asyncio.get_running_loop()
        descriptors = self._rings.create()
        self._sources.forget_worker()
        self._rooms = 0
        worker = WorkerProcess(
            descriptors, self._event, lambda how: self._worker_ended(worker, how)
        )
        await worker.start()
        self._worker = worker
        self._send("warm", transport=self._transport)
        self._send("every", on=self._rings.every)

    async def _replace(self) -> None:
        self._rooms = 0
        if self._worker is not None:
            await self._worker.close()
        if not self._closed:
            await self._start()

    def _send(self, kind: str, part: bytes = b"", /, **fields: Any) -> None:
        if self._worker is not None:
            self._worker.send(kind, part, **fields)

    def _every_changed(self, on: bool) -> None:
        if self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                self._loop.call_soon_threadsafe(lambda: self._send("every", on=on))

    def _worker_ended(self, worker: WorkerProcess, how: str) -> None:
        logger.warning("The media process %s", how)
        self._figures.worker_ended()
        self.recordings.worker_ended()
        if self._closed or worker is not self._carrier:
            return  # no attempt depends on it; the next start replaces it
        if self._rings.every:
            self._sources.name_lost_with_worker(self._rings)
        self._ensure_started()
        if self.listener is not None:
            self.listener.media_lost(
                ConnectionLostError(f"The process that carries the video {how}")
            )

    def _source_failed(self, generation: int, error: DecartError) -> None:
        if generation != self._sources.generation:
            return
        self._source_error = error
        if self.on_source_failed is not None:
            self.on_source_failed(error)
        if self.listener is not None:
            # A copy, because the session removes the causes of an error with which it ends.
            copy = SourceError(error.message, remedy=error.remedy, code=error.code)
            self.listener.media_refused(self._attempt, copy)
