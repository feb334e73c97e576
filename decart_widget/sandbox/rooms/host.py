"""Opens a room for each session that asks for one, on this server or on another."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from decart_widget.sandbox.faults import Faults
from decart_widget.sandbox.peer import PeerEvents
from decart_widget.sandbox.rooms.messages import VIDEO_CODECS
from decart_widget.sandbox.rooms.stage import StageRoom

if TYPE_CHECKING:
    from collections.abc import Callable

    from decart_widget.sandbox.effects.effect_state import EffectState
    from decart_widget.sandbox.effects.render import Renderer
    from decart_widget.sandbox.rooms.registry import Rooms


@dataclass(frozen=True)
class RoomRequest:
    """What a session wants of its room.

    Attributes:
        effect_state: What its picture shall look like.
        events: Whom to tell what.
        complain: Told, as text for the user, why somebody can't be served.
        codec: What the transformed picture shall be sent with; None: as the camera's.
        model: Name of its model.
        host: Host and port at which the client reached this server.
    """

    effect_state: EffectState
    events: PeerEvents
    complain: Callable[[str], None]
    codec: str | None
    model: str
    host: str


class SessionRoom(Protocol):
    """A session's room, wherever it is.

    Attributes:
        name: Unguessable.
        model: Name of the session's model.
        faults: What goes wrong in it.
    """

    name: str
    model: str
    faults: Faults

    def credentials(self) -> dict[str, str]:
        """``livekit_url``, ``token``, ``room_name`` for the session's own client."""

    def viewer_credentials(self) -> dict[str, str]:
        """The same for one more viewer, who can't publish."""

    def vanish(self) -> None:
        """Leave the network without a word."""

    def drop_sockets(self) -> None:
        """Break signal sockets off."""

    async def dismiss_all(self, action: str) -> None:
        """Send everybody a Leave: ``disconnect``, ``reconnect`` or ``resume``."""

    def stats(self) -> dict[str, Any]:
        """Figures of its media."""


class RoomHost(Protocol):
    """Where sessions' rooms are."""

    async def open(self, request: RoomRequest) -> SessionRoom:
        """A new room, ready to be joined."""

    def find(self, name: str) -> SessionRoom | None:
        """The open room of that name."""

    async def close(self, room: SessionRoom) -> None:
        """Close one. May be called twice."""

    async def close_all(self) -> None:
        """Close every one."""


class LocalRooms:
    """Rooms on this very server.

    Args:
        rooms: Its doors.
        renderer: Transforms frames; shared by the sessions of a server.
        executor: Where that is done.
        loopback: Exchange media packets with this machine only.
    """

    def __init__(
        self, rooms: Rooms, *, renderer: Renderer, executor: Executor, loopback: bool
    ) -> None:
        self._rooms = rooms
        self._renderer = renderer
        self._executor = executor
        self._loopback = loopback
        self._open: dict[str, StageRoom] = {}

    async def open(self, request: RoomRequest) -> StageRoom:
        """A new room, ready to be joined."""
        room = StageRoom(
            f"room-{secrets.token_hex(12)}",
            keys=self._rooms.keys,
            loopback=self._loopback,
            renderer=self._renderer,
            effect_state=request.effect_state,
            executor=self._executor,
            events=request.events,
            output_codec=request.codec,
            model=request.model,
            url=f"ws://{request.host}",
        )
        room.complain = request.complain
        self._open[room.name] = room
        self._rooms.open(room)
        return room

    def find(self, name: str) -> StageRoom | None:
        """The open room of that name."""
        return self._open.get(name)

    async def close(self, room: SessionRoom) -> None:
        """Close one; its tokens are void. May be called twice."""
        mine = self._open.pop(room.name, None)
        if mine is not None:
            await self._rooms.close(mine)

    async def close_all(self) -> None:
        """Close every one."""
        for room in list(self._open.values()):
            await self.close(room)


def codec_asked(query: Mapping[str, list[str]]) -> str | None:
    """The codec that a session's URL asks for with ``livekit_server_codec``, if we have it."""
    codec = query.get("livekit_server_codec", [""])[0].lower()
    return codec if codec in VIDEO_CODECS else None
