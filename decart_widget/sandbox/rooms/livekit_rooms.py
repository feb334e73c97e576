"""Rooms on a LiveKit server, for more clients than the sandbox's own rooms can serve.

The sandbox keeps the control channels; media goes through the LiveKit server, and a process for
each room transforms it (`livekit_process`). Needs the packages of the extra ``livekit``, which are
imported when they are first used.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import secrets
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.redaction import redact, remember
from decart_widget.errors import SandboxError
from decart_widget.sandbox.faults import NONE
from decart_widget.sandbox.rooms import livekit_child
from decart_widget.sandbox.rooms.livekit_api import LiveKitApi, LiveKitServer
from decart_widget.sandbox.rooms.livekit_process import RoomProcess, RoomProcesses
from decart_widget.sandbox.rooms.room import TOKEN_LIFETIME_S
from decart_widget.sandbox.rooms.session_room import CLIENT, INFERENCE_SERVER, VIEWER

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.picture import Plane
    from decart_widget.sandbox.effects.render import Renderer
    from decart_widget.sandbox.rooms.host import RoomRequest, SessionRoom

logger = logging.getLogger(__name__)

SWEEP_INTERVAL_S: Final = 5.0
"""Seconds between two checks whether the room of an ended session was opened again."""

TOKENS_VALID_S: Final = 2 * TOKEN_LIFETIME_S
"""Seconds after a session's end for which a token may open its room: a LiveKit server renews the
tokens of participants for ten minutes at a time, and nobody can void them."""

SWEPT_ROOMS: Final = 1000
"""Rooms of ended sessions that are checked at most; the newest are kept."""

SPARE_DELAY_S: Final = 0.5
"""Seconds from a room's first picture until the process of the next room is started."""

FROZEN_CHECK_S: Final = 0.05
"""Seconds between two checks whether the video is to freeze (a fault)."""


def require_livekit() -> None:
    """Check that the packages of the extra are installed.

    ``livekit.rtc`` isn't imported: it is needed in the rooms' processes only.

    Raises:
        SandboxError: One of them isn't.
    """
    missing = ""
    try:
        import livekit.api  # noqa: F401

        if find_spec("livekit.rtc") is None:
            missing = "No module named 'livekit.rtc'"
    except ImportError as error:
        missing = str(error)
    if missing:
        raise SandboxError(
            f"Rooms on a LiveKit server need packages that are not installed: {missing}.",
            remedy="Install them: pip install 'decart-widget[livekit]'",
        )


