"""One HTTP request as bytes: parsed, refused or recognised as a WebSocket upgrade."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.errors import SandboxError
from decart_widget.sandbox import http
from decart_widget.sandbox.http import (
    LARGEST_BODY,
    LARGEST_HEAD,
    HttpExchange,
    HttpRequest,
    HttpResponse,
)

POST = (
    b"POST /v1/client/tokens?a=1 HTTP/1.1\r\nHost: 127.0.0.1:9000\r\nX-Api-Key:  dct_x \r\n"
    b'Content-Length: 16\r\n\r\n{"expiresIn":60}'
)
UPGRADE = (
    b"GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
)


def request(*lines: bytes, body: bytes = b"") -> bytes:
    return b"\r\n".join([b"POST / HTTP/1.1", b"Host: localhost", *lines, b"", body])


def status(data: bytes) -> int:
    """The status that one packet is refused with."""
    response = HttpExchange().receive(data)
    assert isinstance(response, HttpResponse), response
    return response.status


def test_a_request_has_lower_case_header_names_and_its_body() -> None:
    assert HttpExchange().receive(POST) == HttpRequest(
        "POST",
        "/v1/client/tokens?a=1",
        {"host": "127.0.0.1:9000", "x-api-key": "dct_x", "content-length": "16"},
        b'{"expiresIn":60}',
    )


@given(st.lists(st.integers(1, len(POST) - 1), max_size=8))
def test_a_request_is_the_same_however_it_is_cut_into_packets(cuts: list[int]) -> None:
    edges = sorted({0, *cuts, len(POST)})
    exchange = HttpExchange()
    *early, last = (exchange.receive(POST[start:end]) for start, end in itertools.pairwise(edges))
    assert set(early) <= {None}
    assert last == HttpExchange().receive(POST)


@given(st.integers(1, len(UPGRADE) - 1))
def test_an_upgrade_keeps_every_byte_for_websockets(cut: int) -> None:
    exchange = HttpExchange()
    assert exchange.receive(UPGRADE[:cut]) is None
    head = exchange.receive(UPGRADE[cut:] + b"\x81\x02{}")
    assert isinstance(head, HttpRequest)
    assert head.is_websocket
    assert exchange.received == UPGRADE + b"\x81\x02{}"


def test_an_upgrade_to_something_else_is_a_plain_request() -> None:
    plain = HttpExchange().receive(UPGRADE.replace(b"WebSocket\r\n", b"h2c\r\n"))
    assert isinstance(plain, HttpRequest)
    assert not plain.is_websocket


def test_values_of_a_repeated_header_are_joined_so_that_none_is_overlooked() -> None:
    origins = (b"Origin: https://evil.example", b"Origin: http://localhost")
    parsed = HttpExchange().receive(request(*origins))
    assert isinstance(parsed, HttpRequest)
    assert parsed.headers["origin"] == "https://evil.example, http://localhost"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\x16\x03\x01\x02\x00", 400),  # a TLS ClientHello
        (b"GET\r\n\r\n", 400),
        (b"GET / HTTP/9\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nHost: localhost\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n\r\n", 400),  # HTTP/1.1 needs a Host
        (request(b"Content-Length: many"), 400),
        (request(b"Content-Length: -1"), 400),
        (request(b"Content-Length: 1", b"Content-Length: 2"), 400),
        (request(b"Transfer-Encoding: chunked"), 411),
        (request(b"Content-Length: %d" % (LARGEST_BODY + 1)), 413),
        (request(b"Content-Length: 9" + b"9" * 18), 413),
        (request(b"X: " + b"y" * LARGEST_HEAD), 431),
        (b"GET / HTTP/1.1\r\nX: " + b"y" * LARGEST_HEAD, 431),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_request_within_the_limits_is_refused(data: bytes, code: int) -> None:
    assert status(data) == code


def test_the_largest_body_is_taken_whole() -> None:
    body = b"x" * LARGEST_BODY
    parsed = HttpExchange().receive(request(b"Content-Length: %d" % LARGEST_BODY, body=body))
    assert isinstance(parsed, HttpRequest)
    assert parsed.body == body


@given(st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=5))
def test_no_bytes_crash_the_parser_and_every_refusal_can_be_sent(packets: list[bytes]) -> None:
    exchange = HttpExchange()
    for packet in packets:
        result = exchange.receive(packet)
        if isinstance(result, HttpResponse):
            assert exchange.encode(result).startswith(b"HTTP/1.1 4")
        if result is not None:
            return


def test_a_response_states_its_length_and_closes() -> None:
    exchange = HttpExchange()
    exchange.receive(POST)
    head, _, body = exchange.encode(HttpResponse(200, '{"ö": 1}', {"Allow": "POST"})).partition(
        b"\r\n\r\n"
    )
    lines = head.decode().split("\r\n")
    assert lines[0] == "HTTP/1.1 200 OK"
    assert {
        "Content-Type: application/json",
        "Content-Length: 9",
        "Cache-Control: no-store",
        "Connection: close",
        "Allow: POST",
    } == set(lines[1:])
    assert json.loads(body) == {"ö": 1}


def test_the_answer_to_head_has_no_body() -> None:
    exchange = HttpExchange()
    exchange.receive(b"HEAD / HTTP/1.1\r\nHost: localhost\r\n\r\n")
    sent = exchange.encode(HttpResponse(404, '{"error": "Not found"}'))
    assert b"Content-Length: 22\r\n" in sent
    assert sent.endswith(b"\r\n\r\n")


def test_a_websockets_without_the_hook_is_an_error_that_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "ServerConnection", object)
    with pytest.raises(SandboxError, match="websockets"):
        http.connection_class(lambda request: HttpResponse(200))


def test_a_body_may_be_as_long_as_its_path_allows() -> None:
    limits = {"/v1/jobs/x": 2 * LARGEST_BODY}
    for path, is_taken in (("/v1/jobs/x", True), ("/elsewhere", False)):
        exchange = HttpExchange(lambda head: limits.get(head.path, LARGEST_BODY))
        head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {LARGEST_BODY + 1}\r\n\r\n"
        assert (exchange.receive(head.encode()) is None) == is_taken
        if is_taken:
            result = exchange.receive(b"x" * (LARGEST_BODY + 1))
            assert isinstance(result, HttpRequest)
            assert len(result.body) == LARGEST_BODY + 1


def test_a_response_may_be_bytes() -> None:
    exchange = HttpExchange()
    exchange.receive(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    sent = exchange.encode(HttpResponse(200, b"\xff\xd8\x00", content_type="image/jpeg"))
    assert sent.endswith(b"\r\n\r\n\xff\xd8\x00")
    assert b"Content-Length: 3" in sent
