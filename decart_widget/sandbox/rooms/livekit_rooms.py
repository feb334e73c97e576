"""Rooms on a LiveKit server, for more clients than the sandbox's own rooms can serve.

The sandbox keeps the control channels and the effects; media goes through the LiveKit server. Needs
the packages of the extra ``livekit``, which are imported when they are first used.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import re
import secrets
from concurrent.futures import Executor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.redaction import trace
from decart_widget.errors import SandboxError
from decart_widget.sandbox.faults import NONE
from decart_widget.sandbox.rooms.room import TOKEN_LIFETIME_S
from decart_widget.sandbox.rooms.session_room import CLIENT, INFERENCE_SERVER, VIEWER

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.render import Renderer
    from decart_widget.sandbox.rooms.host import RoomRequest, SessionRoom
    from decart_widget.sandbox.rooms.livekit_transformer import Transformer

logger = logging.getLogger(__name__)

DELETE_TIMEOUT_S: Final = 3.0
"""Seconds that the request to delete a room may take."""


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


def require_livekit() -> None:
    """Import the packages of the extra.

    Raises:
        SandboxError: One of them isn't installed.
    """
    try:
        import livekit.api
        import livekit.rtc  # noqa: F401
    except ImportError as error:
        raise SandboxError(
            f"Rooms on a LiveKit server need packages that are not installed: {error}.",
            remedy="Install them: pip install 'decart-widget[livekit]'",
        ) from error


class LiveKitRooms:
    """Opens sessions' rooms on a LiveKit server; a `RoomHost`.

    Args:
        server: The LiveKit server.
        renderer: Transforms frames; shared by the sessions of this server.
        executor: Runs the renderer.

    Raises:
        SandboxError: The packages of the extra ``livekit`` are not installed.
    """

    def __init__(self, server: LiveKitServer, *, renderer: Renderer, executor: Executor) -> None:
        require_livekit()
        self._server = server
        self._renderer = renderer
        self._executor = executor
        self._open: dict[str, LiveKitRoom] = {}

    async def open(self, request: RoomRequest) -> LiveKitRoom:
        """Open a room; the transformer and the client join it at the same time."""
        room = LiveKitRoom(
            f"room-{secrets.token_hex(12)}",
            server=self._server,
            request=request,
            renderer=self._renderer,
            executor=self._executor,
        )
        self._open[room.name] = room
        return room

    def find(self, name: str) -> LiveKitRoom | None:
        """The open room of that name, or None."""
        return self._open.get(name)

    async def close(self, room: SessionRoom) -> None:
        """Close a room. May be called twice."""
        livekit_room = self._open.pop(room.name, None)
        if livekit_room is not None:
            await livekit_room.close()

    async def close_all(self) -> None:
        """Close all rooms."""
        await asyncio.gather(*(self.close(room) for room in list(self._open.values())))


class LiveKitRoom:
    """A session's room on a LiveKit server.

    Faults of the LiveKit server itself (broken signal sockets, late answers) can't be simulated.

    Attributes:
        name: Unguessable.
        model: Name of the session's model.
        faults: The failures to simulate in it.
    """

    def __init__(
        self,
        name: str,
        *,
        server: LiveKitServer,
        request: RoomRequest,
        renderer: Renderer,
        executor: Executor,
    ) -> None:
        from decart_widget.sandbox.rooms.livekit_transformer import Transformer

        self.name = name
        self.model = request.model
        self.faults = NONE
        self._server = server
        self._report_error = request.report_error
        self.transformer: Transformer = Transformer(
            renderer=renderer,
            effect_state=request.effect_state,
            executor=executor,
            events=request.events,
            codec=request.codec or "h264",
        )
        self._joining = asyncio.create_task(self._join())

    async def _join(self) -> None:
        token = self._token(INFERENCE_SERVER, can_publish=True)
        try:
            await self.transformer.join(self._server.url, token)
        except Exception as error:  # the LiveKit package documents no types
            logger.warning("the room on %s can't be joined\n%s", self._server.url, trace(error))
            self._report_error(f"The LiveKit server can't be used ({type(error).__name__})")

    def _token(self, identity: str, *, can_publish: bool, hidden: bool = False) -> str:
        from livekit import api

        lifetime = self.faults.room_token_s
        ttl = TOKEN_LIFETIME_S if lifetime is None else lifetime
        grants = api.VideoGrants(
            room_join=True,
            room=self.name,
            can_publish=can_publish,
            can_publish_data=can_publish,
            hidden=hidden,
        )
        return (
            api.AccessToken(self._server.key, self._server.secret)
            .with_identity(identity)
            .with_ttl(dt.timedelta(seconds=ttl))
            .with_grants(grants)
            .to_jwt()
        )

    def credentials(self) -> dict[str, str]:
        """``livekit_url``, ``token`` and ``room_name`` for the session's owner."""
        return self._credentials(CLIENT, can_publish=True, hidden=False)

    def viewer_credentials(self) -> dict[str, str]:
        """The same for another viewer, who can't publish and whom others can't see."""
        return self._credentials(VIEWER, can_publish=False, hidden=True)

    def _credentials(self, kind: str, *, can_publish: bool, hidden: bool) -> dict[str, str]:
        identity = f"{kind}-{secrets.token_hex(4)}"
        token = self._token(identity, can_publish=can_publish, hidden=hidden)
        return {"livekit_url": self._server.url, "token": token, "room_name": self.name}

    def go_silent(self) -> None:
        """Send no more frames, without telling the clients."""
        self.transformer.is_silent = True

    def drop_sockets(self) -> None:
        """Do nothing: the LiveKit server has the signal sockets."""

    async def dismiss_all(self, action: str) -> None:
        """With ``disconnect``, delete the room; the server API has no other actions."""
        if action == "disconnect":
            await self._delete()

    async def close(self) -> None:
        """Close it: the transformer leaves, and the server disconnects all other participants."""
        self._joining.cancel()
        await self.transformer.close()
        await self._delete()

    async def _delete(self) -> None:
        import aiohttp
        from livekit import api

        timeout = aiohttp.ClientTimeout(total=DELETE_TIMEOUT_S)
        url = re.sub("^ws", "http", self._server.url)
        keys = (self._server.key, self._server.secret)
        try:
            async with api.LiveKitAPI(url, *keys, timeout=timeout) as client:
                await client.room.delete_room(api.DeleteRoomRequest(room=self.name))
        except Exception as error:  # the server closes an empty room, and tokens expire
            logger.info("a room was not deleted (%s)", type(error).__name__)

    def stats(self) -> dict[str, Any]:
        """Frames sent, and (width, height) in pixels of the last one."""
        return self.transformer.stats()
