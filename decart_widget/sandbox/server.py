"""The local service: token endpoint, control channel and media behind one port."""

from __future__ import annotations

import asyncio
import gc
import json
import logging
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import parse_qs, unquote, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve

from decart_widget.diagnostics.secrets import Secret
from decart_widget.protocol.loopback import is_loopback
from decart_widget.sandbox.control import (
    CLOSE_AT_CAPACITY,
    CLOSE_BAD_KEY,
    CLOSE_FORBIDDEN,
    ControlSession,
)
from decart_widget.sandbox.effects.render import Renderer, Transform
from decart_widget.sandbox.faults import NONE, Faults
from decart_widget.sandbox.guard import refusal
from decart_widget.sandbox.http import HttpRequest, HttpResponse, connection_class
from decart_widget.sandbox.rooms.host import LocalRooms, RoomHost, codec_asked
from decart_widget.sandbox.rooms.livekit_rooms import LiveKitRooms, LiveKitServer
from decart_widget.sandbox.rooms.registry import OPEN_TO_PAGES, SIGNAL_PATHS, VALIDATE_PATHS, Rooms
from decart_widget.sandbox.rooms.tokens import RoomTokenError
from decart_widget.sandbox.tokens import Grant, Keyring, TokenError

if TYPE_CHECKING:
    from types import TracebackType

    from websockets.datastructures import Headers
    from websockets.http11 import Request, Response

logger = logging.getLogger(__name__)

STREAM_PATH = "/v1/stream"
TOKENS_PATH = "/v1/client/tokens"
WATCH_PATH = "/watch-stream/"

#: An image of 10 MB in base64, and room for the rest of its message. More: close code 1009.
LARGEST_MESSAGE = 16 * 1024 * 1024

#: Seconds to wait for a client's part of the closing handshake.
CLOSE_TIMEOUT_S = 2.0

#: Seconds from a session's end to the collection of what it leaves; its media closes meanwhile.
COLLECT_AFTER_S = 1.0

#: Sessions open at once; each can fill a core with decoding and encoding.
SESSION_LIMIT = 8


