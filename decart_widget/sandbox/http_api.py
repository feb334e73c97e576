"""The HTTP requests that the local server answers: client tokens, viewers and room tokens."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from decart_widget.sandbox.guard import refusal
from decart_widget.sandbox.http import HttpRequest, HttpResponse
from decart_widget.sandbox.rooms.registry import OPEN_TO_PAGES, VALIDATE_PATHS
from decart_widget.sandbox.tokens import Keyring, TokenError

if TYPE_CHECKING:
    from decart_widget.sandbox.faults import Faults
    from decart_widget.sandbox.rooms.host import RoomHost
    from decart_widget.sandbox.rooms.registry import RoomRegistry

TOKENS_PATH: Final = "/v1/client/tokens"
"""Where a permanent key is exchanged for a client token; the service's path."""

WATCH_PATH: Final = "/watch-stream/"
"""Where a viewer gets credentials; the room's name follows. The service's path."""

_POST_ONLY: Final = HttpResponse(405, json.dumps({"error": "Use POST"}), {"Allow": "POST"})


class HttpApi:
    """Answers every request that is no WebSocket upgrade.

    Args:
        keyring: Decides which keys are valid, and makes client tokens.
        rooms: Validates room tokens, for clients whose signal socket was refused.
        room_host: Finds the room of a running session.
        faults: Returns the faults that are set at the moment.
        allow_remote: Other machines, and web pages from them, may use the server.
    """

    def __init__(
        self,
        keyring: Keyring,
        rooms: RoomRegistry,
        room_host: RoomHost,
        *,
        faults: Callable[[], Faults],
        allow_remote: bool,
    ) -> None:
        self._keyring = keyring
        self._rooms = rooms
        self._room_host = room_host
        self._faults = faults
        self._allow_remote = allow_remote

    def answer(self, request: HttpRequest) -> HttpResponse:
        """The response to a request. It doesn't block."""
        origins = [request.headers["origin"]] if "origin" in request.headers else []
        host = request.headers.get("host")
        reason = refusal(host=host, origins=origins, allow_remote=self._allow_remote)
        if reason is not None:
            return _error(403, reason)
        path = urlsplit(request.path).path
        if path == "/" and request.method == "GET":
            return HttpResponse(200, json.dumps({"service": "decart_widget sandbox"}))
        if path in VALIDATE_PATHS:
            return self._rooms.answer_validate(request)
        if path.startswith(WATCH_PATH):
            return self._watch(request, unquote(path.removeprefix(WATCH_PATH)))
        if path != TOKENS_PATH:
            return _error(404, "Not found")
        return self._mint(request) if request.method == "POST" else _POST_ONLY

    def _mint(self, request: HttpRequest) -> HttpResponse:
        """A client token for a permanent key."""
        if self._faults().refuse_key:
            return _error(401, "Invalid API key")
        try:
            body = json.loads(request.body or b"{}")
        except (ValueError, RecursionError):
            body = None
        try:
            token = self._keyring.mint(request.headers.get("x-api-key"), body, time.time())
        except TokenError as error:
            return _error(error.status, error.reason)
        return HttpResponse(200, json.dumps(token))

    def _watch(self, request: HttpRequest, room_name: str) -> HttpResponse:
        """Credentials with which a viewer, who needs a key, joins the room of a running session."""
        if request.method == "OPTIONS":
            return HttpResponse(200, "", OPEN_TO_PAGES)
        if request.method != "POST":
            return _POST_ONLY
        room = self._room_host.find(room_name)
        try:
            if self._faults().refuse_key:
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
            return _error(
                404, "No session of that name: it has ended or never existed", OPEN_TO_PAGES
            )
        return HttpResponse(200, json.dumps(room.viewer_credentials()), OPEN_TO_PAGES)


def _error(status: int, text: str, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(status, json.dumps({"error": text}), headers or {})
