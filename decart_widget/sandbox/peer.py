"""Offer/answer media of one session: receives the camera, sends the transformed picture back."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceCandidate,
    RTCPeerConnection,
    RTCSessionDescription,
)

from decart_widget.diagnostics.redaction import trace
from decart_widget.rtc import sdp, tuning
from decart_widget.rtc.bitrates import Bitrates
from decart_widget.rtc.playout import disable_playout_delay
from decart_widget.sandbox.track import DelayedTrack, TransformTrack

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.effect_state import EffectState
    from decart_widget.sandbox.effects.render import Renderer

logger = logging.getLogger(__name__)

LOOPBACK_BITRATES: Final = Bitrates.fixed(3_000_000)
"""What is sent within one machine: an estimate of the network would only be noise."""

NETWORK_BITRATES: Final = Bitrates()
"""What is sent over a network."""

CAMERA_BITRATES: Final = Bitrates(start=3_000_000, floor=300_000, ceiling=4_000_000)
"""What Chromium is asked, by parameters in the answer, to send the camera with."""

CLOSE_TIMEOUT_S: Final = 5.0
"""Seconds that closing a peer connection may take."""

PENDING_LIMIT: Final = 64
"""Candidates that may come before the offer; a browser sends a dozen at most."""


class OfferError(ValueError):
    """The offer can't be answered; the text says why."""


@dataclass(frozen=True)
class PeerEvents:
    """Callbacks of a peer, all called on the event loop.

    Attributes:
        first_frame: Called when the first transformed frame is sent.
        lost: Called when the connection failed or the client closed it.
        is_frozen: Called before every frame; True holds back all frames (a fault).
    """

    first_frame: Callable[[], None]
    lost: Callable[[], None]
    is_frozen: Callable[[], bool]


