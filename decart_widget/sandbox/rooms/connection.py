"""The peer connections of one participant: one for both directions, or one for each.

LiveKit's clients use one (signal path ``/rtc/v1``) or two (``/rtc``). With one, the client makes
every offer, and the server asks it for media sections to send on. With two, the client's offers
carry what it publishes (``up``) and the server's offers carry what it subscribes to (``down``).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiortc import (
    InvalidStateError,
    MediaStreamTrack,
    RTCBundlePolicy,
    RTCConfiguration,
    RTCIceCandidate,
    RTCPeerConnection,
    RTCRtpSender,
    RTCSessionDescription,
)

from decart_widget.diagnostics.redaction import trace
from decart_widget.rtc import rooms as room_tuning
from decart_widget.rtc import sdp, tuning
from decart_widget.rtc.playout import disable_playout_delay
from decart_widget.rtc.trailers import strip_trailers
from decart_widget.sandbox.peer import CAMERA_BITRATES, NETWORK_BITRATES, PENDING_LIMIT, wait_closed
from decart_widget.sandbox.rooms.messages import VIDEO_CODECS
from decart_widget.sandbox.rooms.video_feed import VideoFeed

if TYPE_CHECKING:
    from aiortc import RTCRtpTransceiver
    from livekit.protocol import models, rtc

    from decart_widget.sandbox.rooms.audio_feed import AudioFeed, AudioSubscription
    from decart_widget.sandbox.rooms.video_feed import VideoSubscription

logger = logging.getLogger(__name__)


class NegotiationError(ValueError):
    """A session description can't be accepted; the text says why."""


@dataclass(frozen=True)
class Publication:
    """A published track that other participants subscribe to.

    Attributes:
        owner: Server id of the participant that publishes it.
        info: Its description for clients.
        feed: Its frames.
        codec: ``h264`` or ``vp8``; ``opus`` for audio.
    """

    owner: str
    info: models.TrackInfo
    feed: VideoFeed | AudioFeed
    codec: str


@dataclass(frozen=True)
class ConnectionEvents:
    """Callbacks of a connection, called on the event loop.

    Attributes:
        track: The client sends a new track; gets the client's id of it (``cid``).
        lost: The connection failed, or the client closed it.
    """

    track: Callable[[str, MediaStreamTrack], None]
    lost: Callable[[], None]


