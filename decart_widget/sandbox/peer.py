"""Offer/answer media of one session: the camera comes up, the transformed picture goes back."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCIceCandidate,
    RTCPeerConnection,
    RTCSessionDescription,
)
from aiortc.sdp import candidate_from_sdp

from decart_widget.diagnostics.redaction import trace
from decart_widget.rtc import tuning
from decart_widget.rtc.bitrates import Bitrates, with_start_bitrate
from decart_widget.rtc.playout import show_at_once
from decart_widget.sandbox.track import TransformTrack

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.effect_state import EffectState
    from decart_widget.sandbox.effects.render import Renderer

logger = logging.getLogger(__name__)

#: One rate for the whole session: on one machine an estimate of the network is noise.
LOOPBACK_BITRATES = Bitrates.fixed(3_000_000)
NETWORK_BITRATES = Bitrates()

#: What Chromium is told to start, stay above and stay below with.
CAMERA_BITRATES = Bitrates(start=3_000_000, floor=300_000, ceiling=4_000_000)

#: Seconds that an orderly end may take.
CLOSE_TIMEOUT_S = 5.0

#: Candidates that may come before the offer; a browser has a dozen at most.
PENDING_LIMIT = 64

_MDNS_CANDIDATE = re.compile(r"(?m)^(a=candidate:.*? )\S+\.local( )")


class OfferError(ValueError):
    """The offer can't be answered; the text says why."""


@dataclass(frozen=True)
class PeerEvents:
    """What a peer tells its session, always on the loop.

    Attributes:
        first_frame: The first transformed frame went out.
        lost: The connection failed or was closed by the client.
        is_frozen: Asked for every frame: whether no frame may go out any more.
    """

    first_frame: Callable[[], None]
    lost: Callable[[], None]
    is_frozen: Callable[[], bool]


