"""Sessions on a real LiveKit server, and what its API says of their rooms."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

import psutil
from livekit import api

from decart_widget.sandbox.rooms.livekit_api import LiveKitServer
from decart_widget.sandbox.server import SandboxServer
from tests.loopback.room_client import RoomUser, is_grey, room_for, user_in
from tests.loopback.sandbox_client import KEY, Client, client
from tools.livekit import LiveKitProcess

LIMIT_S: Final = 40.0
"""Seconds to wait for a condition: longer than the longest time-out of the server, 20 s."""

SMALL: Final = (320, 180)
"""Size in pixels of a camera of which one layer is enough. This process encodes and decodes video,
and so does the bridge: 1280x720 with three layers is too much for a busy machine."""


def address(server: LiveKitProcess) -> LiveKitServer:
    """Of a running server, for a sandbox."""
    return LiveKitServer(server.url, server.key, server.secret)


@asynccontextmanager
async def bridge_on(server: LiveKitProcess) -> AsyncIterator[SandboxServer]:
    """A sandbox in this process whose rooms are on that server."""
    async with SandboxServer(livekit=address(server), api_key=KEY) as sandbox:
        yield sandbox


@asynccontextmanager
async def session_on(
    sandbox: SandboxServer, codec: str = "h264", **query: Any
) -> AsyncIterator[tuple[Client, dict[str, Any], RoomUser]]:
    """A session that generates: its control channel, the credentials of its room, its owner."""
    async with client(sandbox.realtime_base_url, **query) as control:
        info = await room_for(control)
        async with user_in(info, SMALL) as user:
            await user.publish(codec, simulcast=False)
            await user.picture_that(is_grey, LIMIT_S)
            await control.wait_for("generation_started")
            yield control, info, user


def process_of(sandbox: SandboxServer) -> psutil.Process:
    """The process of the only session's room."""
    (session,) = sandbox.stats()["sessions"]
    return psutil.Process(session["media"]["pid"])


def rooms_api(server: LiveKitProcess) -> api.LiveKitAPI:
    """A client of the server's API."""
    return api.LiveKitAPI(server.url.replace("ws", "http", 1), server.key, server.secret)


async def participants(server: LiveKitProcess) -> dict[str, list[str]]:
    """The identities in every open room."""
    found = {}
    async with rooms_api(server) as lk:
        for room in (await lk.room.list_rooms(api.ListRoomsRequest())).rooms:
            request = api.ListParticipantsRequest(room=room.name)
            listed = await lk.room.list_participants(request)
            found[room.name] = [participant.identity for participant in listed.participants]
    return found


async def eventually(condition: Callable[[], Any], what: str, limit: float = LIMIT_S) -> None:
    """Waits until a function, or what it awaits, is true."""
    try:
        async with asyncio.timeout(limit):
            while True:
                value = condition()
                if asyncio.iscoroutine(value):
                    value = await value
                if value:
                    return
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not within {limit} s: {what}") from None
