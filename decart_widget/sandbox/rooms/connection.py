"""The peer connections of one participant: one for both directions, or one for each."""

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
from aiortc.sdp import candidate_from_sdp

from decart_widget.diagnostics.redaction import trace
from decart_widget.rtc import rooms as room_tuning
from decart_widget.rtc import tuning
from decart_widget.rtc.playout import show_at_once
from decart_widget.sandbox.peer import CAMERA_BITRATES, NETWORK_BITRATES, PENDING_LIMIT, ended
from decart_widget.sandbox.rooms import sdp as room_sdp
from decart_widget.sandbox.rooms.feed import Feed
from decart_widget.sandbox.rooms.messages import VIDEO_CODECS

if TYPE_CHECKING:
    from aiortc import RTCRtpTransceiver
    from livekit.protocol import models

    from decart_widget.sandbox.rooms.feed import Watcher
    from decart_widget.sandbox.rooms.sound import Listener, Sound

logger = logging.getLogger(__name__)


class NegotiationError(ValueError):
    """A description can't be accepted; the text says why."""


@dataclass(frozen=True)
class Publication:
    """A track that participants receive.

    Attributes:
        owner: Id of the participant that publishes it.
        info: What clients are told of it.
        feed: Its pictures, or its sound.
        codec: What it is encoded with, ``h264`` or ``vp8``; sound is ``opus``.
    """

    owner: str
    info: models.TrackInfo
    feed: Feed | Sound
    codec: str

    @property
    def kind(self) -> str:
        """``video`` or ``audio``."""
        return "video" if isinstance(self.feed, Feed) else "audio"


@dataclass(frozen=True)
class ConnectionEvents:
    """What a connection tells, always on the loop.

    Attributes:
        track: A client's track came, with the id that the client gave it.
        lost: Packets can't be exchanged any more.
    """

    track: Callable[[str, MediaStreamTrack], None]
    lost: Callable[[], None]


