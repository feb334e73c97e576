"""HTTP and WebSocket on one port, over real sockets and with websockets' own server.

These tests fail when websockets no longer passes a connection's bytes through ``data_received``, or
no longer limits the time before the handshake: ``sandbox/http.py`` depends on both.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve

from decart_widget.sandbox.http import HttpRequest, HttpResponse, connection_class

GET = b"GET /plain HTTP/1.1\r\nHost: localhost\r\n\r\n"


@asynccontextmanager
async def server(open_timeout_s: float = 10.0) -> AsyncIterator[int]:
    """A server that echoes WebSocket messages and answers HTTP with the path; yields its port."""

    async def echo(socket: ServerConnection) -> None:
        async for message in socket:
            await socket.send(message)

    def answer(request: HttpRequest) -> HttpResponse:
        return HttpResponse(200, f"{request.method} {request.path} {request.body.decode()}")

    async with serve(
        echo,
        "127.0.0.1",
        0,
        create_connection=connection_class(answer),
        open_timeout=open_timeout_s,
        compression=None,
    ) as running:
        yield next(iter(running.sockets)).getsockname()[1]


async def exchange(port: int, *packets: bytes) -> bytes:
    """Sends packets; returns everything received until the server closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for packet in packets:
            writer.write(packet)
            await writer.drain()
            await asyncio.sleep(0.01)  # so that they arrive as separate packets
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


async def test_one_port_answers_http_and_websocket_side_by_side() -> None:
    async with server() as port, connect(f"ws://127.0.0.1:{port}", proxy=None) as socket:
        assert b"GET /plain" in await exchange(port, GET)
        await socket.send("still open")
        assert await socket.recv() == "still open"


async def test_a_body_that_arrives_in_separate_packets_is_read_to_its_end() -> None:
    head = b"POST /a HTTP/1.1\r\nHost: localhost\r\nContent-Length: 6\r\n\r\n"
    async with server() as port:
        assert (await exchange(port, head[:9], head[9:], b"abc", b"def")).endswith(
            b"POST /a abcdef"
        )


async def test_data_after_an_answered_request_is_ignored() -> None:
    async with server() as port:
        assert (await exchange(port, GET + GET)).count(b"HTTP/1.1 200") == 1


async def test_a_websocket_works_when_its_upgrade_comes_in_packets() -> None:
    upgrade = (
        b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    async with server() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for packet in (upgrade[:30], upgrade[30:-2], upgrade[-2:]):
            writer.write(packet)
            await asyncio.sleep(0.01)
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101 ")
        writer.write(b"\x81\x82\x00\x00\x00\x00hi")  # a text frame, with a mask of zeros
        assert await reader.readexactly(4) == b"\x81\x02hi"
        writer.close()


@pytest.mark.parametrize("started", [b"", b"GET / HT", GET[:-2]], ids=["nothing", "word", "head"])
async def test_an_unfinished_request_is_closed_after_the_timeout(started: bytes) -> None:
    async with server(open_timeout_s=0.2) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(started)
        try:
            assert await asyncio.wait_for(reader.read(), 10) == b""
        except ConnectionResetError:
            pass
        finally:
            writer.close()
