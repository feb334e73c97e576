"""A hostile token endpoint costs bounded memory and time, and its error states the reason."""

from __future__ import annotations

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import pytest

from decart_widget.errors import ConnectTimeoutError, DecartError, ProtocolError, ServiceError
from decart_widget.inputs.secrets import Secret
from decart_widget.models import realtime_model
from decart_widget.sandbox import serve
from decart_widget.session.endpoints import parse_endpoint
from decart_widget.session.http import MAX_ANSWER_BYTES
from decart_widget.session.tokens import client_token

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
                Secret("dct_MARKER01"),
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
        body = b'{"dct_MARKER01":' + b"[" * 90_000
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
            "x-api-key": "dct_x",
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

    with serve() as sandbox:
        port = int(sandbox.base_url.rpartition(":")[2])
        assert await status(port, {}) in (200, 201)  # a program sends no Origin
        assert await status(port, {"Origin": "http://localhost:8888"}) in (200, 201)
        assert await status(port, headers) == 403