class RoomConnection:
    """Carries a participant's tracks up and publications down.

    Args:
        single: One connection for both directions, which only the client offers; otherwise the
            server offers a second one for what goes down.
        loopback: Exchange packets with this machine only.
        events: Whom to tell what.
    """

    def __init__(self, *, single: bool, loopback: bool, events: ConnectionEvents) -> None:
        self.single = single
        self._loopback = loopback
        self._events = events
        self._lock = asyncio.Lock()
        self._credentials: tuple[str, str] | None = None
        self._known: set[MediaStreamTrack] = set()
        self._attached: dict[str, RTCRtpTransceiver] = {}
        self._watchers: dict[str, Watcher] = {}
        self._listeners: dict[str, tuple[Sound, Listener]] = {}
        self._described: set[RTCPeerConnection] = set()
        self._early: list[tuple[RTCPeerConnection, RTCIceCandidate]] = []
        self._closed = False
        self._closing: asyncio.Future[None] | None = None
        self._vanished = False
        self._up = self._connect()
        self._down = self._up if single else self._connect()

    def _connect(self) -> RTCPeerConnection:
        # No STUN or TURN server: a local server is reached by its own address or not at all.
        pc = RTCPeerConnection(
            RTCConfiguration(iceServers=[], bundlePolicy=RTCBundlePolicy.MAX_BUNDLE)
        )

        def changed() -> None:
            silent = self._closed or self._vanished
            if pc.connectionState in ("failed", "closed") and not silent:
                self._events.lost()

        pc.on("connectionstatechange", changed)
        return pc

    # --- from the client's offers -------------------------------------------------------------

    async def answer(
        self, offer: str, *, codecs: Mapping[str, str], publications: Iterable[Publication]
    ) -> str:
        """The answer to an offer, with all candidates in it.

        Args:
            offer: SDP.
            codecs: Id of a client's track -> the codec that it announced for it.
            publications: What the client shall receive; with one connection they are put on
                sections of this offer as far as it has any to spare, see `missing`.

        Raises:
            NegotiationError: It is no SDP, or has no codec that both sides know.
        """
        refused = room_sdp.refusal(offer, VIDEO_CODECS)
        if refused is not None:
            raise NegotiationError(refused)
        async with self._lock:
            if self._closed:
                raise NegotiationError("The connection is closed")
            try:
                return await self._answer(offer, codecs, publications)
            except Exception as error:  # aiortc's parser raises whatever it stumbles over
                logger.info("offer refused\n%s", trace(error))
                raise NegotiationError(
                    f"The offer can't be answered ({type(error).__name__})"
                ) from error

    async def _answer(
        self, offer: str, codecs: Mapping[str, str], publications: Iterable[Publication]
    ) -> str:
        pc = self._up
        credentials = room_sdp.credentials(offer)
        if credentials and self._credentials not in (None, credentials):
            room_tuning.follow_ice_restart(pc, *credentials)
        self._credentials = credentials
        await pc.setRemoteDescription(RTCSessionDescription(self._resolve(offer), "offer"))
        tuning.tune(pc, bitrates=NETWORK_BITRATES, loopback=self._loopback)
        if self._loopback:
            show_at_once(pc)
        sent = room_sdp.track_ids(offer)
        for transceiver in pc.getTransceivers():
            if codec := codecs.get(sent.get(transceiver.mid or "", "")):
                room_tuning.prefer_codec(transceiver, codec)
        if self.single:
            self._attach(publications)
        for sid, watcher in self._watchers.items():
            # Every offer puts the codecs back into the client's order.
            room_tuning.prefer_codec(self._attached[sid], watcher.codec)
        await pc.setLocalDescription(await pc.createAnswer())
        await self._add_early(pc)
        self._notice_tracks(sent)
        answer = room_sdp.answer_layers(offer, pc.localDescription.sdp)
        return tuning.with_start_bitrate(answer, CAMERA_BITRATES)

    def _attach(self, publications: Iterable[Publication]) -> None:
        spare = [
            transceiver
            for transceiver in self._up.getTransceivers()
            if room_tuning.only_receives(transceiver) and transceiver not in self._attached.values()
        ]
        for publication in self.missing(publications):
            place = next((t for t in spare if t.kind == publication.kind), None)
            if place is not None:
                spare.remove(place)
                self._send(place, publication)

    def _send(self, transceiver: RTCRtpTransceiver, publication: Publication) -> None:
        sid, feed = publication.info.sid, publication.feed
        if isinstance(feed, Feed):
            self._watchers[sid] = feed.watch(publication.codec)
            room_tuning.send_encoded(transceiver.sender, self._watchers[sid])
        else:
            listener = feed.listen()
            self._listeners[sid] = feed, listener
            transceiver.sender.replaceTrack(listener)
        room_tuning.name_track(transceiver.sender, f"{publication.owner}|{sid}", sid)
        transceiver.direction = "sendonly"
        self._attached[sid] = transceiver

    def _notice_tracks(self, sent: Mapping[str, str]) -> None:
        for transceiver in self._up.getTransceivers():
            track = transceiver.receiver.track
            if track is not None and track not in self._known:
                self._known.add(track)
                self._events.track(sent.get(transceiver.mid or "", ""), track)

    # --- what goes down -----------------------------------------------------------------------

    def missing(self, publications: Iterable[Publication]) -> list[Publication]:
        """Those that the client doesn't receive yet."""
        return [p for p in publications if p.info.sid not in self._attached]

    @property
    def mid_to_track(self) -> dict[str, str]:
        """Media section -> id of the publication that it carries."""
        return {t.mid: sid for sid, t in self._attached.items() if t.mid is not None}

    async def offer(self, publications: Iterable[Publication]) -> str:
        """With two connections: the server's offer of everything that the client shall receive."""
        async with self._lock:
            pc = self._down
            for publication in self.missing(publications):
                transceiver = pc.addTransceiver(publication.kind, "sendonly")
                names = (publication.codec, "rtx")
                known = RTCRtpSender.getCapabilities(publication.kind).codecs
                transceiver.setCodecPreferences([c for c in known if c.name.lower() in names])
                self._send(transceiver, publication)
            tuning.tune(pc, bitrates=NETWORK_BITRATES, loopback=self._loopback)
            await pc.setLocalDescription(await pc.createOffer())
            return pc.localDescription.sdp

    async def accept(self, answer: str) -> None:
        """With two connections: the client's answer to `offer`.

        Raises:
            NegotiationError: It is no SDP, or nobody asked for it.
        """
        async with self._lock:
            try:
                await self._down.setRemoteDescription(
                    RTCSessionDescription(self._resolve(answer), "answer")
                )
                await self._add_early(self._down)
            except Exception as error:  # as above
                raise NegotiationError("The answer can't be accepted") from error

    # --- the rest -----------------------------------------------------------------------------

    async def add_candidate(self, candidate: Mapping[str, Any], *, down: bool) -> None:
        """Add one of the client's candidates; junk is ignored, and so is TCP."""
        text = str(candidate.get("candidate") or "")
        if self._loopback:
            text = room_sdp.resolve_local_names(text)
        try:
            parsed = candidate_from_sdp(text.partition(":")[2])
        except (ValueError, IndexError, AssertionError):
            return
        if parsed.protocol.lower() != "udp":
            return
        mid, index = candidate.get("sdpMid"), candidate.get("sdpMLineIndex")
        parsed.sdpMid = mid if isinstance(mid, str) else None
        parsed.sdpMLineIndex = index if isinstance(index, int) else 0
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
            logger.debug("a candidate was left out: %s", type(error).__name__)

    async def _add_early(self, pc: RTCPeerConnection) -> None:
        """The client's description is set: add the candidates that came before it."""
        self._described.add(pc)
        for candidate in [early for owner, early in self._early if owner is pc]:
            await self._add(pc, candidate)
        self._early = [(owner, early) for owner, early in self._early if owner is not pc]

    @property
    def is_alive(self) -> bool:
        """Whether the client can still be reached over it."""
        return self._up.connectionState not in ("failed", "closed")

    def vanish(self) -> None:
        """Leave the network without a word, as a killed server does."""
        self._vanished = True
        for pc in {self._up, self._down}:
            tuning.go_silent(pc)

    async def close(self) -> None:
        """End it; the client is told. May be called twice."""
        self._closed = True
        for watcher in self._watchers.values():
            watcher.close()
        for sound, listener in self._listeners.values():
            sound.leave(listener)
        if self._closing is None:
            self._closing = asyncio.ensure_future(self._end())
        await ended(self._closing)

    async def _end(self) -> None:
        # Not while a description is being answered: what that gathers afterwards would stay open.
        async with self._lock:
            await asyncio.gather(*(pc.close() for pc in {self._up, self._down}))

    def stats(self) -> dict[str, Any]:
        """ICE state; for each publication pictures, or frames of sound, sent and dropped."""
        heard = {sid: listener for sid, (_, listener) in self._listeners.items()}
        return {
            "state": self._up.connectionState,
            "sent": {sid: watcher.pictures for sid, watcher in self._watchers.items()}
            | {sid: listener.frames for sid, listener in heard.items()},
            "take_unsent": {sid: watcher.dropped for sid, watcher in self._watchers.items()}
            | {sid: listener.dropped for sid, listener in heard.items()},
        }

    def _resolve(self, sdp: str) -> str:
        return room_sdp.resolve_local_names(sdp) if self._loopback else sdp
