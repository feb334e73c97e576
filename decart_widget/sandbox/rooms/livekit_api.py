"""The address of a LiveKit server, and requests to its API: rooms are opened and deleted there.

The packages ``aiohttp`` and ``livekit.api`` are imported when they are first used.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from livekit import api

logger = logging.getLogger(__name__)

REQUEST_TIMEOUT_S: Final = 3.0
"""Seconds that a request to the server's API may take."""

MAX_PARTICIPANTS: Final = 11
"""Participants of a room: ten clients, as in the sandbox's own rooms, and the transformer."""

EMPTY_TIMEOUT_S: Final = 60
"""Seconds after which the LiveKit server closes a room that nobody has joined or all have left."""


@dataclass(frozen=True)
class LiveKitServer:
    """Address of a LiveKit server, and the API key that signs tokens for it.

    Attributes:
        url: Such as ``ws://host:7880``; clients must be able to reach it too.
        key: Its API key.
        secret: The key's secret.

    Raises:
        ValueError: The address is no WebSocket URL, or key or secret are empty.
    """

    url: str
    key: str
    secret: str = field(repr=False)

    def __post_init__(self) -> None:
        if not re.match(r"wss?://[^/]", self.url):
            raise ValueError(f"a LiveKit server's address begins with ws:// or wss://: {self.url}")
        if not (self.key and self.secret):
            raise ValueError("a LiveKit server needs a key and a secret to sign tokens with")


class LiveKitApi:
    """Requests to a LiveKit server's API; a request that fails is logged and raises nothing.

    Args:
        server: The server.
    """

    def __init__(self, server: LiveKitServer) -> None:
        self._server = server

    async def create(self, name: str) -> str | None:
        """Open a room.

        Args:
            name: Its name.

        Returns:
            Why the server can't be used, as the end of a sentence with a remedy; or None, also when
            the room wasn't opened for another reason (a participant that joins opens it too).
        """
        from livekit import api

        request = api.CreateRoomRequest(
            name=name, empty_timeout=EMPTY_TIMEOUT_S, max_participants=MAX_PARTICIPANTS
        )
        answer = await self._ask(lambda client: client.room.create_room(request))
        return _cause(answer) if isinstance(answer, Exception) else None

    async def existing(self, names: list[str]) -> list[str]:
        """Which of these rooms are open."""
        from livekit import api

        request = api.ListRoomsRequest(names=names)
        answer = await self._ask(lambda client: client.room.list_rooms(request))
        return [] if isinstance(answer, Exception) else [room.name for room in answer.rooms]

    async def delete(self, name: str) -> None:
        """Delete a room, which disconnects its participants."""
        from livekit import api

        request = api.DeleteRoomRequest(room=name)
        await self._ask(lambda client: client.room.delete_room(request))

    async def _ask(self, request: Callable[[api.LiveKitAPI], Awaitable[Any]]) -> Any:
        """The answer to a request, or the exception that it raised."""
        from livekit import api

        server = self._server
        url = re.sub("^ws", "http", server.url)
        try:
            # The package tries again after a time-out of its own.
            async with (
                asyncio.timeout(REQUEST_TIMEOUT_S),
                api.LiveKitAPI(url, server.key, server.secret) as client,
            ):
                return await request(client)
        except Exception as error:  # the LiveKit package documents no types
            logger.info("a request to the LiveKit server failed (%s)", type(error).__name__)
            return error


def _cause(error: Exception) -> str | None:
    """What an exception of the server's API says of the server, with a remedy; None: nothing."""
    import aiohttp
    from livekit import api

    if isinstance(error, aiohttp.ClientConnectorError):
        return "can't be reached. Start it, or check the address after --livekit"
    if isinstance(error, api.TwirpError) and error.status in (401, 403):
        return "refuses the key or its secret. Check LIVEKIT_API_KEY and LIVEKIT_API_SECRET"
    return None
