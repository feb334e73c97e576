"""The local server: it listens, admits sessions and ends them.

One port takes HTTP requests (`http_api`), control channels (`control`) and the signal sockets of
rooms (`rooms`).
"""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import time
from collections import deque
from typing import TYPE_CHECKING, Any, Final, Self
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve

from decart_widget.inputs.secrets import Secret, random_key
from decart_widget.protocol.loopback import is_loopback
from decart_widget.sandbox.close_codes import (
    CLOSE_AT_CAPACITY,
    CLOSE_BAD_KEY,
    CLOSE_FORBIDDEN,
    CLOSE_NO_CREDITS,
    CLOSE_QUOTA,
)
from decart_widget.sandbox.control import NO_CREDITS, ControlSession
from decart_widget.sandbox.daemon_executor import DaemonExecutor
from decart_widget.sandbox.effects.render import Renderer
from decart_widget.sandbox.faults import NONE, Faults
from decart_widget.sandbox.guard import refusal
from decart_widget.sandbox.http import HttpRequest, HttpResponse, connection_class
from decart_widget.sandbox.http_api import HttpApi
from decart_widget.sandbox.jobs import GenerateApi
from decart_widget.sandbox.ledger import Ledger
from decart_widget.sandbox.own.batches import Batches
from decart_widget.sandbox.own.warm_up import WarmUp
from decart_widget.sandbox.rooms.host import LocalRooms, RoomHost, requested_codec
from decart_widget.sandbox.rooms.livekit_api import LiveKitServer
from decart_widget.sandbox.rooms.livekit_rooms import LiveKitRooms
from decart_widget.sandbox.rooms.registry import SIGNAL_PATHS, RoomRegistry
from decart_widget.sandbox.rooms.tokens import RoomTokenError
from decart_widget.sandbox.tokens import Grant, Keyring, TokenError

if TYPE_CHECKING:
    from collections.abc import Awaitable
    from types import TracebackType

    from websockets.datastructures import Headers
    from websockets.http11 import Request, Response

    from decart_widget.sandbox.own.interface import Transform
    from decart_widget.sandbox.own.pickles import PickledModel

logger = logging.getLogger(__name__)

STREAM_PATH: Final = "/v1/stream"
"""Where clients open their control channel; the service's path."""

LARGEST_MESSAGE: Final = 16 * 1024 * 1024
"""Bytes of a WebSocket message: an image of 10 MB in base64, and space for the other fields. A
larger message closes the connection with code 1009."""

CLOSE_TIMEOUT_S: Final = 2.0
"""Seconds to wait for a client's part of the closing handshake."""

COLLECT_AFTER_S: Final = 1.0
"""Seconds from a session's end to the garbage collection; its media is closed by then."""

REQUESTS_KEPT: Final = 200
"""Requests in ``stats()``; older ones are forgotten."""

SESSION_LIMIT: Final = 8
"""Sessions at once; each can keep a core busy with decoding and encoding."""


