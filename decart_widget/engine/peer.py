"""The connection of one attempt by offer and answer (``webrtc``), with aiortc."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, cast

import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceCandidate,
    RTCIceServer,
    RTCPeerConnection,
    RTCRtpCapabilities,
    RTCRtpSender,
    RTCSessionDescription,
)
from aiortc.mediastreams import MediaStreamError

from decart_widget.diagnostics.redaction import trace
from decart_widget.engine.rtp_identity import CLOCK_HZ, HOLD_S, Identity, SentFrames
from decart_widget.errors import MediaError
from decart_widget.rtc import sdp, tuning
from decart_widget.rtc.bitrates import Bitrates
from decart_widget.rtc.x264 import frame_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av import VideoFrame
    from numpy.typing import NDArray

    from decart_widget.engine.connection import (
        ConnectionSettings,
        FrameExchange,
        OutgoingFrame,
    )

logger = logging.getLogger(__name__)

START_BITRATE_BPS: Final = 3_000_000
"""bit/s with which sending begins, unless less is allowed; then the service's estimate decides."""

LEAST_BITRATE_BPS: Final = 100_000
"""bit/s below which the picture isn't encoded, whatever the service estimates."""

AUTO_CODECS: Final = ("H264", "VP8")
"""The order of codecs with ``preferred_codec="AUTO"``: H.264 costs a third less to encode, and
looks better at the same bitrate."""

PENDING_LIMIT: Final = 64
"""Candidates of the service that may come before its answer."""

_TIME_BASE: Final = Fraction(1, CLOCK_HZ)


class PeerConnection:
    """Implements ``Connection`` with one peer connection, which makes one offer.

    Args:
        settings: Codec, bitrates and servers.
        exchange: Gives the frames that are sent, and takes the received ones.
    """

    def __init__(self, settings: ConnectionSettings, exchange: FrameExchange) -> None:
        self._settings = settings
        self._exchange = exchange
        self._sent: SentFrames[OutgoingFrame] = SentFrames()
        self._identity: Identity[OutgoingFrame, VideoFrame] = Identity(self._sent, self._deliver)
        self._pending: list[dict[str, Any] | None] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._state = ""
        self._answered = False
        self._closed = False
        self._codec = ""
        self._pc = RTCPeerConnection(configuration(settings.rtc))
        self._pc.on("connectionstatechange", self._on_connection_state)
        self._pc.on("track", self._on_track)

    # --- Connection ---------------------------------------------------------------------------

    def start(self) -> None:
        """Makes the offer."""
        self._run(self._offer())

    async def join(self, url: str, token: str) -> None:
        """Fails: this transport has no rooms."""
        raise MediaError("This connection joins no room.")

    async def answer(self, sdp: str) -> None:
        """Applies the service's session description, and the candidates that came before it."""
        await self._pc.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        self._answered = True
        for transceiver in self._pc.getTransceivers():
            tuning.prepare_encoder(
                transceiver, self._bitrates, self._settings.max_fps, thorough=True
            )
            self._codec = tuning.sending_codec(transceiver)
        self._run(self._warm_up())
        pending, self._pending = self._pending, []
        for candidate in pending:
            await self._add(candidate)

    async def add_candidate(self, candidate: dict[str, Any] | None) -> None:
        """Adds a candidate of the service's; before the answer it is kept."""
        if self._answered:
            await self._add(candidate)
        elif len(self._pending) < PENDING_LIMIT:
            self._pending.append(candidate)

    async def figures(self) -> dict[str, Any]:
        """Returns ``codec``, ``sent_bytes``, ``received_bytes`` and ``round_trip_s``."""
        figures: dict[str, Any] = {"codec": self._codec}
        for report in (await self._pc.getStats()).values():
            if report.type == "outbound-rtp":
                figures["sent_bytes"] = figures.get("sent_bytes", 0) + report.bytesSent
            elif report.type == "transport":
                figures["received_bytes"] = report.bytesReceived
            elif report.type == "remote-inbound-rtp" and report.roundTripTime is not None:
                figures["round_trip_s"] = report.roundTripTime
        return figures

    async def close(self) -> None:
        """Closes the connection, which the service notices."""
        if self._closed:
            return
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await self._pc.close()

    # --- negotiation --------------------------------------------------------------------------

    @property
    def _bitrates(self) -> Bitrates:
        settings = self._settings
        if settings.loopback:  # an estimate of the network would only be noise
            return Bitrates.fixed(settings.max_bitrate_bps)
        most = settings.max_bitrate_bps
        least = min(most, max(LEAST_BITRATE_BPS, settings.min_bitrate_bps))
        return Bitrates(max(least, min(most, START_BITRATE_BPS)), least, most)

    async def _offer(self) -> None:
        pc = self._pc
        transceiver = pc.addTransceiver(_OutgoingTrack(self._exchange, self._sent), "sendrecv")
        transceiver.setCodecPreferences(
            codec_order(RTCRtpSender.getCapabilities("video"), self._settings.preferred_codec)
        )
        tuning.tune(
            pc,
            bitrates=self._bitrates,
            fps=self._settings.max_fps,
            thorough=True,
            loopback=self._settings.loopback,
        )
        await pc.setLocalDescription(await pc.createOffer())
        self._exchange.offer_made(pc.localDescription.sdp)

    async def _add(self, candidate: dict[str, Any] | None) -> None:
        parsed: RTCIceCandidate | None = None
        if candidate and candidate.get("candidate"):
            parsed = sdp.parse_candidate(candidate, loopback=self._settings.loopback)
            if parsed is None:
                return  # malformed
        with contextlib.suppress(ValueError):  # aiortc knows no media section that it names
            await self._pc.addIceCandidate(parsed)

    async def _warm_up(self) -> None:
        """Prepares the encoder while the connection is being established."""
        settings = self._settings
        for sender in self._pc.getSenders():
            encoder = tuning.sender_encoder(sender)
            if encoder is not None:
                await asyncio.get_running_loop().run_in_executor(
                    None, encoder.warm_up, settings.width_px, settings.height_px
                )

    def _on_connection_state(self) -> None:
        state = self._pc.connectionState
        if state == self._state or self._closed:
            return
        self._state = state
        if state == "connected":
            self._exchange.changed("connected")
        elif state == "failed":
            self._exchange.changed("failed")
        elif state == "closed":
            self._exchange.changed("ended")

    # --- receiving ----------------------------------------------------------------------------

    def _on_track(self, track: MediaStreamTrack) -> None:
        if track.kind == "video":
            self._run(self._receive(track))

    async def _receive(self, track: MediaStreamTrack) -> None:
        # The track's queue isn't cut to the newest frame: reading takes less time than decoding,
        # and where each frame has to come back none may be dropped here.
        try:
            while True:
                frame = await self._next(track)
                if frame is None:
                    self._identity.expire(time.monotonic())
                elif frame.pts is not None:
                    self._identity.received(frame.pts, frame, time.monotonic())
        except MediaStreamError:
            self._identity.flush()
            if not self._closed:
                self._exchange.changed("ended")

    async def _next(self, track: MediaStreamTrack) -> VideoFrame | None:
        """The next frame; None when frames that wait for others should be looked at."""
        frame: Any = None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(HOLD_S if self._identity.holds else None):
                frame = await track.recv()
        return cast("VideoFrame | None", frame)

    def _deliver(self, frame: VideoFrame, sent: OutgoingFrame | None, exact: bool) -> None:
        if frame.format.name not in ("yuv420p", "yuvj420p"):
            frame = frame.reformat(format="yuv420p")
        self._exchange.frame_received(planes(frame), frame.width, frame.height, sent, exact=exact)

    def _run(self, work: Any) -> None:
        task: asyncio.Task[None] = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.warning("The peer connection failed.\n%s", trace(error))
            self._exchange.changed("failed")


