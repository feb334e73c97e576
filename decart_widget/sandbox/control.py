"""The control channel of one session: JSON text frames over a WebSocket, from admission on."""

from __future__ import annotations

import asyncio
import functools
import itertools
import json
import logging
import uuid
from typing import TYPE_CHECKING, Any, Final

from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from decart_widget.errors import SandboxError
from decart_widget.models import MODELS, RealtimeModel
from decart_widget.protocol.rate_limit import RateLimit
from decart_widget.sandbox import junk
from decart_widget.sandbox.close_codes import CLOSE_INTERNAL, CLOSE_NO_CREDITS, CLOSE_POLICY
from decart_widget.sandbox.effects.effect_state import EffectState
from decart_widget.sandbox.effects.render import Renderer
from decart_widget.sandbox.generation import Generation
from decart_widget.sandbox.ledger import SessionBill
from decart_widget.sandbox.peer import OfferError, Peer, PeerEvents
from decart_widget.sandbox.requests import Requests
from decart_widget.sandbox.rooms.host import RoomHost, RoomRequest, SessionRoom
from decart_widget.sandbox.waiting import wait_in_queue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from concurrent.futures import Executor

    from websockets.asyncio.server import ServerConnection

    from decart_widget.sandbox.faults import Faults
    from decart_widget.sandbox.own.warm_up import WarmUp
    from decart_widget.sandbox.tokens import Grant

logger = logging.getLogger(__name__)

NO_CREDITS: Final = "Insufficient credits"
"""The error of a session that can't be paid."""