class Peer:
    """One peer connection, which answers one offer.

    Args:
        renderer: Transforms the frames.
        effect_state: The session's prompt and image.
        executor: Runs the renderer.
        events: Callbacks.
        loopback: Exchange packets with this machine only.
        size: Probable (width, height) of the camera's picture in pixels. Encoder and effect are
            prepared for it while the client is still connecting.
        picture_delay_s: Seconds by which each transformed frame is delayed (a fault).
    """

    def __init__(
        self,
        *,
        renderer: Renderer,
        effect_state: EffectState,
        executor: Executor,
        events: PeerEvents,
        loopback: bool,
        size: tuple[int, int],
        picture_delay_s: float = 0.0,
    ) -> None:
        self._picture_delay_s = picture_delay_s
        self._size = size
        self._warming: asyncio.Task[None] | None = None
        self._closing: asyncio.Future[None] | None = None
        self._renderer = renderer
        self._effect_state = effect_state
        self._executor = executor
        self._events = events
        self._loopback = loopback
        self._pending: list[RTCIceCandidate | None] = []
        self._track: TransformTrack | None = None
        self._answered = False
        self._closed = False
        self._silent = False
        # No STUN or TURN server: clients reach a local server at its own address.
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._pc.on("connectionstatechange", self._on_connection_state)

    @property
    def is_answered(self) -> bool:
        """Whether an offer was answered; the next one needs a new peer."""
        return self._answered

    async def answer(self, offer: str) -> str:
        """Answer an offer.

        Args:
            offer: SDP.

        Returns:
            SDP that contains all candidates of this side (no trickle ICE).

        Raises:
            OfferError: The offer is no SDP, has no video or more than one, or no common codec.
        """
        bitrates = LOOPBACK_BITRATES if self._loopback else NETWORK_BITRATES
        try:
            await self._pc.setRemoteDescription(
                RTCSessionDescription(sdp.resolve_mdns(offer) if self._loopback else offer, "offer")
            )
            tuning.tune(self._pc, bitrates=bitrates, loopback=self._loopback)
            if self._loopback:
                disable_playout_delay(self._pc)
            self._add_output_tracks()
            answer = await self._pc.createAnswer()
            for transceiver in self._pc.getTransceivers():
                tuning.prepare_encoder(transceiver, bitrates)
            await self._pc.setLocalDescription(answer)
        except OfferError:
            raise
        except Exception as error:  # aiortc's SDP parser documents no exceptions
            logger.info("offer refused\n%s", trace(error))
            raise OfferError(f"The offer can't be answered ({type(error).__name__})") from error
        self._answered = True
        self._warming = asyncio.create_task(self._warm_up())
        for candidate in self._pending:
            await self._pc.addIceCandidate(candidate)
        self._pending.clear()
        return sdp.with_start_bitrate(self._pc.localDescription.sdp, CAMERA_BITRATES)

    async def add_candidate(self, candidate: dict[str, Any] | None) -> None:
        """Add a candidate of the client; candidates before the offer are kept for it.

        Args:
            candidate: An ``RTCIceCandidateInit``, or None for the end of candidates. What can't be
                parsed is ignored.
        """
        parsed = None
        if candidate and candidate.get("candidate"):
            parsed = sdp.parse_candidate(candidate, loopback=self._loopback)
            if parsed is None:
                return
        if self._answered:
            await self._pc.addIceCandidate(parsed)
        elif len(self._pending) < PENDING_LIMIT:
            self._pending.append(parsed)

    def go_silent(self) -> None:
        """Stop all traffic without closing the connection, as a killed server does."""
        self._silent = True
        tuning.go_silent(self._pc)

    async def close(self) -> None:
        """Close the connection, which the client notices. May be called twice."""
        self._closed = True
        if self._warming is not None:
            self._warming.cancel()
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._pc.close())
        await wait_closed(self._closing)

    def stats(self) -> dict[str, Any]:
        """``frames`` sent, ``dropped`` frames, ``size`` of the last frame, connection ``state``."""
        return {
            "frames": self._track.frames if self._track else 0,
            "dropped": self._track.dropped if self._track else 0,
            "size": self._track.size if self._track else None,
            "state": self._pc.connectionState,
        }

    def _add_output_tracks(self) -> None:
        """Send, on the transceiver of every track that is received, a track back."""
        for transceiver in self._pc.getTransceivers():
            source: MediaStreamTrack | None = transceiver.receiver.track
            if source is None:
                continue
            output: MediaStreamTrack = source  # sound is sent back unchanged
            if transceiver.kind == "video":
                if self._track is not None:
                    raise OfferError("The offer has more than one video track")
                output = self._track = TransformTrack(
                    source,
                    renderer=self._renderer,
                    effect_state=self._effect_state,
                    executor=self._executor,
                    on_first_frame=self._events.first_frame,
                    is_frozen=self._events.is_frozen,
                )
                if self._picture_delay_s:
                    output = DelayedTrack(self._track, self._picture_delay_s)
            transceiver.sender.replaceTrack(output)
            transceiver.direction = "sendrecv"
        if self._track is None:
            raise OfferError("The offer sends no video")

    async def _warm_up(self) -> None:
        """Prepare effect and encoder while the client is still connecting."""
        loop = asyncio.get_running_loop()
        jobs = [
            loop.run_in_executor(
                self._executor, self._renderer.warm_up, self._effect_state, *self._size
            )
        ]
        for sender in self._pc.getSenders():
            encoder = tuning.sender_encoder(sender)
            if encoder is not None:
                jobs.append(loop.run_in_executor(None, encoder.warm_up, *self._size))
        # An exception is ignored: the first frame will raise it again.
        await asyncio.gather(*jobs, return_exceptions=True)

    def _on_connection_state(self) -> None:
        if self._silent:
            return  # a killed server would not send generation_ended either
        if self._pc.connectionState in ("failed", "closed") and not self._closed:
            self._events.lost()


async def wait_closed(closing: asyncio.Future[None]) -> None:
    """Wait until a connection is closed, for `CLOSE_TIMEOUT_S` at most.

    Args:
        closing: The connection's ``close()``. It is never cancelled: a connection that is closed by
            half would keep its sockets open.
    """
    _, late = await asyncio.wait({closing}, timeout=CLOSE_TIMEOUT_S)
    if late:
        logger.warning("a peer connection did not close in %s s", CLOSE_TIMEOUT_S)
    elif not closing.cancelled() and (error := closing.exception()) is not None:
        logger.warning("a peer connection did not close well: %s", type(error).__name__)
