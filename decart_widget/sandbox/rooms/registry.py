"""Every room of a server: its HTTP and WebSocket doors, and which tokens open them."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
import zlib
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from google.protobuf.message import DecodeError
from livekit.protocol import rtc

from decart_widget.sandbox.http import HttpRequest, HttpResponse
from decart_widget.sandbox.rooms.tokens import RoomGrant, RoomKeys, RoomTokenError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from websockets.asyncio.server import ServerConnection

    from decart_widget.sandbox.rooms.room import Room

#: Paths of the signal socket -> whether it stands for one peer connection.
SIGNAL_PATHS = {"/rtc/v1": True, "/rtc": False}
VALIDATE_PATHS = tuple(f"{path}/validate" for path in SIGNAL_PATHS)

#: Any page may ask; what it gets is behind a token.
OPEN_TO_PAGES = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Methods": "*",
}

#: Bytes of a request to join, unpacked; with an offer it has some ten thousand.
LARGEST_JOIN = 256 * 1024


class Rooms:
    """Rooms by name.

    Args:
        keys: Verifies tokens; None: keys that nobody else knows.
    """

    def __init__(self, keys: RoomKeys | None = None) -> None:
        self.keys = keys or RoomKeys()
        self._rooms: dict[str, Room] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    def get(self, name: str) -> Room | None:
        """The open room of that name."""
        return self._rooms.get(name)

    def open(self, room: Room) -> None:
        """Let people into ``room``, until it is closed."""
        self._rooms[room.name] = room

    async def close(self, room: Room) -> None:
        """Close one; its tokens are void. May be called twice."""
        if self._rooms.get(room.name) is room:
            del self._rooms[room.name]
        await room.close()

    async def close_all(self) -> None:
        """Close every one."""
        await asyncio.gather(*(self.close(room) for room in list(self._rooms.values())))

    # --- doors --------------------------------------------------------------------------------

    def check(self, path: str, headers: Mapping[str, str]) -> tuple[Room, RoomGrant]:
        """The room that a request may enter, and as whom.

        Args:
            path: With its query, in which the token is unless it is in a header.
            headers: Of the request.

        Raises:
            RoomTokenError: The token is bad, or its room is not open (any more).
        """
        query = parse_qs(urlsplit(path).query)
        bearer = headers.get("Authorization", headers.get("authorization", ""))
        token = query.get("access_token", [bearer.removeprefix("Bearer ")])[0]
        grant = self.keys.read(token, time.time())
        room = self._rooms.get(grant.room)
        if room is None:
            raise RoomTokenError("the room of this token is closed, or never was")
        return room, grant

    def answer_validate(self, request: HttpRequest) -> HttpResponse:
        """Why a signal socket was refused: what clients ask after that. 401 is final for them."""
        if request.method == "OPTIONS":
            return HttpResponse(200, "", OPEN_TO_PAGES)
        try:
            self.check(request.path, request.headers)
        except RoomTokenError as error:
            return HttpResponse(401, str(error), OPEN_TO_PAGES, "text/plain")
        return HttpResponse(200, "success", OPEN_TO_PAGES, "text/plain")

    async def serve(self, socket: ServerConnection) -> None:
        """Serve a signal socket whose request `check` let in, until it closes."""
        assert socket.request is not None
        path = socket.request.path
        single = SIGNAL_PATHS[urlsplit(path).path]
        try:
            room, grant = self.check(path, socket.request.headers)
            request = read_join(path, single=single)
        except (RoomTokenError, ValueError) as error:
            await socket.close(1008, str(error)[:100])
            return
        await room.admit(socket, grant, request, single=single)


def read_join(path: str, *, single: bool) -> rtc.JoinRequest:
    """What a client says of itself in the query of its request for a signal socket.

    Args:
        path: With its query.
        single: ``/rtc/v1``: a message in ``join_request``; otherwise single values.

    Raises:
        ValueError: The message can't be read.
    """
    query = parse_qs(urlsplit(path).query)
    if not single:
        return rtc.JoinRequest(
            reconnect=query.get("reconnect", [""])[0] in ("1", "true"),
            participant_sid=query.get("sid", [""])[0],
        )
    packed = query.get("join_request", [""])[0]
    try:
        raw = base64.urlsafe_b64decode(packed + "=" * (-len(packed) % 4))
        wrapped = rtc.WrappedJoinRequest.FromString(raw)
        body = wrapped.join_request
        if wrapped.compression == rtc.WrappedJoinRequest.GZIP:
            body = zlib.decompressobj(31).decompress(body, LARGEST_JOIN)
        return rtc.JoinRequest.FromString(body)
    except (binascii.Error, zlib.error, DecodeError) as error:
        raise ValueError("the request to join can't be read") from error