class LiveKitRooms:
    """Opens sessions' rooms on a LiveKit server; a `RoomHost`.

    Args:
        server: The LiveKit server.
        renderer: Counts the frames of all rooms; they are transformed in the rooms' processes.

    Raises:
        SandboxError: The packages of the extra ``livekit`` are not installed.
    """

    def __init__(self, server: LiveKitServer, *, renderer: Renderer) -> None:
        require_livekit()
        remember(server.secret, "key")
        self._server = server
        self._api = LiveKitApi(server)
        self._renderer = renderer
        self._processes = RoomProcesses()
        self._open: dict[str, LiveKitRoom] = {}
        self._ended: dict[str, float] = {}
        self._sweeping: asyncio.Task[None] | None = None

    def prepare(self) -> None:
        """Start the process of the first room ahead."""
        self._processes.prepare()

    async def open(self, request: RoomRequest) -> LiveKitRoom:
        """Open a room; the transformer and the client join it at the same time."""
        room = LiveKitRoom(
            f"room-{secrets.token_hex(12)}",
            server=self._server,
            api=self._api,
            request=request,
            renderer=self._renderer,
            processes=self._processes,
        )
        self._open[room.name] = room
        return room

    def find(self, name: str) -> LiveKitRoom | None:
        """The open room of that name, or None."""
        return self._open.get(name)

    async def close(self, room: SessionRoom) -> None:
        """Close a room. May be called twice."""
        livekit_room = self._open.pop(room.name, None)
        if livekit_room is None:
            return
        self._ended[room.name] = asyncio.get_running_loop().time() + TOKENS_VALID_S
        while len(self._ended) > SWEPT_ROOMS:
            del self._ended[next(iter(self._ended))]
        if self._sweeping is None or self._sweeping.done():
            self._sweeping = asyncio.create_task(self._sweep())
        await livekit_room.close()

    async def close_all(self) -> None:
        """Close all rooms, and end all processes."""
        await asyncio.gather(*(self.close(room) for room in list(self._open.values())))
        if self._sweeping is not None:
            self._sweeping.cancel()
        await self._processes.close()

    async def _sweep(self) -> None:
        """Delete rooms of ended sessions that exist: not deleted at the end, or opened again.

        A client whose session is over can join with its token for as long as that is valid, and a
        LiveKit server opens the room that a valid token names.
        """
        loop = asyncio.get_running_loop()
        while self._ended:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            for name, until in list(self._ended.items()):
                if loop.time() > until:
                    del self._ended[name]
            for name in await self._api.existing(list(self._ended)):
                await self._api.delete(name)


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
        api: LiveKitApi,
        request: RoomRequest,
        renderer: Renderer,
        processes: RoomProcesses,
    ) -> None:
        self.name = name
        self.model = request.model
        self.faults = NONE
        self._server = server
        self._api = api
        self._request = request
        self._renderer = renderer
        self._processes = processes
        self._process: RoomProcess | None = None
        self._figures: dict[str, Any] = {}
        self._silent = self._has_failed = False
        self._image: tuple[Plane | None, str | None] = (None, None)
        self._checking = asyncio.create_task(self._create())
        self._joining = asyncio.create_task(self._join())
        self._freezing: asyncio.Task[None] | None = None

    # --- start ---------------------------------------------------------------------------------

    async def _create(self) -> None:
        """Open the room before anybody joins.

        Participants open it as well when they join, but what fails then isn't named precisely.
        """
        cause = await self._api.create(self.name)
        if cause is not None:
            self._fail(f"The LiveKit server at {self._server.url} {cause}")

    async def _join(self) -> None:
        token = self._token(INFERENCE_SERVER, can_publish=True)
        remember(token, "room")
        try:
            self._process = process = await self._processes.take()
        except OSError as error:
            self._fail(f"The process of the session's room can't be started ({error.strerror})")
            return
        process.attend(self._on_report)
        self._send_effect()
        process.send(
            "join",
            url=self._server.url,
            token=token,
            codec=self._request.codec,
            echoes_trailers=self._request.echoes_trailers,
            keeps_marker=self._renderer.keeps_marker,
        )
        self._request.effect_state.on_change = self._send_effect

    def _send_effect(self) -> None:
        if self._process is None:
            return
        state = self._request.effect_state
        if self._image[0] is not state.image:
            self._image = (state.image, livekit_child.encode_image(state.image))
        self._process.send("effect", prompt=state.prompt, enrich=state.enrich, image=self._image[1])

    # --- reports of the process ----------------------------------------------------------------

    def _on_report(self, report: dict[str, Any]) -> None:
        events = self._request.events
        match report["type"]:
            case "failed":
                logger.warning(
                    "the room on %s can't be joined: %s", self._server.url, redact(report["reason"])
                )
                self._fail(f"The LiveKit server at {self._server.url} can't be used")
            case "first_frame":
                events.first_frame()
                if self._freezing is None:
                    self._freezing = asyncio.create_task(self._follow_freeze())
                    # Not earlier: it would compete for the processor.
                    asyncio.get_running_loop().call_later(SPARE_DELAY_S, self._processes.prepare)
            case "lost":
                events.lost()
            case "ended":
                reason = report["reason"]
                self._fail(f"The LiveKit server ended the room's media ({reason})")
            case "stats":
                self._count(report)
            case "exited":
                self._fail(
                    "The process that transforms this session's video ended unexpectedly "
                    f"({report['how']}). Other sessions are not affected: connect again"
                )

    def _count(self, figures: dict[str, Any]) -> None:
        before, self._figures = self._figures, figures
        self._renderer.frames += figures.get("rendered", 0) - before.get("rendered", 0)
        self._renderer.seconds += figures.get("render_s", 0.0) - before.get("render_s", 0.0)
        self._renderer.errors += figures.get("errors", 0) - before.get("errors", 0)

    def _fail(self, text: str) -> None:
        """End the session; the first cause that is known is told."""
        if not self._has_failed:
            self._has_failed = True
            self._request.end_session(text)

    # --- credentials ---------------------------------------------------------------------------

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

    # --- simulated failure, end, statistics ----------------------------------------------------

    def go_silent(self) -> None:
        """Send no more frames, without telling the clients."""
        self._silent = True
        self._send_hold(frozen=False)

    async def _follow_freeze(self) -> None:
        was_frozen = False
        while True:
            frozen = self._request.events.is_frozen()
            if frozen != was_frozen:
                was_frozen = frozen
                self._send_hold(frozen=frozen)
            await asyncio.sleep(FROZEN_CHECK_S)

    def _send_hold(self, *, frozen: bool) -> None:
        if self._process is not None:
            self._process.send("hold", silent=self._silent, frozen=frozen)

    def drop_sockets(self) -> None:
        """Do nothing: the LiveKit server has the signal sockets."""

    async def dismiss_all(self, action: str) -> None:
        """With ``disconnect``, delete the room; the server API has no other actions."""
        if action == "disconnect":
            await self._api.delete(self.name)

    async def close(self) -> None:
        """Close it: the transformer leaves, and the server disconnects all other participants."""
        self._has_failed = True  # whatever happens from now on ends no session
        self._request.effect_state.on_change = None
        if self._freezing is not None:
            self._freezing.cancel()
        await asyncio.gather(self._leave(), self._delete())

    async def _leave(self) -> None:
        self._processes.prepare()
        await self._joining
        if self._process is not None:
            await self._process.close()

    async def _delete(self) -> None:
        await self._checking  # a room that is created later would stay
        await self._api.delete(self.name)

    def stats(self) -> dict[str, Any]:
        """Frames sent, (width, height) in pixels of the last one, room and process id."""
        return {
            "room": self.name,
            "frames": self._figures.get("frames", 0),
            "size": self._figures.get("size"),
            "pid": None if self._process is None else self._process.pid,
        }