class _OutgoingTrack(MediaStreamTrack):
    """The frames of an exchange as aiortc's track, with timestamps that identify them."""

    kind = "video"

    def __init__(self, exchange: FrameExchange, sent: SentFrames[OutgoingFrame]) -> None:
        super().__init__()
        self._exchange = exchange
        self._sent = sent
        self._began_s: float | None = None
        self._previous: OutgoingFrame | None = None

    async def recv(self) -> VideoFrame:
        """The next frame to encode; the sender asks when the one before was sent."""
        if self._previous is not None:
            self._exchange.frame_sent(self._previous)
        outgoing = await self._exchange.next_frame()
        self._previous = outgoing.without_picture()
        now_s = time.monotonic()
        if self._began_s is None:
            self._began_s = now_s
        frame = frame_of(outgoing.picture)
        frame.pts = self._sent.stamp(self._previous, now_s - self._began_s)
        frame.time_base = _TIME_BASE
        return frame


def configuration(rtc: Mapping[str, Any]) -> RTCConfiguration:
    """Returns aiortc's form of an ``RTCConfiguration``.

    Args:
        rtc: As JSON; servers that aiortc can't use are left out.
    """
    listed = rtc.get("iceServers")
    servers = [
        RTCIceServer(
            urls=server["urls"],
            username=server.get("username"),
            credential=server.get("credential"),
        )
        for server in (listed if isinstance(listed, list) else ())
        if isinstance(server, dict) and server.get("urls")
    ]
    return RTCConfiguration(iceServers=servers)


def codec_order(capabilities: RTCRtpCapabilities, preferred: str) -> list[Any]:
    """Returns a transceiver's codec preferences.

    Args:
        capabilities: Of this machine.
        preferred: A codec's name in upper case, or ``"AUTO"``. One that aiortc lacks changes
            nothing.
    """
    first = AUTO_CODECS if preferred == "AUTO" else (preferred,)

    def rank(codec: Any) -> int:
        name = codec.name.upper()
        return first.index(name) if name in first else len(first)

    return sorted(capabilities.codecs, key=rank)


def planes(frame: VideoFrame) -> list[NDArray[np.uint8]]:
    """Returns views of a frame's planes without the padding of their lines.

    Args:
        frame: In the format yuv420p.

    Returns:
        Y, U and V as ``(h, w)`` uint8 arrays; valid as long as the frame exists.
    """
    half = (frame.height + 1) // 2, (frame.width + 1) // 2
    sizes = ((frame.height, frame.width), half, half)
    return [
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:h, :w]  # type: ignore[call-overload]
        for plane, (h, w) in zip(frame.planes, sizes, strict=True)
    ]