class ControlSession:
    """One admitted client: its socket, its effect state, its media and its billed seconds.

    Args:
        socket: The open WebSocket.
        grant: What the client's key permits.
        renderer: Transforms frames; shared by the sessions of a server.
        executor: Runs the renderer.
        faults: What goes wrong in this session; `set_faults` changes it.
        address: Host and port of this server, sent in ``session_id``.
        loopback: Exchange media packets with this machine only.
        rooms: Opens the session's room, if the client asks for one.
        model: Name of the model.
        codec: Codec of the transformed picture in the room; None: the camera's.
        warm_up: For which the client waits in the queue.

    Attributes:
        id: Random; sent in ``session_id`` and ``livekit_room_info``.
        bill: What is billed.
        effect_state: The prompt and image that were applied last.
        peer: The offer/answer media, or None.
        room: The room, or None. A session has a peer or a room, never both.
    """

    def __init__(
        self,
        socket: ServerConnection,
        *,
        grant: Grant,
        renderer: Renderer,
        executor: Executor,
        faults: Faults,
        address: tuple[str, int],
        loopback: bool,
        rooms: RoomHost,
        model: str,
        codec: str | None,
        warm_up: WarmUp,
    ) -> None:
        self.id = str(uuid.uuid4())
        self.effect_state = EffectState()
        self.peer: Peer | None = None
        self.room: SessionRoom | None = None
        self._socket = socket
        self._grant = grant
        self._renderer = renderer
        self._executor = executor
        self._faults = faults
        self._address = address
        self._loopback = loopback
        self._rooms = rooms
        self._model = model
        self._codec = codec
        self._warm_up = warm_up
        self._generation = Generation(self.send)
        self.bill = SessionBill(self.id, model, self._generation)
        self._requests = Requests(
            self.effect_state, self.send, lambda: self._faults, renderer.begin, self.bill.note
        )
        self._rate = RateLimit()
        self._junk = itertools.cycle(junk.MESSAGES)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._fault_timers: list[asyncio.TimerHandle] = []
        self._opened_at: float | None = None
        self._first_frame_at: float | None = None
        self._id_sent = False

    # --- start and end -------------------------------------------------------------------------

    @property
    def is_open(self) -> bool:
        """Whether the client is there. A room may end some time after it has left."""
        return self._socket.state is State.OPEN

    async def run(self) -> None:
        """Serve the client until either side closes the socket; then end the session's media."""
        try:
            queue_s = self._faults.queue_s
            if not await wait_in_queue(
                self._socket, self.send, queue_s=queue_s, warm_up=self._warm_up
            ):
                return
            await self._open()
            async for raw in self._socket:
                if not self._rate.allows(asyncio.get_running_loop().time()):
                    await self._socket.close(CLOSE_POLICY, "too many messages")
                    break
                await self._receive(raw)
        except ConnectionClosed:
            pass
        finally:
            await self._close()

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()
        self._opened_at = loop.time()
        self._spawn(self._requests.run)
        if self._grant.session_s is not None:
            self._spawn(self._expire, self._grant.session_s)
        await self.send("status", status="Ready")
        if self._faults.junk_bytes:
            await self._send_raw(junk.large(self._faults.junk_bytes))
        self.set_faults(self._faults)

    async def _expire(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        await self._generation.end("max_session_duration")
        await self.send("error", error="Session expired")
        await self._socket.close(CLOSE_POLICY, "session expired")

    async def _fail(self, text: str) -> None:
        """End the session because its room is gone."""
        await self._generation.end("media_lost")
        await self.send("error", error=text)
        await self._socket.close(CLOSE_INTERNAL, "the room is gone")

    async def _close(self) -> None:
        for timer in self._fault_timers:
            timer.cancel()
        self._generation.stop()
        for task in self._tasks:
            task.cancel()
        await self._end_media()

    def _spawn(self, work: Callable[..., Awaitable[None]], *args: Any, **kwargs: Any) -> None:
        """Run ``work`` in a task that ends with the session."""
        task = asyncio.create_task(self._guard(functools.partial(work, *args, **kwargs)))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _guard(self, work: Callable[[], Awaitable[None]]) -> None:
        """Close the session with code 1011 when ``work`` fails."""
        try:
            await work()
        except ConnectionClosed:
            pass
        except Exception:
            logger.exception("session %s failed", self.id)
            await self._socket.close(CLOSE_INTERNAL, "internal error")

    def stats(self) -> dict[str, Any]:
        """The session's id, effect and billed seconds, and figures of its media (None without)."""
        media = self.peer or self.room
        return {
            "id": self.id,
            "effect": self.effect_state.effect,
            "seconds": self._generation.seconds,
            "media": None if media is None else media.stats(),
        }

    # --- messages -----------------------------------------------------------------------------

    async def send(self, kind: str, /, **fields: Any) -> None:
        """Send one message; nothing happens when the client is gone.

        Args:
            kind: The message's ``type``.
            **fields: Its other fields.
        """
        if self._faults.junk:
            await self._send_raw(next(self._junk))
        await self._send_raw(json.dumps({"type": kind, **fields}))

    async def _send_raw(self, message: str | bytes) -> None:
        try:
            await self._socket.send(message)
        except ConnectionClosed:
            logger.debug("session %s: the client is gone", self.id)

    async def _receive(self, raw: str | bytes) -> None:
        if isinstance(raw, bytes):
            await self.send("error", error="Binary messages are not understood")
            return
        try:
            message = json.loads(raw)
        except (ValueError, RecursionError):
            await self.send("error", error="Malformed message: not JSON")
            return
        kind = message.get("type") if isinstance(message, dict) else None
        if kind in ("prompt", "set_image"):
            await self._requests.add(message)
        elif kind == "livekit_join":
            await self._on_join(message)
        elif kind == "offer":
            await self._on_offer(message.get("sdp"))
        elif kind == "ice-candidate":
            candidate = message.get("candidate")
            if candidate is None or isinstance(candidate, dict):
                await self._media().add_candidate(candidate)
        # Other types belong to other versions of the protocol. The service ignores them as well.

    async def _on_join(self, message: dict[str, Any]) -> None:
        if self.room is not None or self.peer is not None:
            await self.send("error", error="This session has its media already")
            return
        initial = message.get("initial_state")
        if isinstance(initial, dict) and initial.get("type") in ("prompt", "set_image"):
            await self._requests.add(initial)
        assert self._socket.request is not None
        request = RoomRequest(
            effect_state=self.effect_state,
            events=self._events(),
            report_error=self._send_error,
            end_session=lambda text: self._spawn(self._fail, text),
            codec=self._codec,
            echoes_trailers=_wants_frame_timing(message),
            model=self._model,
            host=self._socket.request.headers["Host"],
        )
        try:
            self.room = await self._rooms.open(request)
        except SandboxError as error:
            await self.send("error", error=str(error))
            return
        self.room.faults = self._faults
        credentials = self.room.credentials()
        await self.send("livekit_room_info", **credentials, session_id=self.id)

    async def _on_offer(self, sdp: object) -> None:
        if self.room is not None:
            await self.send("error", error="This session's media is in its room")
            return
        if not isinstance(sdp, str):
            await self.send("error", error="The offer has no sdp")
            return
        if self.peer is not None and self.peer.is_answered:
            await self._end_media()
        if self._faults.no_answer:
            return
        try:
            answer = await self._media().answer(sdp)
        except OfferError as error:
            await self._end_media()
            await self.send("error", error=str(error))
            return
        if not self._id_sent:
            self._id_sent = True
            host, port = self._address
            await self.send("session_id", session_id=self.id, server_ip=host, server_port=port)
        await self.send("answer", sdp=answer)

    # --- media --------------------------------------------------------------------------------

    def _media(self) -> Peer:
        if self.peer is None:
            self.peer = Peer(
                renderer=self._renderer,
                effect_state=self.effect_state,
                executor=self._executor,
                events=self._events(),
                loopback=self._loopback,
                size=_picture_size(self._model),
                picture_delay_s=self._faults.picture_delay_s,
            )
        return self.peer

    def _events(self) -> PeerEvents:
        return PeerEvents(self._on_first_frame, self._on_media_lost, self._is_frozen)

    async def _end_media(self) -> None:
        if self.room is not None:
            await self._rooms.close(self.room)
        if self.peer is not None:
            peer, self.peer = self.peer, None
            await peer.close()

    def _on_first_frame(self) -> None:
        self.effect_state.is_seen = True
        self._generation.start()
        if self.room is not None and self._first_frame_at is not None:
            return  # the client joined its room again: faults of a room happen once a session
        self._first_frame_at = asyncio.get_running_loop().time()
        self.set_faults(self._faults)

    def _on_media_lost(self) -> None:
        self._spawn(self._generation.end, "media_lost")

    # --- faults -------------------------------------------------------------------------------

    def set_faults(self, faults: Faults) -> None:
        """Replace the faults; their times count from this session's start or first frame."""
        self._faults = faults
        self.effect_state.inertia_s = faults.inertia_s
        for timer in self._fault_timers:
            timer.cancel()
        self._fault_timers.clear()
        self._call_after(self._opened_at, faults.drop_control_after_s, self._drop_socket)
        self._call_after(self._opened_at, faults.error_after_s, self._send_fault_error)
        self._call_after(self._first_frame_at, faults.credits_s, self._end_credits)
        self._call_after(self._first_frame_at, faults.dead_peer_after_s, self._silence_media)
        if self.room is not None:
            self.room.faults = faults
            self._call_after(
                self._first_frame_at, faults.drop_signal_after_s, self.room.drop_sockets
            )
            self._call_after(self._first_frame_at, faults.leave_after_s, self._dismiss_room)

    def _call_after(
        self, since: float | None, after_s: float | None, callback: Callable[[], None]
    ) -> None:
        """Call back ``after_s`` seconds after ``since`` (loop time); not if either is None."""
        if since is not None and after_s is not None:
            self._fault_timers.append(asyncio.get_running_loop().call_at(since + after_s, callback))

    def _is_frozen(self) -> bool:
        now = asyncio.get_running_loop().time()
        if self._opened_at is not None and now < self._opened_at + self._faults.start_s:
            return True
        after_s = self._faults.freeze_after_s
        if after_s is None or self._first_frame_at is None:
            return False
        return now >= self._first_frame_at + after_s

    def _drop_socket(self) -> None:
        self._socket.transport.abort()

    def _end_credits(self) -> None:
        self._spawn(self._stop_for_credits)

    async def _stop_for_credits(self) -> None:
        await self._generation.end("insufficient_credits")
        await self.send("error", error=NO_CREDITS)
        await self._socket.close(CLOSE_NO_CREDITS, NO_CREDITS)

    def _silence_media(self) -> None:
        media = self.peer or self.room
        if media is not None:
            media.go_silent()

    def _dismiss_room(self) -> None:
        if self.room is not None:
            self._spawn(self.room.dismiss_all, self._faults.leave_action)

    def _send_error(self, text: str) -> None:
        self._spawn(self.send, "error", error=text)

    def _send_fault_error(self) -> None:
        self._spawn(self.send, "error", error=self._faults.error_text)


def _wants_frame_timing(join: dict[str, Any]) -> bool:
    capabilities = join.get("client_capabilities")
    return isinstance(capabilities, dict) and capabilities.get("frame_timing") is True


def _picture_size(name: str) -> tuple[int, int]:
    """(width, height) in pixels that clients send to a model; the usual size for an unknown one."""
    model = MODELS.get(name) or RealtimeModel("unknown")
    return model.width, model.height