class Peer:
    """One peer connection, from its offer to its end.

    Args:
        renderer: Transforms the frames.
        effect_state: What the session asked for.
        executor: Where frames are transformed.
        events: Whom to tell what.
        loopback: Exchange packets with this machine only.
        size: (width, height) in pixels that the camera's picture will probably have: what needs to
            know is got ready while the client still connects.
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
    ) -> None:
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
        # No STUN or TURN server: a local server is reached by its own address or not at all.
        self._pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        self._pc.on("connectionstatechange", self._on_connection_state)

    @property
    def is_answered(self) -> bool:
        """Whether it has had its offer; the next one needs a new peer."""
        return self._answered

    async def answer(self, offer: str) -> str:
        """The answer to an SDP offer, with all candidates in it.

        Raises:
            OfferError: It is no SDP, has no video, or no codec that both sides know.
        """
        bitrates = LOOPBACK_BITRATES if self._loopback else NETWORK_BITRATES
        try:
            await self._pc.setRemoteDescription(
                RTCSessionDescription(self._resolve(offer), "offer")
            )
            tuning.tune(self._pc, bitrates=bitrates, loopback=self._loopback)
            if self._loopback:
                show_at_once(self._pc)
            self._send_back()
            answer = await self._pc.createAnswer()
            for transceiver in self._pc.getTransceivers():
                tuning.prepare_encoder(transceiver, bitrates)
            await self._pc.setLocalDescription(answer)
        except OfferError:
            raise
        except Exception as error:  # aiortc's parser raises whatever it stumbles over
            logger.info("offer refused\n%s", trace(error))
            raise OfferError(f"The offer can't be answered ({type(error).__name__})") from error
        self._answered = True
        self._warming = asyncio.create_task(self._warm_up())
        for candidate in self._pending:
            await self._pc.addIceCandidate(candidate)
        self._pending.clear()
        return with_start_bitrate(self._pc.localDescription.sdp, CAMERA_BITRATES)

    async def add_candidate(self, candidate: dict[str, Any] | None) -> None:
        """Add a candidate of the client (None: there will be no more); junk is ignored.

        Those that come before the offer wait for it.
        """
        parsed = self._parse(candidate) if candidate and candidate.get("candidate") else None
        if candidate and candidate.get("candidate") and parsed is None:
            return
        if self._answered:
            await self._pc.addIceCandidate(parsed)
        elif len(self._pending) < PENDING_LIMIT:
            self._pending.append(parsed)

    def vanish(self) -> None:
        """Leave the network without a word, as a killed server does."""
        self._silent = True
        tuning.go_silent(self._pc)

    async def close(self) -> None:
        """End it; the client is told. May be called twice."""
        self._closed = True
        if self._warming is not None:
            self._warming.cancel()
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._pc.close())
        await ended(self._closing)

    def stats(self) -> dict[str, Any]:
        """Frames sent, frames dropped unread, (width, height) of the last one, ICE state."""
        return {
            "frames": self._track.frames if self._track else 0,
            "dropped": self._track.dropped if self._track else 0,
            "size": self._track.size if self._track else None,
            "state": self._pc.connectionState,
        }

    def _send_back(self) -> None:
        """Give every track that comes up one that goes back on the same transceiver."""
        for transceiver in self._pc.getTransceivers():
            source: MediaStreamTrack | None = transceiver.receiver.track
            if source is None:
                continue
            back: MediaStreamTrack = source  # sound goes back as it came
            if transceiver.kind == "video":
                if self._track is not None:
                    raise OfferError("The offer has more than one video track")
                back = self._track = TransformTrack(
                    source,
                    renderer=self._renderer,
                    effect_state=self._effect_state,
                    executor=self._executor,
                    on_first_frame=self._events.first_frame,
                    is_frozen=self._events.is_frozen,
                )
            transceiver.sender.replaceTrack(back)
            transceiver.direction = "sendrecv"
        if self._track is None:
            raise OfferError("The offer sends no video")

    async def _warm_up(self) -> None:
        """Use the time until the camera's first picture: the client is still connecting."""
        loop = asyncio.get_running_loop()
        works = [
            loop.run_in_executor(
                self._executor, self._renderer.warm_up, self._effect_state, *self._size
            )
        ]
        for sender in self._pc.getSenders():
            encoder = tuning.sender_encoder(sender)
            if encoder is not None:
                works.append(loop.run_in_executor(None, encoder.warm_up, *self._size))
        await asyncio.gather(*works, return_exceptions=True)  # what is wrong shows with a picture

    def _resolve(self, sdp: str) -> str:
        # A browser hides its addresses behind .local names. Asking the network for them takes a
        # second and a multicast socket; on one machine the answer is known.
        return _MDNS_CANDIDATE.sub(r"\g<1>127.0.0.1\g<2>", sdp) if self._loopback else sdp

    def _parse(self, candidate: dict[str, Any]) -> RTCIceCandidate | None:
        text = str(candidate["candidate"]).removeprefix("a=")
        line = self._resolve(f"a={text}").removeprefix("a=candidate:")
        try:
            parsed = candidate_from_sdp(line)
        except (ValueError, IndexError, AssertionError):
            return None
        mid, index = candidate.get("sdpMid"), candidate.get("sdpMLineIndex")
        parsed.sdpMid = mid if isinstance(mid, str) else None
        parsed.sdpMLineIndex = index if isinstance(index, int) else 0
        return parsed

    def _on_connection_state(self) -> None:
        if self._silent:
            return  # a killed server tells nobody, its own control channel neither
        if self._pc.connectionState in ("failed", "closed") and not self._closed:
            self._events.lost()


async def ended(closing: asyncio.Future[None]) -> None:
    """Return when a connection is closed, or has taken too long.

    It is never cancelled, nor closed a second time: half closed it would keep its sockets.
    """
    _, late = await asyncio.wait({closing}, timeout=CLOSE_TIMEOUT_S)
    if late:
        logger.warning("a peer connection did not close in %s s", CLOSE_TIMEOUT_S)
    elif not closing.cancelled() and (error := closing.exception()) is not None:
        logger.warning("a peer connection did not close well: %s", type(error).__name__)
