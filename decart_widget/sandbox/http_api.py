"""The HTTP requests that the local server answers.

Client tokens, viewers, room tokens, the quota of sessions, and the names of models.
"""

from __future__ import annotations

import json
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from decart_widget.models import DEPRECATED, MODELS
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

QUOTA_PATH: Final = "/v1/realtime/quota"
"""Where the limit of sessions and their number are; the service's path."""

LEDGER_PATH: Final = "/sandbox/ledger"
"""Where this server says what it has billed; the service has no such path."""

RESOLVE_PATH: Final = "/v1/models/resolve"
"""Where a model's name is exchanged for the id that it stands for; needs no key."""

LATEST: Final = {
    "lucy-latest": "lucy-2.6",
    "lucy-vton-latest": "lucy-vton-3.6",
    "lucy-restyle-latest": "lucy-restyle-2",
}
"""What names that move stand for here."""

_POST_ONLY: Final = HttpResponse(405, json.dumps({"error": "Use POST"}), {"Allow": "POST"})


class HttpApi:
    """Answers every request that is no WebSocket upgrade.

    Args:
        keyring: Decides which keys are valid, and makes client tokens.
        rooms: Validates room tokens, for clients whose signal socket was refused.
        room_host: Finds the room of a running session.
        faults: Returns the faults that are set at the moment.
        quota: Returns the limit of sessions at once, and how many there are.
        ledger: Returns what was billed, as JSON values.
        generate: Answers the image and the batch endpoint, and None to other requests.
        allow_remote: Other machines, and web pages from them, may use the server.
    """

    def __init__(
        self,
        keyring: Keyring,
        rooms: RoomRegistry,
        room_host: RoomHost,
        *,
        faults: Callable[[], Faults],
        quota: Callable[[], tuple[int, int]],
        ledger: Callable[[], list[dict[str, Any]]],
        generate: Callable[[HttpRequest], HttpResponse | Awaitable[HttpResponse] | None],
        allow_remote: bool,
    ) -> None:
        self._keyring = keyring
        self._rooms = rooms
        self._room_host = room_host
        self._faults = faults
        self._quota = quota
        self._ledger = ledger
        self._generate = generate
        self._allow_remote = allow_remote

    def answer(self, request: HttpRequest) -> HttpResponse | Awaitable[HttpResponse]:
        """The response to a request, or one that comes later. It doesn't block."""
        origins = [request.headers["origin"]] if "origin" in request.headers else []
        host = request.headers.get("host")
        reason = refusal(host=host, origins=origins, allow_remote=self._allow_remote)
        if reason is not None:
            return _error(403, reason)
        generated = self._generate(request)
        if generated is not None:
            return generated
        path = urlsplit(request.path).path
        if path == "/" and request.method == "GET":
            return HttpResponse(200, json.dumps({"service": "decart_widget sandbox"}))
        if path in VALIDATE_PATHS:
            return self._rooms.answer_validate(request)
        if path.startswith(WATCH_PATH):
            return self._watch(request, unquote(path.removeprefix(WATCH_PATH)))
        if path in (QUOTA_PATH, LEDGER_PATH):
            return self._count(request, path)
        if path == RESOLVE_PATH:
            return self._resolve(request) if request.method == "POST" else _POST_ONLY
        if path != TOKENS_PATH:
            return _error(404, "Not found")
        return self._mint(request) if request.method == "POST" else _POST_ONLY

    def _mint(self, request: HttpRequest) -> HttpResponse:
        """A client token for a permanent key."""
        if self._faults().refuse_key:
            return _error(401, "Invalid API key")
        body = _json(request.body or b"{}")
        try:
            token = self._keyring.mint(
                request.headers.get("x-api-key"),
                body,
                time.time(),
                valid_s=self._faults().client_token_s,
            )
        except TokenError as error:
            return _error(error.status, error.reason)
        return HttpResponse(200, json.dumps(token))

    def _count(self, request: HttpRequest, path: str) -> HttpResponse:
        """The limit of sessions and how many there are, or the ledger; for a permanent key."""
        if request.method != "GET":
            return HttpResponse(405, json.dumps({"error": "Use GET"}), {"Allow": "GET"})
        if self._faults().refuse_key or not self._keyring.is_permanent(
            request.headers.get("x-api-key", "")
        ):
            return _error(401, "Invalid API key")
        if path == LEDGER_PATH:
            return HttpResponse(200, json.dumps({"ledger": self._ledger()}))
        limit, active = self._quota()
        return HttpResponse(
            200,
            json.dumps({"limit": limit, "active": active, "remaining": max(0, limit - active)}),
        )

    def _resolve(self, request: HttpRequest) -> HttpResponse:
        """The id that a model's name stands for."""
        body = _json(request.body)
        name = body.get("model") if isinstance(body, dict) else None
        if not isinstance(name, str):
            return _error(422, "model must be a string")
        name = DEPRECATED.get(name, name)
        if name not in MODELS and name != self._faults().new_model:
            return _error(404, f"Unknown model {name[:80]}")
        return HttpResponse(200, json.dumps({"model_id": LATEST.get(name, name)}))

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


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _error(status: int, text: str, headers: dict[str, str] | None = None) -> HttpResponse:
    return HttpResponse(status, json.dumps({"error": text}), headers or {})
