"""One participant of a room: the signal socket, what it publishes, what it receives."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import secrets
import time
from typing import TYPE_CHECKING, Any

from google.protobuf.message import DecodeError
from livekit.protocol import models, rtc
from websockets.exceptions import ConnectionClosed

from decart_widget.page.rate_limit import RateLimit
from decart_widget.sandbox.rooms import messages
from decart_widget.sandbox.rooms.connection import (
    ConnectionEvents,
    NegotiationError,
    RoomConnection,
)
from decart_widget.sandbox.rooms.sdp import codec_named, unsupported

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack
    from websockets.asyncio.server import ServerConnection

    from decart_widget.sandbox.rooms.room import Room
    from decart_widget.sandbox.rooms.tokens import RoomGrant

logger = logging.getLogger(__name__)

#: Tracks that one participant may announce in its life.
TRACK_LIMIT = 16

#: Close codes of the signal socket (RFC 6455).
CLOSE_NORMAL = 1000
CLOSE_POLICY = 1008


class Participant:
    """Somebody in a room, from the join to the end; the signal socket may be replaced meanwhile.

    Args:
        room: Where.
        grant: What the token permits.
        single: Whether the client wants one peer connection (``/rtc/v1``) or two (``/rtc``).
        loopback: Exchange media packets with this machine only.
    """

    def __init__(self, room: Room, grant: RoomGrant, *, single: bool, loopback: bool) -> None:
        self.room = room
        self.grant = grant
        self.sid = f"PA_{secrets.token_hex(6)}"
        self.joined_at = time.time()
        self.left = False
        self.tracks: dict[str, models.TrackInfo] = {}
        self._version = 1
        self._socket: ServerConnection | None = None
        self._moved = asyncio.Event()
        self._rate = RateLimit()
        self._tasks: set[asyncio.Task[Any]] = set()
        self._offer_open = False
        self._offer_due = False
        self._offers = 0
        self.connection = RoomConnection(
            single=single,
            loopback=loopback,
            events=ConnectionEvents(self._on_track, self._on_lost),
        )

    @property
    def identity(self) -> str:
        """Who it is; unique in its room."""
        return self.grant.identity

    def info(self, *, gone: bool = False) -> models.ParticipantInfo:
        """What the others, and itself, are told of it."""
        return messages.participant(
            sid=self.sid,
            identity=self.identity,
            name=self.grant.name,
            tracks=[] if gone else self.tracks.values(),
            version=self._version,
            joined_at=self.joined_at,
            can_publish=self.grant.can_publish,
            gone=gone,
        )

    # --- the socket ---------------------------------------------------------------------------

    async def join(self, socket: ServerConnection, offer: rtc.SessionDescription | None) -> None:
        """Serve a new participant on ``socket`` until that closes.

        Args:
            socket: Its signal socket.
            offer: Came with the request to join; saves a round trip.
        """
        self._socket = socket
        others = self.room.others(self)
        await self.send(
            messages.joined(room=(self.room.sid, self.room.name), me=self.info(), others=others)
        )
        if offer is not None:
            await self._on_offer(offer)
        self.invite()
        await self._serve(socket)

    async def resume(self, socket: ServerConnection) -> None:
        """Go on with ``socket`` in place of one that broke; the media never stopped."""
        old, self._socket = self._socket, socket
        self._moved.set()
        self._moved = asyncio.Event()
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

    @property
    def is_reachable(self) -> bool:
        """Whether its signal socket is open."""
        return self._socket is not None and self._socket.state.name == "OPEN"

    def uses(self, socket: ServerConnection) -> bool:
        """Whether ``socket`` is the one that it talks on."""
        return self._socket is socket

    async def wait_for_another_socket(self, limit: float) -> None:
        """Return when it has another socket, or was closed, or ``limit`` s have passed."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._moved.wait(), limit)

    async def send(self, message: rtc.SignalResponse) -> None:
        """Send one message; while the socket is broken, nothing: a resume tells everything."""
        if self._socket is not None:
            try:
                await self._socket.send(message.SerializeToString())
            except ConnectionClosed:
                logger.debug("%s is out of reach", self.sid)

    def tell(self, message: rtc.SignalResponse) -> None:
        """Send one message without waiting: a client that doesn't read holds nobody else up."""
        self._spawn(self.send(message))

    async def dismiss(
        self,
        action: rtc.LeaveRequest.Action = rtc.LeaveRequest.DISCONNECT,
        reason: models.DisconnectReason = models.DisconnectReason.ROOM_DELETED,
        text: str = "",
    ) -> None:
        """Tell the client to go, and close its socket with ``text``."""
        self.left = action != rtc.LeaveRequest.RESUME
        await self.send(messages.leave(action, reason))
        if self._socket is not None:
            await self._socket.close(CLOSE_NORMAL, text)

    def drop_socket(self) -> None:
        """Break the signal socket off, without a close frame."""
        if self._socket is not None:
            self._socket.transport.abort()

    async def close(self) -> None:
        """End its media and its work. May be called twice."""
        self._moved.set()
        for task in self._tasks - {asyncio.current_task()}:
            task.cancel()
        await self.connection.close()

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- messages -----------------------------------------------------------------------------

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
            await self.send(rtc.SignalResponse(mute=request.mute))
        elif kind == "leave":
            self.left = True
            if self._socket is not None:
                await self._socket.close(CLOSE_NORMAL)
        # Others choose layers, quality or subscriptions, of which there is one here.

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
            codec = codec_named(info.mime_type)
            if codec not in messages.VIDEO_CODECS:
                await self._refuse_media(unsupported(codec))
                return
        self.tracks[request.cid] = info
        self._version += 1
        # Before the answer: clients look a track up when it comes.
        await self.room.announced(self, info)
        published = rtc.TrackPublishedResponse(cid=request.cid, track=info)
        await self.send(rtc.SignalResponse(track_published=published))

    async def _refuse_media(self, text: str) -> None:
        self.room.complain(text)
        await self.dismiss(reason=models.DisconnectReason.MEDIA_FAILURE, text=text)

    async def _on_offer(self, offer: rtc.SessionDescription) -> None:
        if self.room.faults.no_answer:
            return
        codecs = {
            cid: codec_named(info.mime_type)
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
        if self.connection.single:
            answer.mid_to_track_id.update(self.connection.mid_to_track)
        await self.send(rtc.SignalResponse(answer=answer))
        if self.tracks:
            self.invite()

    def invite(self) -> None:
        """See to it that the client comes to receive every publication that it doesn't yet."""
        missing = self.connection.missing(self.room.publications(self))
        if not missing:
            return
        if self.connection.single:
            # Only the client offers; it makes that many sections, and offers.
            videos = sum(publication.kind == "video" for publication in missing)
            sections = rtc.MediaSectionsRequirement(
                num_videos=videos, num_audios=len(missing) - videos
            )
            self.tell(rtc.SignalResponse(media_sections_requirement=sections))
        else:
            self._spawn(self._offer())

    async def _offer(self) -> None:
        if self._offer_open:
            self._offer_due = True
            return
        self._offer_open = True
        sdp = await self.connection.offer(self.room.publications(self))
        self._offers += 1
        offer = rtc.SessionDescription(type="offer", sdp=sdp, id=self._offers)
        offer.mid_to_track_id.update(self.connection.mid_to_track)
        await self.send(rtc.SignalResponse(offer=offer))

    async def _on_answer(self, answer: rtc.SessionDescription) -> None:
        try:
            await self.connection.accept(answer.sdp)
        except NegotiationError as error:
            await self.dismiss(reason=models.DisconnectReason.MEDIA_FAILURE, text=str(error))
            return
        self._offer_open = False
        if self._offer_due:
            self._offer_due = False
            await self._offer()

    async def _on_candidate(self, trickle: rtc.TrickleRequest) -> None:
        try:
            candidate = json.loads(trickle.candidateInit or "{}")
        except (ValueError, RecursionError):
            return
        if isinstance(candidate, dict):
            down = trickle.target == rtc.SignalTarget.SUBSCRIBER
            await self.connection.add_candidate(candidate, down=down)

    # --- media --------------------------------------------------------------------------------

    def _on_track(self, cid: str, track: MediaStreamTrack) -> None:
        self.room.show(self, self.tracks.get(cid), track)

    def _on_lost(self) -> None:
        self._spawn(self.room.lost(self))
