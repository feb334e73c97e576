"""One participant of a room: its signal socket, what it publishes, what it subscribes to."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import time
from abc import abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, Final, Protocol

from google.protobuf.message import DecodeError
from livekit.protocol import models, rtc
from websockets.exceptions import ConnectionClosed

from decart_widget.protocol.rate_limit import RateLimit
from decart_widget.rtc.sdp import codec_name, unsupported
from decart_widget.sandbox.rooms import messages
from decart_widget.sandbox.rooms.connection import (
    ConnectionEvents,
    NegotiationError,
    RoomConnection,
)

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack
    from websockets.asyncio.server import ServerConnection

    from decart_widget.sandbox.faults import Faults
    from decart_widget.sandbox.rooms.connection import Publication
    from decart_widget.sandbox.rooms.tokens import RoomGrant

logger = logging.getLogger(__name__)

TRACK_LIMIT: Final = 16
"""Tracks that one participant may announce while it is in the room."""

CLOSE_NORMAL: Final = 1000
"""Close code of the signal socket (RFC 6455): the server has said what there is to say."""

CLOSE_POLICY: Final = 1008
"""Close code of the signal socket (RFC 6455): the client broke a rule."""


class ParticipantRoom(Protocol):
    """What a participant needs of its room.

    Attributes:
        name: Name of the room.
        sid: The server's id of it.
        faults: The failures to simulate in it.
        report_error: Called with a text for the user when a participant can't be served.
    """

    name: str
    sid: str
    faults: Faults
    report_error: Callable[[str], None]

    @abstractmethod
    def fresh_token(self, grant: RoomGrant, now: float) -> str | None:
        """A new token for a participant whose token is past half of its lifetime; else None."""

    @abstractmethod
    def others(self, viewer: Participant) -> Iterable[models.ParticipantInfo]:
        """The participants that ``viewer`` can see."""

    @abstractmethod
    def publications(self, viewer: Participant) -> list[Publication]:
        """The tracks that ``viewer`` subscribes to."""

    @abstractmethod
    async def track_announced(self, participant: Participant, info: models.TrackInfo) -> None:
        """Called when ``participant`` has announced a track."""

    @abstractmethod
    def track_received(
        self, participant: Participant, info: models.TrackInfo | None, track: MediaStreamTrack
    ) -> None:
        """Called when ``participant`` sends a track; ``info`` is None if it wasn't announced."""

    @abstractmethod
    def mute_changed(self, participant: Participant, sid: str, *, is_muted: bool) -> None:
        """Called when ``participant`` has muted or unmuted its track with this server's id."""

    @abstractmethod
    async def connection_lost(self, participant: Participant) -> None:
        """Called when the media connection of ``participant`` failed."""


