"""A hostile token endpoint costs bounded memory and time, and its error states the reason."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from decart_widget.errors import (
    ConnectTimeoutError,
    DecartError,
    InvalidURLError,
    ProtocolError,
    ServiceError,
)
from decart_widget.inputs.secrets import Secret
from decart_widget.models import realtime_model
from decart_widget.sandbox import serve
from decart_widget.session.control import open_control
from decart_widget.session.endpoints import parse_endpoint
from decart_widget.session.http import MAX_ANSWER_BYTES
from decart_widget.session.subscribe import Subscription, request_viewer_room
from decart_widget.session.tokens import client_token

KEY = "dct_MARKER01"

Answer = Callable[[asyncio.StreamWriter], Coroutine[Any, Any, None]]


@asynccontextmanager
async def answering(answer: Answer) -> AsyncIterator[str]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            await answer(writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def refused(answer: Answer, *, timeout: float = 10.0) -> DecartError:
    async with answering(answer) as url:
        with pytest.raises(DecartError) as caught:
            await client_token(
                Secret(KEY),
                parse_endpoint(url),
                realtime_model("lucy-latest"),
                timeout=timeout,
            )
    assert caught.value.remedy
    assert "MARKER" not in str(caught.value)
    return caught.value


async def test_an_endless_body_is_not_read_to_its_end() -> None:
    written = 0

    async def endless(writer: asyncio.StreamWriter) -> None:
        nonlocal written
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while written < 500_000_000:
            writer.write(b" " * 65_536)
            written += 65_536
            await writer.drain()

    assert isinstance(await refused(endless), ProtocolError)
    assert MAX_ANSWER_BYTES < written < 50_000_000


async def test_a_slow_body_ends_with_the_timeout() -> None:
    async def trickle(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n")
        while True:
            writer.write(b" ")
            await writer.drain()
            await asyncio.sleep(0.05)

    assert isinstance(await refused(trickle, timeout=0.5), ConnectTimeoutError)


async def test_a_compressed_body_is_not_decompressed() -> None:
    bomb = gzip.compress(b" " * 100_000_000 + b'{"apiKey": "ek_x"}')

    async def packed(writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(bomb)}\r\n\r\n"
        writer.write(head.encode() + bomb)
        await writer.drain()

    assert isinstance(await refused(packed), ProtocolError)


async def test_a_redirect_is_not_followed() -> None:
    requests = 0

    async def away(writer: asyncio.StreamWriter) -> None:
        nonlocal requests
        requests += 1
        writer.write(b"HTTP/1.1 307 Go\r\nlocation: /v1/client/tokens\r\ncontent-length: 0\r\n\r\n")
        await writer.drain()

    assert isinstance(await refused(away), ServiceError)
    assert requests == 1


async def test_a_deeply_nested_body_that_contains_the_key_is_a_protocol_error() -> None:
    async def nested(writer: asyncio.StreamWriter) -> None:
        body = b'{"' + KEY.encode() + b'":' + b"[" * 90_000
        head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()

    assert isinstance(await refused(nested), ProtocolError)


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example.org"},
        {"Host": "rebound.example.org:80"},
        {"Host": "127.0.0.1.example.org"},
        {"Origin": "null"},
        {"Origin": "https://example.org"},
        {"Origin": "http://localhost.example.org"},
        {"Origin": ""},
    ],
    ids=str,
)
async def test_the_local_server_accepts_only_pages_of_this_machine(
    headers: dict[str, str],
) -> None:
    async def status(port: int, sent: dict[str, str]) -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        body = json.dumps({}).encode()
        lines = {
            "Host": f"127.0.0.1:{port}",
            "x-api-key": KEY,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            **sent,
        }
        head = "POST /v1/client/tokens HTTP/1.1\r\n"
        head += "".join(f"{name}: {value}\r\n" for name, value in lines.items()) + "\r\n"
        writer.write(head.encode() + body)
        answer = await reader.readline()
        writer.close()
        return int(answer.split()[1])

    with serve(api_key=KEY) as sandbox:
        port = int(sandbox.base_url.rpartition(":")[2])
        assert await status(port, {}) in (200, 201)  # a program sends no Origin
        assert await status(port, {"Origin": "http://localhost:8888"}) in (200, 201)
        assert await status(port, headers) == 403


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_request_with_a_key_follows_a_redirect(status: int) -> None:
    asked: list[str] = []

    async def elsewhere(writer: asyncio.StreamWriter) -> None:
        asked.append("elsewhere")
        writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")

    async with answering(elsewhere) as other:

        async def redirect(writer: asyncio.StreamWriter) -> None:
            asked.append("here")
            head = f"HTTP/1.1 {status} Moved\r\nlocation: {other}/x\r\ncontent-length: 0\r\n\r\n"
            writer.write(head.encode())

        async with answering(redirect) as url:
            endpoint = parse_endpoint(url)
            socket_url = endpoint.realtime_url(realtime_model("lucy-latest"), Secret(KEY))
            errors = []
            with pytest.raises(ServiceError) as caught:
                await client_token(Secret(KEY), endpoint, realtime_model("lucy-latest"))
            errors.append(caught.value)
            with pytest.raises(ServiceError) as caught:
                await request_viewer_room(Subscription("room"), endpoint, Secret(KEY))
            errors.append(caught.value)
            with pytest.raises(ServiceError) as caught:
                async with open_control(socket_url, "it", 10.0):
                    pass
            errors.append(caught.value)
    assert asked == ["here"] * 3
    assert {error.code for error in errors} == {"redirected"}
    assert not any(other in str(error) for error in errors)


async def test_no_request_with_a_key_goes_to_another_machine_in_clear_text() -> None:
    endpoint = parse_endpoint("http://example.org")
    with pytest.raises(InvalidURLError, match="clear text"):
        await client_token(Secret(KEY), endpoint, realtime_model("lucy-latest"))
    socket_url = endpoint.realtime_url(realtime_model("lucy-latest"), Secret(KEY))
    with pytest.raises(InvalidURLError, match="clear text"):
        async with open_control(socket_url, "it", 10.0):
            pass


async def test_the_body_of_a_refused_handshake_is_redacted_before_it_is_cut() -> None:
    secret = Secret("plainMARKERclient9876543210")

    async def refuse(writer: asyncio.StreamWriter) -> None:
        body = b"A" * 270 + b" token " + secret.reveal().encode()
        writer.write(b"HTTP/1.1 500 X\r\ncontent-length: %d\r\n\r\n" % len(body) + body)

    async with answering(refuse) as url:
        endpoint = parse_endpoint(url)
        socket_url = endpoint.realtime_url(realtime_model("lucy-latest"), secret)
        with pytest.raises(ServiceError) as caught:
            async with open_control(socket_url, "it", 10.0):
                pass
    assert "token" in str(caught.value)
    assert "plain" not in str(caught.value)
