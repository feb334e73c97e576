"""The HTTP API of the local server, without sockets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from decart_widget.inputs.secrets import Secret
from decart_widget.sandbox.faults import NONE, Faults
from decart_widget.sandbox.http import HttpRequest, HttpResponse
from decart_widget.sandbox.http_api import HttpApi
from decart_widget.sandbox.rooms.registry import RoomRegistry
from decart_widget.sandbox.tokens import Keyring

KEY = {"x-api-key": "dct_key"}


class OneRoom:
    """A session's room, as far as the HTTP API uses it."""

    model = "lucy-latest"

    def viewer_credentials(self) -> dict[str, str]:
        return {"room_name": "room 1"}


class OneRoomHost:
    """Hosts one room."""

    def find(self, name: str) -> Any:
        return OneRoom() if name == "room 1" else None


def answer(
    method: str,
    path: str,
    headers: dict[str, str] | None = None,
    body: bytes = b"",
    *,
    faults: Faults = NONE,
    allow_remote: bool = False,
) -> HttpResponse:
    host: Any = OneRoomHost()
    api = HttpApi(
        Keyring(Secret(KEY["x-api-key"])),
        RoomRegistry(),
        host,
        faults=lambda: faults,
        quota=lambda: (2, 3 if faults.quota else 1),
        ledger=lambda: [{"kind": "session", "seconds": 3.5}],
        generate=lambda _request: None,
        allow_remote=allow_remote,
    )
    request = HttpRequest(method, path, {"host": "localhost:1", **(headers or {})}, body)
    response = api.answer(request)
    assert isinstance(response, HttpResponse)
    return response


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/", {}, 200),
        ("POST", "/", {}, 404),
        ("GET", "/elsewhere", {}, 404),
        ("GET", "/v1/client/tokens", {}, 405),
        ("GET", "/sandbox/ledger", {}, 401),
        ("GET", "/sandbox/ledger", KEY, 200),
        ("POST", "/v1/client/tokens", {}, 401),
        ("POST", "/v1/client/tokens", {"x-api-key": "dct_local"}, 401),
        ("POST", "/v1/client/tokens?x=1", KEY, 200),
        ("OPTIONS", "/watch-stream/room%201", {}, 200),
        ("GET", "/watch-stream/room%201", KEY, 405),
        ("POST", "/watch-stream/room%201", {}, 401),
        ("POST", "/watch-stream/room%201", {"x-api-key": "dct_local"}, 401),
        ("POST", "/watch-stream/room%202", {}, 401),
        ("POST", "/watch-stream/room%202", KEY, 404),
        ("POST", "/watch-stream/room%201", KEY, 200),
        ("GET", "/v1/realtime/quota", {}, 401),
        ("GET", "/v1/realtime/quota", KEY, 200),
        ("GET", "/v1/models/resolve", {}, 405),
        ("POST", "/v1/models/resolve", {}, 422),
    ],
)
def test_each_path_has_its_methods_and_needs_its_key(
    method: str, path: str, headers: dict[str, str], status: int
) -> None:
    response = answer(method, path, headers)
    assert response.status == status
    if status >= 400:
        assert json.loads(response.body)["error"]
    if status == 405:
        assert response.headers == {"Allow": "POST"}


@pytest.mark.parametrize("headers", [{"host": "evil.example"}, {"origin": "https://evil.example"}])
def test_other_machines_are_refused_unless_they_are_allowed(headers: dict[str, str]) -> None:
    assert answer("GET", "/", headers).status == 403
    assert answer("GET", "/", headers, allow_remote=True).status == 200


@pytest.mark.parametrize("body", [b"{", b"\xff", b"[" * 50_000, b"[]", b'{"expiresIn": 0}'])
def test_a_malformed_body_is_refused_with_422(body: bytes) -> None:
    assert answer("POST", "/v1/client/tokens", KEY, body).status == 422


@pytest.mark.parametrize(
    ("faults", "expected"),
    [
        (NONE, {"limit": 2, "active": 1, "remaining": 1}),
        (Faults(quota=2), {"limit": 2, "active": 3, "remaining": 0}),
    ],
)
def test_the_quota_counts_sessions(faults: Faults, expected: dict[str, int]) -> None:
    response = answer("GET", "/v1/realtime/quota", KEY, faults=faults)
    assert json.loads(response.body) == expected


@pytest.mark.parametrize(
    ("name", "model_id"),
    [
        ("lucy-latest", "lucy-2.6"),
        ("lucy-2.1", "lucy-2.1"),
        ("mirage_v2", "lucy-restyle-2"),
        ("lucy-3", "lucy-3"),
        ("lucy-4", None),
    ],
)
def test_a_model_name_is_resolved_without_a_key(name: str, model_id: str | None) -> None:
    body = json.dumps({"model": name}).encode()
    response = answer("POST", "/v1/models/resolve", {}, body, faults=Faults(new_model="lucy-3"))
    if model_id is None:
        assert response.status == 404
    else:
        assert json.loads(response.body) == {"model_id": model_id}


@pytest.mark.parametrize("path", ["/v1/client/tokens", "/watch-stream/room%201"])
def test_the_fault_refuse_key_refuses_every_key(path: str) -> None:
    assert answer("POST", path, KEY, faults=Faults(refuse_key=True)).status == 401


def test_pages_can_read_viewer_credentials_and_their_refusal() -> None:
    for headers in ({}, KEY):
        response = answer("POST", "/watch-stream/room%201", headers)
        assert response.headers["Access-Control-Allow-Origin"] == "*"