class SandboxServer:
    """A sandbox on the running event loop. `decart_widget.sandbox.serve` gives it a thread.

    Args:
        transform: A function or model in place of the effects; see
            `decart_widget.sandbox.serve`.
        host: Address to listen on.
        port: Port to listen on; 0: any free one.
        api_key: The only valid permanent key; None: a random one, see `api_key`.
        faults: What goes wrong.
        allow_remote: Accept other machines, and web pages from other machines. Needs ``api_key``.
        livekit: The LiveKit server that hosts the rooms; None: this server hosts them.
        marker: Whether transformed frames carry the number that is drawn into the received ones.
        process: Whether ``transform`` runs in a process of its own.

    Attributes:
        ledger: What is billed.

    Raises:
        SandboxError: The packages that ``livekit`` needs aren't installed.
        ValueError: Other machines can reach ``host``, but ``allow_remote`` isn't set; or
            ``allow_remote`` is set without ``api_key``; or ``transform`` together with ``livekit``,
            whose rooms are transformed in processes of their own.
    """

    def __init__(
        self,
        transform: Transform | PickledModel | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | Secret | None = None,
        faults: Faults = NONE,
        allow_remote: bool = False,
        livekit: LiveKitServer | None = None,
        marker: bool = False,
        process: bool = False,
    ) -> None:
        if not allow_remote and not is_loopback(host):
            raise ValueError(f"other machines can reach {host}: allow that explicitly")
        if allow_remote and api_key is None:
            raise ValueError("a server that other machines reach needs an API key of its own")
        self._host = "127.0.0.1" if host == "localhost" else host
        self._port = port
        self._allow_remote = allow_remote
        if api_key is None:
            api_key = random_key()
        self._keyring = Keyring(api_key if isinstance(api_key, Secret) else Secret(api_key))
        del api_key  # a traceback may show a frame's variables
        self._faults = faults
        self._faulty_sessions_left = faults.sessions
        self._server: Server | None = None
        self._sessions: list[ControlSession] = []
        self.ledger = Ledger()
        self._requests: deque[str] = deque(maxlen=REQUESTS_KEPT)
        self._admitted = 0
        self._refused = 0
        self.renderer = Renderer(transform, keeps_marker=marker, process=process)
        # A user's function may not be safe to call from two threads at once; the effects are.
        workers = 1 if transform is not None else min(4, os.cpu_count() or 1)
        self._executor = DaemonExecutor(workers, "decart-sandbox-frame")
        model = self.renderer.model
        if model is not None and model.batch_size > 1:
            self.renderer.batches = Batches(
                self.renderer.render, model.conditions, self._executor, model.batch_size
            )
        self._warm_up = WarmUp(self.renderer)
        self._rooms = RoomRegistry()
        renderer, executor = self.renderer, self._executor
        self._room_host: RoomHost
        if livekit is not None:
            if transform is not None:
                raise ValueError("a function of yours can't transform rooms on a LiveKit server")
            self._room_host = LiveKitRooms(livekit, renderer=renderer)
        else:
            self._room_host = LocalRooms(
                self._rooms, renderer=renderer, executor=executor, loopback=not allow_remote
            )
        self._generate_api = GenerateApi(
            self._keyring,
            lambda: self.renderer,
            faults=lambda: self._faults,
            ledger=self.ledger,
        )
        self._http_api = HttpApi(
            self._keyring,
            self._rooms,
            self._room_host,
            faults=lambda: self._faults,
            quota=lambda: (self._quota, len(self._sessions)),
            ledger=self.ledger.entries,
            generate=self._generate_api.answer,
            allow_remote=allow_remote,
        )

    # --- start and end -------------------------------------------------------------------------

    async def start(self) -> Self:
        """Start to listen.

        Raises:
            OSError: The port is in use, or the address isn't this machine's.
        """
        # websockets logs every connection at INFO, which is too much for a user's log.
        socket_logger = logging.getLogger(f"{__name__}.socket")
        socket_logger.setLevel(logging.WARNING)
        self._server = await serve(
            self._on_connection,
            self._host,
            self._port,
            create_connection=connection_class(self._answer, GenerateApi.largest_body),
            process_request=self._check_upgrade,
            max_size=LARGEST_MESSAGE,
            close_timeout=CLOSE_TIMEOUT_S,
            compression=None,
            server_header=None,
            logger=socket_logger,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]
        self._room_host.prepare()
        if not self._warm_up.is_over:
            self._warm_up.begin()
        return self

    async def close(self) -> None:
        """End every session and free the port. Further calls do nothing."""
        if self._server is not None:
            self._server.close()
            await self._room_host.close_all()
            await self._server.wait_closed()
        self._generate_api.close()
        self._executor.shutdown(wait=False, cancel_futures=True)
        self.renderer.close()

    async def __aenter__(self) -> Self:
        return await self.start()

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.close()

    @property
    def base_url(self) -> str:
        """URL of the HTTP API, such as ``http://127.0.0.1:49152``."""
        return f"http://{self._address}"

    @property
    def realtime_base_url(self) -> str:
        """URL of the WebSocket API, such as ``ws://127.0.0.1:49152``."""
        return f"ws://{self._address}"

    @property
    def api_key(self) -> str:
        """The only valid permanent key."""
        return self._keyring.api_key.reveal()

    @property
    def _address(self) -> str:
        host = self._public_host
        return f"[{host}]:{self._port}" if ":" in host else f"{host}:{self._port}"

    @property
    def _public_host(self) -> str:
        """A host that clients on this machine can connect to."""
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)

    # --- faults and figures ---------------------------------------------------------------------

    @property
    def faults(self) -> Faults:
        """What goes wrong. Assign on the event loop; open sessions follow at once."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults = faults
        self._faulty_sessions_left = faults.sessions
        for session in (one for one in self._sessions if one.is_open):
            session.set_faults(self._take_faults())

    def stats(self) -> dict[str, Any]:
        """Requests, sessions and frames so far; times in milliseconds of wall clock.

        ``requests`` are the last requests in the order of their arrival, such as
        ``"POST /v1/client/tokens"`` and, for a control channel, ``"GET /v1/stream"``.
        """
        return {
            "requests": list(self._requests),
            "sessions": [session.stats() for session in self._sessions],
            "rooms": len(self._rooms),
            "admitted": self._admitted,
            "refused": self._refused,
            "ready": self._warm_up.is_over,
            **self.renderer.stats(),
        }

    # --- admission -----------------------------------------------------------------------------

    def _answer(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        # Without the query, which may hold a key.
        self._requests.append(f"{request.method} {urlsplit(request.path).path}")
        return self._http_api.answer(request)

    @property
    def _quota(self) -> int:
        quota = self._faults.quota
        return SESSION_LIMIT if quota is None else min(quota, SESSION_LIMIT)

    def _check_upgrade(self, socket: ServerConnection, request: Request) -> Response | None:
        """Whether websockets may accept an upgrade: None, or the response that refuses it."""
        reason = refusal(
            host=request.headers.get("Host"),
            origins=request.headers.get_all("Origin"),
            allow_remote=self._allow_remote,
        )
        if reason is not None:
            return _plain(socket, 403, reason)
        path = urlsplit(request.path).path
        self._requests.append(f"GET {path}")
        if path in SIGNAL_PATHS:
            try:
                self._rooms.authorize(request.path, request.headers)
            except RoomTokenError as error:
                return _plain(socket, 401, str(error))
        elif path != STREAM_PATH:
            return _plain(socket, 404, "Not found")
        return None

    async def _on_connection(self, socket: ServerConnection) -> None:
        request = socket.request
        assert request is not None
        url = urlsplit(request.path)
        if url.path in SIGNAL_PATHS:
            await self._rooms.serve_signal_socket(socket)
            return
        query = parse_qs(url.query)
        try:
            grant = self._admit(query, request.headers)
        except TokenError as error:
            code = CLOSE_BAD_KEY if error.status == 401 else CLOSE_FORBIDDEN
            await self._refuse(socket, error.reason, code)
            return
        if self._faults.credits_s == 0:
            await self._refuse(socket, NO_CREDITS, CLOSE_NO_CREDITS)
            return
        if self._faults.quota is not None and len(self._sessions) >= self._quota:
            active = f"{len(self._sessions)} of {self._quota}"
            await self._refuse(socket, f"Concurrent session limit reached: {active}", CLOSE_QUOTA)
            return
        limit = self._faults.capacity
        if len(self._sessions) >= (SESSION_LIMIT if limit is None else min(limit, SESSION_LIMIT)):
            self._refused += 1
            await socket.close(CLOSE_AT_CAPACITY, "at capacity")
            return
        await self._serve(socket, grant, query)

    async def _refuse(self, socket: ServerConnection, text: str, code: int) -> None:
        self._refused += 1
        await socket.send(json.dumps({"type": "error", "error": text}))
        await socket.close(code)

    def _admit(self, query: dict[str, list[str]], headers: Headers) -> Grant:
        if self._faults.refuse_key:
            raise TokenError(401, "Invalid API key")
        return self._keyring.admit(
            query.get("api_key", [""])[0],
            model=query.get("model", [""])[0],
            origin=headers.get("Origin"),
            now=time.time(),
        )

    async def _serve(
        self, socket: ServerConnection, grant: Grant, query: dict[str, list[str]]
    ) -> None:
        session = ControlSession(
            socket,
            grant=grant,
            renderer=self.renderer,
            executor=self._executor,
            faults=self._take_faults(),
            address=(self._public_host, self._port),
            loopback=not self._allow_remote,
            rooms=self._room_host,
            model=query.get("model", [""])[0],
            codec=requested_codec(query),
            warm_up=self._warm_up,
        )
        self._admitted += 1
        self.renderer.report_again()
        self._sessions.append(session)
        self.ledger.add(session.bill)
        try:
            await session.run()
        finally:
            self._sessions.remove(session)
            self.ledger.close(session.bill)
            asyncio.get_running_loop().call_later(COLLECT_AFTER_S, self._collect)

    def _collect(self) -> None:
        # aiortc's connections are reference cycles that hold encoders and their threads: megabytes,
        # but few objects, so the collector would not start by itself for long. A collection delays
        # frames, so it waits until there is no session.
        if not self._sessions:
            gc.collect()

    def _take_faults(self) -> Faults:
        """The faults for one more session; after the last faulty one, none."""
        if self._faulty_sessions_left is None:  # every session is faulty
            return self._faults
        if self._faulty_sessions_left == 0:
            return NONE
        self._faulty_sessions_left -= 1
        return self._faults


def _plain(socket: ServerConnection, status: int, text: str) -> Response:
    return socket.respond(status, f"{text}\n")
