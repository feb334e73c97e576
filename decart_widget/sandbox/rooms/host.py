"""Opens a room for each session that asks for one, on this server or on a LiveKit server."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from decart_widget.sandbox.faults import Faults
from decart_widget.sandbox.peer import PeerEvents
from decart_widget.sandbox.rooms.messages import VIDEO_CODECS
from decart_widget.sandbox.rooms.session_room import LocalSessionRoom

if TYPE_CHECKING:
    from collections.abc import Callable

    from decart_widget.sandbox.effects.effect_state import EffectState
    from decart_widget.sandbox.effects.render import Renderer
    from decart_widget.sandbox.rooms.registry import RoomRegistry


@dataclass(frozen=True)
class RoomRequest:
    """The parameters of a session's room.

    Attributes:
        effect_state: The session's effect; it may change at any time.
        events: Callbacks of the session.
        report_error: Called with a text for the user when a participant can't be served.
        end_session: Called with a text for the user when the room is gone, which ends the session.
        codec: Codec of the transformed video; None: the camera's.
        echoes_trailers: Whether the client asked for the camera's packet trailers on the
            transformed frames.
        model: Name of the session's model.
        host: Host and port at which the client reached this server.
    """

    effect_state: EffectState
    events: PeerEvents
    report_error: Callable[[str], None]
    end_session: Callable[[str], None]
    codec: str | None
    echoes_trailers: bool
    model: str
    host: str


class SessionRoom(Protocol):
    """A session's room, on whichever server.

    Attributes:
        name: Unguessable.
        model: Name of the session's model.
        faults: The failures to simulate in it.
    """

    name: str
    model: str
    faults: Faults

    def credentials(self) -> dict[str, str]:
        """``livekit_url``, ``token`` and ``room_name`` for the session's owner."""

    def viewer_credentials(self) -> dict[str, str]:
        """The same for another viewer, who can't publish."""

    def go_silent(self) -> None:
        """Stop sending media without telling the clients, as a killed server does."""

    def drop_sockets(self) -> None:
        """Break the signal sockets, without a close frame."""

    async def dismiss_all(self, action: str) -> None:
        """Send all clients a LeaveRequest: ``disconnect``, ``reconnect`` or ``resume``."""

    def stats(self) -> dict[str, Any]:
        """Statistics of its media."""


class RoomHost(Protocol):
    """Opens and closes sessions' rooms."""

    def prepare(self) -> None:
        """Prepare the first room, when the server starts."""

    async def open(self, request: RoomRequest) -> SessionRoom:
        """Open a room that can be joined at once."""

    def find(self, name: str) -> SessionRoom | None:
        """The open room of that name, or None."""

    async def close(self, room: SessionRoom) -> None:
        """Close a room. May be called twice."""

    async def close_all(self) -> None:
        """Close all rooms."""


class LocalRooms:
    """Rooms on this server.

    Args:
        registry: Admits their participants.
        renderer: Transforms frames; shared by the sessions of a server.
        executor: Runs the renderer.
        loopback: Exchange media packets with this machine only.
    """

    def __init__(
        self, registry: RoomRegistry, *, renderer: Renderer, executor: Executor, loopback: bool
    ) -> None:
        self._registry = registry
        self._renderer = renderer
        self._executor = executor
        self._loopback = loopback
        self._open: dict[str, LocalSessionRoom] = {}

    def prepare(self) -> None:
        """Nothing: a room here opens at once."""

    async def open(self, request: RoomRequest) -> LocalSessionRoom:
        """Open a room that can be joined at once."""
        room = LocalSessionRoom(
            f"room-{secrets.token_hex(12)}",
            keys=self._registry.keys,
            loopback=self._loopback,
            renderer=self._renderer,
            effect_state=request.effect_state,
            executor=self._executor,
            events=request.events,
            output_codec=request.codec,
            echoes_trailers=request.echoes_trailers,
            model=request.model,
            url=f"ws://{request.host}",
        )
        room.report_error = request.report_error
        self._open[room.name] = room
        self._registry.open(room)
        return room

    def find(self, name: str) -> LocalSessionRoom | None:
        """The open room of that name, or None."""
        return self._open.get(name)

    async def close(self, room: SessionRoom) -> None:
        """Close a room; its tokens are void. May be called twice."""
        local_room = self._open.pop(room.name, None)
        if local_room is not None:
            await self._registry.close(local_room)

    async def close_all(self) -> None:
        """Close all rooms."""
        for room in list(self._open.values()):
            await self.close(room)


def requested_codec(query: Mapping[str, list[str]]) -> str | None:
    """The codec in ``livekit_server_codec`` of a session's URL; None if we don't have it."""
    codec = query.get("livekit_server_codec", [""])[0].lower()
    return codec if codec in VIDEO_CODECS else None
