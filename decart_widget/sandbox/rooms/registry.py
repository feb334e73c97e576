"""All rooms of a server: verifies tokens, and serves LiveKit's HTTP and WebSocket paths."""

from __future__ import annotations

import asyncio
import base64
import binascii
import time
import zlib
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, urlsplit

from google.protobuf.message import DecodeError
from livekit.protocol import rtc

from decart_widget.sandbox.http import HttpRequest, HttpResponse
from decart_widget.sandbox.rooms.participant import CLOSE_POLICY
from decart_widget.sandbox.rooms.tokens import RoomGrant, RoomKeys, RoomTokenError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from websockets.asyncio.server import ServerConnection

    from decart_widget.sandbox.rooms.room import Room

SIGNAL_PATHS: Final = {"/rtc/v1": True, "/rtc": False}
"""Paths of the signal socket -> whether the client uses one peer connection for both directions."""

VALIDATE_PATHS: Final = tuple(f"{path}/validate" for path in SIGNAL_PATHS)
"""Paths at which a client asks why its signal socket was refused."""

OPEN_TO_PAGES: Final = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Allow-Headers": "*",
    "Access-Control-Allow-Methods": "*",
}
"""CORS headers (WHATWG Fetch): a page of any origin may ask; a token protects the answer."""

JOIN_REQUEST_LIMIT: Final = 256 * 1024
"""Bytes of an uncompressed join request; one with an offer has about ten thousand."""


class RoomRegistry:
    """The open rooms of a server, by name.

    Args:
        keys: Verifies tokens; None: keys that nobody else knows.
    """

    def __init__(self, keys: RoomKeys | None = None) -> None:
        self.keys = keys or RoomKeys()
        self._rooms: dict[str, Room] = {}

    def __len__(self) -> int:
        return len(self._rooms)

    def open(self, room: Room) -> None:
        """Admit participants to ``room`` until it is closed."""
        self._rooms[room.name] = room

    async def close(self, room: Room) -> None:
        """Close a room; its tokens are void. May be called twice."""
        if self._rooms.get(room.name) is room:
            del self._rooms[room.name]
        await room.close()

    async def close_all(self) -> None:
        """Close all rooms."""
        await asyncio.gather(*(self.close(room) for room in list(self._rooms.values())))

    # --- requests -----------------------------------------------------------------------------

    def authorize(self, path: str, headers: Mapping[str, str]) -> tuple[Room, RoomGrant]:
        """Verify the token of a request.

        Args:
            path: With its query, which contains the token unless a header does.
            headers: Of the request.

        Returns:
            The room that it may join, and what it may do there.

        Raises:
            RoomTokenError: The token is invalid, or its room is not open.
        """
        query = parse_qs(urlsplit(path).query)
        bearer = headers.get("Authorization", headers.get("authorization", ""))
        token = query.get("access_token", [bearer.removeprefix("Bearer ")])[0]
        grant = self.keys.read(token, time.time())
        room = self._rooms.get(grant.room)
        if room is None:
            raise RoomTokenError("the room of this token is closed or doesn't exist")
        return room, grant

    def answer_validate(self, request: HttpRequest) -> HttpResponse:
        """Answer a client whose signal socket was refused; after a 401 it doesn't try again."""
        if request.method == "OPTIONS":
            return HttpResponse(200, "", OPEN_TO_PAGES)
        try:
            self.authorize(request.path, request.headers)
        except RoomTokenError as error:
            return HttpResponse(401, str(error), OPEN_TO_PAGES, "text/plain")
        return HttpResponse(200, "success", OPEN_TO_PAGES, "text/plain")

    async def serve_signal_socket(self, socket: ServerConnection) -> None:
        """Serve a signal socket, whose request `authorize` accepted, until it closes."""
        assert socket.request is not None
        path = socket.request.path
        single_pc = SIGNAL_PATHS[urlsplit(path).path]
        try:
            room, grant = self.authorize(path, socket.request.headers)
            request = read_join_request(path, single_pc=single_pc)
        except (RoomTokenError, ValueError) as error:
            await socket.close(CLOSE_POLICY, str(error)[:100])
            return
        await room.admit(socket, grant, request, single_pc=single_pc)


def read_join_request(path: str, *, single_pc: bool) -> rtc.JoinRequest:
    """Read the join request in the query of a signal socket's path.

    Args:
        path: With its query.
        single_pc: ``/rtc/v1`` has a message in ``join_request``, ``/rtc`` separate parameters.

    Raises:
        ValueError: The message is malformed.
    """
    query = parse_qs(urlsplit(path).query)
    if not single_pc:
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
            gzip_format = zlib.MAX_WBITS | 16
            body = zlib.decompressobj(gzip_format).decompress(body, JOIN_REQUEST_LIMIT)
        return rtc.JoinRequest.FromString(body)
    except (binascii.Error, zlib.error, DecodeError) as error:
        raise ValueError("the join request is malformed") from error