class SandboxServer:
    """A sandbox on the running event loop. `decart_widget.sandbox.serve` gives it a thread.

    Args:
        transform: (frame, prompt, image) -> frame in place of the effects; see `serve`.
        host: Address to listen on.
        port: Port to listen on; 0: any that is free.
        api_key: The one permanent key that is good; None: any that begins with ``dct_``.
        faults: What goes wrong.
        allow_remote: Let other machines and web pages of other machines in. Needs ``api_key``.
        livekit: A LiveKit server that rooms shall be on; None: they are on this server.

    Raises:
        SandboxError: The packages that ``livekit`` needs aren't installed.
        ValueError: ``host`` is not this machine's alone and ``allow_remote`` isn't set, or it is
            and there is no ``api_key``.
    """

    def __init__(
        self,
        transform: Transform | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        api_key: str | Secret | None = None,
        faults: Faults = NONE,
        allow_remote: bool = False,
        livekit: LiveKitServer | None = None,
    ) -> None:
        if not allow_remote and not is_loopback(host):
            raise ValueError(f"{host} lets other machines in: allow that explicitly")
        if allow_remote and api_key is None:
            raise ValueError("a server that other machines reach needs an API key of its own")
        self._host = "127.0.0.1" if host == "localhost" else host
        self._port = port
        self._allow_remote = allow_remote
        self._keyring = Keyring(api_key.reveal() if isinstance(api_key, Secret) else api_key)
        self._faults = faults
        self._faulty_left = faults.sessions
        self._server: Server | None = None
        self._sessions: list[ControlSession] = []
        self._admitted = 0
        self._refused = 0
        self.renderer = Renderer(transform)
        # A user's function may not stand two calls at once; the effects do.
        workers = 1 if transform is not None else min(4, os.cpu_count() or 1)
        self._executor = ThreadPoolExecutor(workers, thread_name_prefix="decart-sandbox-frame")
        self._rooms = Rooms()
        renderer, executor = self.renderer, self._executor
        self._room_host: RoomHost
        if livekit is not None:
            self._room_host = LiveKitRooms(livekit, renderer=renderer, executor=executor)
        else:
            self._room_host = LocalRooms(
                self._rooms, renderer=renderer, executor=executor, loopback=not allow_remote
            )

    # --- life ---------------------------------------------------------------------------------

    async def start(self) -> Self:
        """Listen. Raises OSError when the port is taken."""
        quiet = logging.getLogger(f"{__name__}.socket")
        quiet.setLevel(logging.WARNING)
        self._server = await serve(
            self._on_connection,
            self._host,
            self._port,
            create_connection=connection_class(self._answer_http),
            process_request=self._check_upgrade,
            max_size=LARGEST_MESSAGE,
            close_timeout=CLOSE_TIMEOUT_S,
            compression=None,
            server_header=None,
            logger=quiet,
        )
        self._port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def close(self) -> None:
        """End every session and free the port. May be called twice."""
        if self._server is not None:
            self._server.close()
            await self._room_host.close_all()
            await self._server.wait_closed()
        self._executor.shutdown(wait=False, cancel_futures=True)

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
        """Where the HTTP API answers, such as ``http://127.0.0.1:49152``."""
        return f"http://{self._address}"

    @property
    def realtime_base_url(self) -> str:
        """Where the WebSocket answers, such as ``ws://127.0.0.1:49152``."""
        return f"ws://{self._address}"

    @property
    def _address(self) -> str:
        host = self._reached_host
        return f"[{host}]:{self._port}" if ":" in host else f"{host}:{self._port}"

    @property
    def _reached_host(self) -> str:
        return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self._host, self._host)

    # --- what is going on ---------------------------------------------------------------------

    @property
    def faults(self) -> Faults:
        """What goes wrong; a new value reaches open sessions at once. Set it on the loop."""
        return self._faults

    @faults.setter
    def faults(self, faults: Faults) -> None:
        self._faults = faults
        self._faulty_left = faults.sessions
        for session in self._sessions:
            session.set_faults(self._take_faults())

    def stats(self) -> dict[str, Any]:
        """Sessions and frames so far; times in milliseconds of wall clock."""
        renderer = self.renderer
        return {
            "sessions": [session.stats() for session in self._sessions],
            "rooms": len(self._rooms),
            "admitted": self._admitted,
            "refused": self._refused,
            "frames": renderer.frames,
            "transform_ms": 1000 * renderer.seconds / renderer.frames if renderer.frames else 0.0,
            "transform_errors": renderer.errors,
        }

    # --- requests -----------------------------------------------------------------------------

    def _answer_http(self, request: HttpRequest) -> HttpResponse:
        origins = [request.headers["origin"]] if "origin" in request.headers else []
        host = request.headers.get("host")
        refused = refusal(host=host, origins=origins, allow_remote=self._allow_remote)
        if refused is not None:
            return _error(403, refused)
        path = urlsplit(request.path).path
        if path == "/" and request.method == "GET":
            return HttpResponse(200, json.dumps({"service": "decart_widget sandbox"}))
        if path in VALIDATE_PATHS:
            return self._rooms.answer_validate(request)
        if path.startswith(WATCH_PATH):
            return self._watch(request, path.removeprefix(WATCH_PATH))
        if path != TOKENS_PATH:
            return _error(404, "Not found")
        if request.method != "POST":
            return HttpResponse(405, json.dumps({"error": "Use POST"}), {"Allow": "POST"})
        return self._mint(request)

    def _mint(self, request: HttpRequest) -> HttpResponse:
        if self._faults.refuse_key:
            return _error(401, "Invalid API key")
        try:
            body = json.loads(request.body or b"{}")
        except (ValueError, RecursionError):
            body = None
        try:
            answer = self._keyring.mint(request.headers.get("x-api-key"), body, time.time())
        except TokenError as error:
            return _error(error.status, error.reason)
        return HttpResponse(200, json.dumps(answer))

    def _watch(self, request: HttpRequest, name: str) -> HttpResponse:
        """Credentials for somebody who has a key, to see a running session."""
        if request.method == "OPTIONS":
            return HttpResponse(200, "", OPEN_TO_PAGES)
        if request.method != "POST":
            return HttpResponse(405, json.dumps({"error": "Use POST"}), {"Allow": "POST"})
        room = self._room_host.find(unquote(name))
        try:
            if self._faults.refuse_key:
                raise TokenError(401, "Invalid API key")
            self._keyring.admit(
                request.headers.get("x-api-key", ""),
                model=room.model if room else "",
                origin=request.headers.get("origin"),
                now=time.time(),
            )
        except TokenError as error:
            return _error(error.status, error.reason, OPEN_TO_PAGES)
        if room is None:
            return _error(404, "No such session: it has ended, or never was", OPEN_TO_PAGES)
        return HttpResponse(200, json.dumps(room.viewer_credentials()), OPEN_TO_PAGES)

    def _check_upgrade(self, socket: ServerConnection, request: Request) -> Response | None:
        refused = refusal(
            host=request.headers.get("Host"),
            origins=request.headers.get_all("Origin"),
            allow_remote=self._allow_remote,
        )
        if refused is not None:
            return _plain(socket, 403, refused)
        path = urlsplit(request.path).path
        if path in SIGNAL_PATHS:
            try:
                self._rooms.check(request.path, request.headers)
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
            await self._rooms.serve(socket)
            return
        query = parse_qs(url.query)
        try:
            grant = self._admit(query, request.headers)
        except TokenError as error:
            self._refused += 1
            await socket.send(json.dumps({"type": "error", "error": error.reason}))
            await socket.close(CLOSE_BAD_KEY if error.status == 401 else CLOSE_FORBIDDEN)
            return
        limit = self._faults.capacity
        if len(self._sessions) >= (SESSION_LIMIT if limit is None else min(limit, SESSION_LIMIT)):
            self._refused += 1
            await socket.close(CLOSE_AT_CAPACITY, "at capacity")
            return
        await self._serve(socket, grant, query)

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
            address=(self._reached_host, self._port),
            loopback=not self._allow_remote,
            rooms=self._room_host,
            model=query.get("model", [""])[0],
            codec=codec_asked(query),
        )
        self._admitted += 1
        self._sessions.append(session)
        try:
            await session.run()
        finally:
            self._sessions.remove(session)
            asyncio.get_running_loop().call_later(COLLECT_AFTER_S, self._collect)

    def _collect(self) -> None:
        # aiortc's connections go in circles, with encoders and their threads in them: megabytes of
        # which the collector sees a few objects. It holds up pictures, so not while there are any.
        if not self._sessions:
            gc.collect()

    def _take_faults(self) -> Faults:
        """The faults for one more session; after the last faulty one, none."""
        if self._faulty_left is None:
            return self._faults
        if self._faulty_left == 0:
            return NONE
        self._faulty_left -= 1
        return self._faults


def _error(status: int, text: str, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(status, json.dumps({"error": text}), headers or {})


def _plain(socket: ServerConnection, status: int, text: str) -> Response:
    return socket.respond(status, f"{text}\n")