class RoomConnection:
    """Receives a participant's tracks and sends it the publications that it subscribes to.

    Args:
        single_pc: Use one peer connection for both directions; otherwise two.
        loopback: Exchange packets with this machine only.
        reads_trailers: Whether the client removes packet trailers from the video that it gets.
        events: Its callbacks.
    """

    def __init__(
        self,
        *,
        single_pc: bool,
        loopback: bool,
        reads_trailers: bool = False,
        events: ConnectionEvents,
    ) -> None:
        self.single_pc = single_pc
        self._reads_trailers = reads_trailers
        self._loopback = loopback
        self._events = events
        self._lock = asyncio.Lock()
        self._credentials: tuple[str, str] | None = None
        self._known: set[MediaStreamTrack] = set()
        self._attached: dict[str, RTCRtpTransceiver] = {}
        self._video: dict[str, VideoSubscription] = {}
        self._audio: dict[str, tuple[AudioFeed, AudioSubscription]] = {}
        self._unwanted: set[str] = set()
        self._ending: set[str] = set()
        self._described: set[RTCPeerConnection] = set()
        self._early: list[tuple[RTCPeerConnection, RTCIceCandidate]] = []
        self._closed = False
        self._closing: asyncio.Future[None] | None = None
        self._silent = False
        self._up = self._connect()
        self._down = self._up if single_pc else self._connect()

    def _connect(self) -> RTCPeerConnection:
        # No STUN or TURN server: clients reach a local server at its own address or not at all.
        pc = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )

        def changed() -> None:
            expected = self._closed or self._silent
            if pc.connectionState in ("failed", "closed") and not expected:
                self._events.lost()

        pc.on("connectionstatechange", changed)
        return pc

    # --- the client's offers ------------------------------------------------------------------

    async def answer(
        self, offer: str, *, codecs: Mapping[str, str], publications: Iterable[Publication]
    ) -> str:
        """Answer a client's offer.

        Args:
            offer: SDP.
            codecs: The codec that the client announced for each of its video tracks, by ``cid``.
            publications: What the client subscribes to. With one peer connection they are sent on
                the offer's unused receive-only sections, as far as there are enough; see `missing`.

        Returns:
            SDP, with all candidates in it.

        Raises:
            NegotiationError: It is no SDP, or has no codec that both sides know.
        """
        refused = sdp.refusal(offer, VIDEO_CODECS)
        if refused is not None:
            raise NegotiationError(refused)
        async with self._lock:
            if self._closed:
                raise NegotiationError("The connection is closed")
            try:
                return await self._answer(offer, codecs, publications)
            except Exception as error:  # aiortc's parser raises all kinds of exceptions
                logger.info("offer refused\n%s", trace(error))
                raise NegotiationError(
                    f"The offer can't be answered ({type(error).__name__})"
                ) from error

    async def _answer(
        self, offer: str, codecs: Mapping[str, str], publications: Iterable[Publication]
    ) -> str:
        pc = self._up
        credentials = sdp.credentials(offer)
        if credentials and self._credentials not in (None, credentials):
            room_tuning.follow_ice_restart(pc, *credentials)
        self._credentials = credentials
        await pc.setRemoteDescription(RTCSessionDescription(self._resolve(offer), "offer"))
        tuning.tune(pc, bitrates=NETWORK_BITRATES, loopback=self._loopback)
        if self._loopback:
            disable_playout_delay(pc)
        cids = sdp.track_ids(offer)
        for transceiver in pc.getTransceivers():
            if transceiver.kind == "video":
                strip_trailers(transceiver.receiver)
            if codec := codecs.get(cids.get(transceiver.mid or "", "")):
                room_tuning.prefer_codec(transceiver, codec)
        if self.single_pc:
            self._attach(publications, sdp.receive_only_mids(offer))
            self._direct()
        for sid, subscription in self._video.items():
            # Every offer puts the codecs back into the client's order.
            room_tuning.prefer_codec(self._attached[sid], subscription.codec)
        await pc.setLocalDescription(await pc.createAnswer())
        await self._add_early(pc)
        self._report_tracks(cids)
        answer = sdp.accept_best_layer(offer, pc.localDescription.sdp)
        return sdp.with_start_bitrate(answer, CAMERA_BITRATES)

    def _attach(self, publications: Iterable[Publication], receive_only: set[str]) -> None:
        unused = [
            transceiver
            for transceiver in self._up.getTransceivers()
            if transceiver.mid in receive_only and transceiver not in self._attached.values()
        ]
        for publication in self.missing(publications):
            place = next((t for t in unused if t.kind == publication.feed.kind), None)
            if place is not None:
                unused.remove(place)
                self._send(place, publication)

    def _send(self, transceiver: RTCRtpTransceiver, publication: Publication) -> None:
        sid, feed = publication.info.sid, publication.feed
        if isinstance(feed, VideoFeed):
            self._video[sid] = feed.subscribe(
                publication.codec, reads_trailers=self._reads_trailers
            )
            room_tuning.send_encoded(transceiver.sender, self._video[sid])
        else:
            subscription = feed.subscribe()
            self._audio[sid] = feed, subscription
            transceiver.sender.replaceTrack(subscription)
        room_tuning.name_track(transceiver.sender, f"{publication.owner}|{sid}", sid)
        transceiver.direction = "sendonly"
        self._attached[sid] = transceiver

    def _report_tracks(self, cids: Mapping[str, str]) -> None:
        for transceiver in self._up.getTransceivers():
            track = transceiver.receiver.track
            if track is not None and track not in self._known:
                self._known.add(track)
                self._events.track(cids.get(transceiver.mid or "", ""), track)

    # --- subscriptions ------------------------------------------------------------------------

    def missing(self, publications: Iterable[Publication]) -> list[Publication]:
        """The publications that are not sent to the client yet, though it wants them."""
        known = self._attached.keys() | self._unwanted
        return [p for p in publications if p.info.sid not in known]

    def subscribe(
        self, change: rtc.UpdateSubscription, publications: Iterable[Publication]
    ) -> None:
        """Note what the client subscribes to, or no longer; the next description carries it out.

        Args:
            change: The client's message. At first it subscribes to everything.
            publications: What it may subscribe to.
        """
        sids = {p.info.sid for p in publications}.intersection(change.track_sids)
        if change.subscribe:
            self._unwanted -= sids
        else:
            self._unwanted |= sids
            self._ending |= sids & self._attached.keys()

    def _direct(self) -> None:
        """Send on the media sections of wanted publications alone; a section stays its own.

        A client that unsubscribes forgets the track, and sees it anew only if its section was
        inactive in between: also where it subscribes again before the next description.
        """
        for sid, transceiver in self._attached.items():
            is_sent = sid not in self._unwanted | self._ending
            transceiver.direction = "sendonly" if is_sent else "inactive"
            if sid in self._video:
                self._video[sid].pause(is_paused=not is_sent)
        self._ending.clear()

    @property
    def is_complete(self) -> bool:
        """Whether the last description sends all that the client wants of what it has seen."""
        attached = self._attached.items()
        return all(t.direction == "sendonly" for sid, t in attached if sid not in self._unwanted)

    @property
    def mid_to_track(self) -> dict[str, str]:
        """Server id of the publication that each media section carries, by ``mid``."""
        attached = self._attached.items()
        return {t.mid: sid for sid, t in attached if t.mid and t.direction == "sendonly"}

    async def offer(self, publications: Iterable[Publication]) -> str:
        """With two peer connections: the server's offer (SDP) of ``publications``."""
        async with self._lock:
            pc = self._down
            for publication in self.missing(publications):
                kind = publication.feed.kind
                transceiver = pc.addTransceiver(kind, "sendonly")
                names = (publication.codec, "rtx")
                known = RTCRtpSender.getCapabilities(kind).codecs
                transceiver.setCodecPreferences([c for c in known if c.name.lower() in names])
                self._send(transceiver, publication)
            self._direct()
            tuning.tune(pc, bitrates=NETWORK_BITRATES, loopback=self._loopback)
            await pc.setLocalDescription(await pc.createOffer())
            return pc.localDescription.sdp

    async def accept(self, answer: str) -> None:
        """With two peer connections: take the client's answer to `offer`.

        Raises:
            NegotiationError: It is no SDP, or there was no offer.
        """
        async with self._lock:
            try:
                await self._down.setRemoteDescription(
                    RTCSessionDescription(self._resolve(answer), "answer")
                )
                await self._add_early(self._down)
            except Exception as error:  # aiortc's parser raises all kinds of exceptions
                raise NegotiationError("The answer can't be accepted") from error

    # --- candidates ---------------------------------------------------------------------------

    async def add_candidate(self, candidate: Mapping[str, Any], *, down: bool) -> None:
        """Add a client's candidate; malformed and TCP candidates are ignored.

        Args:
            candidate: An ``RTCIceCandidateInit``.
            down: Whether it is for the server's offers, where there are two peer connections.
        """
        parsed = sdp.parse_candidate(candidate, loopback=self._loopback)
        if parsed is None or parsed.protocol.lower() != "udp":
            return
        async with self._lock:
            pc = self._down if down else self._up
            if pc in self._described:
                await self._add(pc, parsed)
            elif len(self._early) < PENDING_LIMIT:
                self._early.append((pc, parsed))

    async def _add(self, pc: RTCPeerConnection, candidate: RTCIceCandidate) -> None:
        try:
            await pc.addIceCandidate(candidate)
        except (ValueError, InvalidStateError) as error:
            logger.debug("a candidate was ignored: %s", type(error).__name__)

    async def _add_early(self, pc: RTCPeerConnection) -> None:
        """Add the candidates that came before the client's description, which is set now."""
        self._described.add(pc)
        for candidate in [early for owner, early in self._early if owner is pc]:
            await self._add(pc, candidate)
        self._early = [(owner, early) for owner, early in self._early if owner is not pc]

    def _resolve(self, description: str) -> str:
        return sdp.resolve_mdns(description) if self._loopback else description

    # --- state and end ------------------------------------------------------------------------

    @property
    def is_alive(self) -> bool:
        """Whether the client can still be reached over it."""
        return self._up.connectionState not in ("failed", "closed")

    def go_silent(self) -> None:
        """Stop sending and receiving without telling the client, as a killed server does."""
        self._silent = True
        for pc in {self._up, self._down}:
            tuning.go_silent(pc)

    async def close(self) -> None:
        """Close it, which the client notices. May be called twice."""
        self._closed = True
        for video in self._video.values():
            video.close()
        for feed, audio in self._audio.values():
            feed.unsubscribe(audio)
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._end())
        await wait_closed(self._closing)

    async def _end(self) -> None:
        # Not while an offer is being answered: the sockets of its gathering would stay open.
        async with self._lock:
            await asyncio.gather(*(pc.close() for pc in {self._up, self._down}))

    def stats(self) -> dict[str, Any]:
        """Connection state, and frames sent and dropped for each publication."""
        audio = {sid: subscription for sid, (_, subscription) in self._audio.items()}
        subscriptions: dict[str, VideoSubscription | AudioSubscription] = {**self._video, **audio}
        return {
            "state": self._up.connectionState,
            "sent": {sid: subscription.frames for sid, subscription in subscriptions.items()},
            "unsent": {sid: subscription.dropped for sid, subscription in subscriptions.items()},
        }