class Participant:
    """A participant from join to leave; its signal socket may be replaced in between (resume).

    Args:
        room: The room that it is in.
        grant: What its token permits.
        single_pc: Whether the client uses one peer connection (``/rtc/v1``) or two (``/rtc``).
        loopback: Exchange media packets with this machine only.
        reads_trailers: Whether the client removes packet trailers from the video that it gets.

    Attributes:
        sid: The server's id of it.
        joined_at: Unix time.
        is_leaving: Whether it said that it leaves, or was told to, so that no resume will come.
        tracks: What it publishes, by the client's id (``cid``).
        connection: Its peer connections.
    """

    def __init__(
        self,
        room: ParticipantRoom,
        grant: RoomGrant,
        *,
        single_pc: bool,
        loopback: bool,
        reads_trailers: bool,
    ) -> None:
        self.room = room
        self.grant = grant
        self.sid = f"PA_{secrets.token_hex(6)}"
        self.joined_at = time.time()
        self.is_leaving = False
        self.tracks: dict[str, models.TrackInfo] = {}
        self._version = 1
        self._socket: ServerConnection | None = None
        self._socket_replaced = asyncio.Event()
        self._rate = RateLimit()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._offer_is_open = False
        self._offer_is_due = False
        self._offers = 0
        self.connection = RoomConnection(
            single_pc=single_pc,
            loopback=loopback,
            reads_trailers=reads_trailers,
            events=ConnectionEvents(self._on_track, self._on_lost),
        )

    @property
    def identity(self) -> str:
        """The identity in its token; unique in its room."""
        return self.grant.identity

    def info(self, *, has_left: bool = False) -> models.ParticipantInfo:
        """Its description for itself and others."""
        return messages.participant(
            sid=self.sid,
            identity=self.identity,
            name=self.grant.name,
            tracks=[] if has_left else self.tracks.values(),
            version=self._version,
            joined_at=self.joined_at,
            can_publish=self.grant.can_publish,
            has_left=has_left,
        )

    # --- the signal socket --------------------------------------------------------------------

    async def join(self, socket: ServerConnection, offer: rtc.SessionDescription | None) -> None:
        """Serve a new participant until its signal socket closes.

        Args:
            socket: Its signal socket.
            offer: The offer that came with the join request, which saves a round trip.
        """
        self._socket = socket
        others = self.room.others(self)
        await self.send(
            messages.joined(room=(self.room.sid, self.room.name), me=self.info(), others=others)
        )
        if offer is not None:
            await self._on_offer(offer)
        self.negotiate_missing()
        await self._serve(socket)

    async def resume(self, socket: ServerConnection) -> None:
        """Serve a participant on a signal socket that replaces a broken one; media continued."""
        old, self._socket = self._socket, socket
        self._socket_replaced.set()
        self._socket_replaced = asyncio.Event()
        if old is not None:
            old.transport.abort()
        await self.send(messages.resumed())
        await self.send(messages.update([self.info(), *self.room.others(self)]))
        await self._serve(socket)

    async def _serve(self, socket: ServerConnection) -> None:
        try:
            async for raw in socket:
                if not self._rate.allows(asyncio.get_running_loop().time()):
                    await socket.close(CLOSE_POLICY, "too many messages")
                    return
                if isinstance(raw, bytes):
                    await self._receive(raw)
        except ConnectionClosed:
            pass

    def uses(self, socket: ServerConnection) -> bool:
        """Whether ``socket`` is its present signal socket."""
        return self._socket is socket

    async def wait_for_resume(self, limit_s: float) -> None:
        """Return when its signal socket was replaced, it was closed, or ``limit_s`` have passed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await self._socket_replaced.wait()

    async def send(self, message: rtc.SignalResponse) -> None:
        """Send a message; on a broken socket it is dropped, because a resume sends all state."""
        if self._socket is not None:
            try:
                await self._socket.send(message.SerializeToString())
            except ConnectionClosed:
                logger.debug("%s has no open signal socket", self.sid)

    def send_soon(self, message: rtc.SignalResponse) -> None:
        """Send a message without waiting, so that a client that doesn't read blocks nobody."""
        self._spawn(self.send(message))

    async def dismiss(
        self,
        action: rtc.LeaveRequest.Action = rtc.LeaveRequest.DISCONNECT,
        reason: models.DisconnectReason = models.DisconnectReason.ROOM_DELETED,
        text: str = "",
    ) -> None:
        """Tell the client to leave and close its signal socket.

        Args:
            action: What the client does then; see `messages.leave`.
            reason: Why.
            text: Reason of the close frame.
        """
        self.is_leaving = action != rtc.LeaveRequest.RESUME
        await self.send(messages.leave(action, reason))
        if self._socket is not None:
            await self._socket.close(CLOSE_NORMAL, text)

    def drop_socket(self) -> None:
        """Break the signal socket, without a close frame."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def close(self) -> None:
        """End its media and its tasks. May be called twice."""
        self._socket_replaced.set()
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
        await self.connection.close()

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- messages of the client ---------------------------------------------------------------

    async def _receive(self, raw: bytes) -> None:
        try:
            request = rtc.SignalRequest.FromString(raw)
        except DecodeError:
            await self.dismiss(reason=models.DisconnectReason.STATE_MISMATCH, text="malformed")
            return
        kind = request.WhichOneof("message")
        if kind == "ping":
            await self.send(rtc.SignalResponse(pong=request.ping))
        elif kind == "ping_req":
            await self._on_ping(request.ping_req)
        elif kind == "offer":
            await self._on_offer(request.offer)
        elif kind == "answer":
            await self._on_answer(request.answer)
        elif kind == "trickle":
            await self._on_candidate(request.trickle)
        elif kind == "add_track":
            await self._on_add_track(request.add_track)
        elif kind == "mute":
            sid, is_muted = request.mute.sid, request.mute.muted
            if any(track.sid == sid for track in self.tracks.values()):
                self.room.mute_changed(self, sid, is_muted=is_muted)
        elif kind == "subscription":
            self.connection.subscribe(request.subscription, self.room.publications(self))
            self.negotiate_missing(always=True)
        elif kind == "leave":
            self.is_leaving = True
            if self._socket is not None:
                await self._socket.close(CLOSE_NORMAL)
        # Other messages choose layers or quality; here there is one of each.

    async def _on_ping(self, ping: rtc.Ping) -> None:
        pong = rtc.Pong(last_ping_timestamp=ping.timestamp, timestamp=int(time.time() * 1000))
        await self.send(rtc.SignalResponse(pong_resp=pong))
        token = self.room.fresh_token(self.grant, time.time())
        if token is not None:
            await self.send(rtc.SignalResponse(refresh_token=token))

    async def _on_add_track(self, request: rtc.AddTrackRequest) -> None:
        if not self.grant.can_publish or len(self.tracks) >= TRACK_LIMIT:
            await self.dismiss(
                reason=models.DisconnectReason.PARTICIPANT_REMOVED,
                text="publishing is not permitted by this token",
            )
            return
        info = messages.published(f"TR_{secrets.token_hex(6)}", request)
        if request.type == models.TrackType.VIDEO:
            codec = codec_name(info.mime_type)
            if codec not in messages.VIDEO_CODECS:
                await self._refuse_media(unsupported(codec))
                return
        self.tracks[request.cid] = info
        self._version += 1
        # Before the response, upon which clients look the track up.
        await self.room.track_announced(self, info)
        published = rtc.TrackPublishedResponse(cid=request.cid, track=info)
        await self.send(rtc.SignalResponse(track_published=published))

    async def _refuse_media(self, text: str) -> None:
        self.room.report_error(text)
        await self.dismiss(reason=models.DisconnectReason.MEDIA_FAILURE, text=text)

    async def _on_offer(self, offer: rtc.SessionDescription) -> None:
        if self.room.faults.no_answer:
            return
        codecs = {
            cid: codec_name(info.mime_type)
            for cid, info in self.tracks.items()
            if info.type == models.TrackType.VIDEO
        }
        publications = self.room.publications(self)
        try:
            sdp = await self.connection.answer(offer.sdp, codecs=codecs, publications=publications)
        except NegotiationError as error:
            await self._refuse_media(str(error))
            return
        answer = rtc.SessionDescription(type="answer", sdp=sdp, id=offer.id)
        if self.connection.single_pc:
            answer.mid_to_track_id.update(self.connection.mid_to_track)
        await self.send(rtc.SignalResponse(answer=answer))
        if self.tracks or not self.connection.is_complete:
            self.negotiate_missing(always=not self.connection.is_complete)

    async def _on_answer(self, answer: rtc.SessionDescription) -> None:
        try:
            await self.connection.accept(answer.sdp)
        except NegotiationError as error:
            await self.dismiss(reason=models.DisconnectReason.MEDIA_FAILURE, text=str(error))
            return
        self._offer_is_open = False
        if self._offer_is_due or not self.connection.is_complete:
            self._offer_is_due = False
            await self._offer()

    async def _on_candidate(self, trickle: rtc.TrickleRequest) -> None:
        try:
            candidate = json.loads(trickle.candidateInit or "{}")
        except (ValueError, RecursionError):
            return
        if isinstance(candidate, dict):
            down = trickle.target == rtc.SignalTarget.SUBSCRIBER
            await self.connection.add_candidate(candidate, down=down)

    # --- subscriptions ------------------------------------------------------------------------

    def negotiate_missing(self, *, always: bool = False) -> None:
        """Negotiate every publication that the client doesn't receive yet; none if ``always``."""
        missing = self.connection.missing(self.room.publications(self))
        if not missing and not always:
            return
        if self.connection.single_pc:
            # Only the client offers: it is asked for an offer with that many more sections.
            videos = sum(publication.feed.kind == "video" for publication in missing)
            sections = rtc.MediaSectionsRequirement(
                num_videos=videos, num_audios=len(missing) - videos
            )
            self.send_soon(rtc.SignalResponse(media_sections_requirement=sections))
        else:
            self._spawn(self._offer())

    async def _offer(self) -> None:
        if self._offer_is_open:
            self._offer_is_due = True
            return
        self._offer_is_open = True
        sdp = await self.connection.offer(self.room.publications(self))
        self._offers += 1
        offer = rtc.SessionDescription(type="offer", sdp=sdp, id=self._offers)
        offer.mid_to_track_id.update(self.connection.mid_to_track)
        await self.send(rtc.SignalResponse(offer=offer))

    # --- events of the connection -------------------------------------------------------------

    def _on_track(self, cid: str, track: MediaStreamTrack) -> None:
        self.room.track_received(self, self.tracks.get(cid), track)

    def _on_lost(self) -> None:
        self._spawn(self.room.connection_lost(self))
