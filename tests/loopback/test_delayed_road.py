"""The proxy that makes a notebook server seem far away, with which benchmarks measure."""

from __future__ import annotations

import asyncio
import time

from benchmarks.delayed_road import delayed_road

LIMIT_S = 30.0
SENT = bytes(range(256)) * 4000
"""A megabyte, which is read in many parts."""


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()
    writer.close()


async def test_everything_arrives_in_order_and_as_late_as_it_should() -> None:
    server = await asyncio.start_server(echo, "127.0.0.1", 0)
    async with (
        asyncio.timeout(LIMIT_S),
        server,
        delayed_road(server.sockets[0].getsockname()[1], 0.05) as port,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        began = time.monotonic()
        writer.write(b"x")
        assert await reader.readexactly(1) == b"x"
        assert time.monotonic() - began >= 0.1
        writer.write(SENT)
        assert await reader.readexactly(len(SENT)) == SENT
        writer.close()


async def test_the_end_of_one_side_is_passed_on_to_the_other() -> None:
    ended = asyncio.Event()

    async def until_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        ended.set()
        writer.close()

    server = await asyncio.start_server(until_end, "127.0.0.1", 0)
    async with (
        asyncio.timeout(LIMIT_S),
        server,
        delayed_road(server.sockets[0].getsockname()[1], 0.01) as port,
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        await ended.wait()
        assert await reader.read() == b""
