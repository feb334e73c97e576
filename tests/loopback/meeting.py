"""A LiveKit server for tests: all participants see each other, and nothing is transformed.

It is the sandbox's room server with another class of rooms, for tests of rooms on a LiveKit server
where none is installed. It has no server API (rooms can't be deleted from outside).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

from aiortc import MediaStreamTrack
from livekit.protocol import models
from websockets.asyncio.server import ServerConnection, serve
from websockets.http11 import Request, Response

from decart_widget.rtc.bitrates import Bitrates
from decart_widget.rtc.sdp import codec_name
from decart_widget.rtc.trailers import trailers_of
from decart_widget.sandbox.faults import NONE, Faults
from decart_widget.sandbox.http import HttpRequest, HttpResponse, connection_class
from decart_widget.sandbox.rooms.audio_feed import AudioFeed
from decart_widget.sandbox.rooms.connection import Publication
from decart_widget.sandbox.rooms.participant import Participant
from decart_widget.sandbox.rooms.registry import SIGNAL_PATHS, VALIDATE_PATHS, RoomRegistry
from decart_widget.sandbox.rooms.room import Room
from decart_widget.sandbox.rooms.tokens import RoomGrant, RoomKeys, RoomTokenError
from decart_widget.sandbox.rooms.video_feed import VideoFeed


class MeetingRoom(Room):
    """Sends each participant's tracks to all other participants."""

    def __init__(self, name: str, keys: RoomKeys, faults: Faults) -> None:
        super().__init__(name, keys=keys, loopback=True)
        self.faults = faults
        self._ending: set[asyncio.Task[None]] = set()
        self._published: dict[str, tuple[Participant, Publication]] = {}

    def sees(self, viewer: Participant, other: Participant) -> bool:
        return True

    def publications(self, viewer: Participant) -> list[Publication]:
        return [track for owner, track in self._published.values() if owner is not viewer]

    async def track_announced(self, participant: Participant, info: models.TrackInfo) -> None:
        is_audio = info.type == models.TrackType.AUDIO
        feed = (
            AudioFeed() if is_audio else VideoFeed(Bitrates.fixed(3_000_000), lambda: self.faults)
        )
        publication = Publication(participant.sid, info, feed, codec_name(info.mime_type))
        self._published[info.sid] = (participant, publication)
        self._inform_others(participant, participant.info())
        for other in self.participants.values():
            if other is not participant:
                other.negotiate_missing()

    def track_received(
        self, participant: Participant, info: models.TrackInfo | None, track: MediaStreamTrack
    ) -> None:
        assert info is not None
        feed = self._published[info.sid][1].feed
        if isinstance(feed, VideoFeed):
            feed.start(track, trailers_of(track))
        else:
            feed.start(track)

    def mute_changed(self, participant: Participant, sid: str, *, is_muted: bool) -> None:
        feed = self._published[sid][1].feed
        if not isinstance(feed, VideoFeed):
            return
        feed.is_muted = is_muted
        if is_muted:
            task = asyncio.create_task(feed.send_blank())
            self._ending.add(task)
            task.add_done_callback(self._ending.discard)

    def participant_left(self, participant: Participant) -> None:
        for sid, (owner, publication) in list(self._published.items()):
            if owner is participant:
                publication.feed.stop()
                del self._published[sid]


class MeetingRooms(RoomRegistry):
    """Opens the room that a valid token names, as LiveKit does."""

    def __init__(self, keys: RoomKeys, faults: Faults) -> None:
        super().__init__(keys)
        self._faults = faults

    def authorize(self, path: str, headers: Mapping[str, str]) -> tuple[Room, RoomGrant]:
        try:
            return super().authorize(path, headers)
        except RoomTokenError:
            token = path.partition("access_token=")[2].partition("&")[0]
            token = token or headers["Authorization"].removeprefix("Bearer ")
            self.open(MeetingRoom(self.keys.read(token, time.time()).room, self.keys, self._faults))
            return super().authorize(path, headers)


@asynccontextmanager
async def livekit_server(
    key: str, secret: str, faults: Faults = NONE
) -> AsyncIterator[tuple[str, RoomRegistry]]:
    """Run a server; yields its address, such as ``ws://127.0.0.1:49152``, and its rooms."""
    rooms = MeetingRooms(RoomKeys(key, secret), faults)

    def http(request: HttpRequest) -> HttpResponse:
        if urlsplit(request.path).path in VALIDATE_PATHS:
            return rooms.answer_validate(request)
        return HttpResponse(404)

    def check(socket: ServerConnection, request: Request) -> Response | None:
        if urlsplit(request.path).path not in SIGNAL_PATHS:
            return socket.respond(404, "")
        try:
            rooms.authorize(request.path, request.headers)
        except RoomTokenError as error:
            return socket.respond(401, str(error))
        return None

    async with serve(
        rooms.serve_signal_socket,
        "127.0.0.1",
        0,
        create_connection=connection_class(http),
        process_request=check,
    ) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        try:
            yield f"ws://127.0.0.1:{port}", rooms
        finally:
            await rooms.close_all()
