"""A TCP proxy that delays what it passes on, in both directions: a notebook server far away.

It ends both connections itself, so the time of the handshake is not delayed, and each end's TCP
sees acknowledgements at once.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

MAX_BYTES: Final = 8_000_000
"""Bytes of one direction that are on the road at most; then the proxy stops reading."""

CHUNK_BYTES: Final = 65_536
"""Bytes read at once."""


async def _pass_on(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float
) -> None:
    """Passes one direction on, each chunk `delay_s` after it was read, until its end."""
    loop = asyncio.get_running_loop()
    road: deque[tuple[float, bytes]] = deque()
    changed = asyncio.Condition()

    async def read() -> None:
        while True:
            data = await reader.read(CHUNK_BYTES)
            async with changed:
                road.append((loop.time() + delay_s, data))
                changed.notify_all()
                await changed.wait_for(lambda: sum(len(one) for _, one in road) < MAX_BYTES)
            if not data:
                return

    reading = asyncio.create_task(read())
    try:
        while True:
            async with changed:
                await changed.wait_for(lambda: bool(road))
            due, data = road[0]
            await asyncio.sleep(due - loop.time())
            if not data:
                return
            writer.write(data)
            await writer.drain()
            async with changed:
                road.popleft()
                changed.notify_all()
    except OSError:
        pass  # that end is gone
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError, OSError):
            await reading
        writer.close()


@asynccontextmanager
async def delayed_road(port: int, delay_s: float) -> AsyncIterator[int]:
    """Passes connections on to a port of 127.0.0.1.

    Args:
        port: Where the server listens.
        delay_s: Delay of each direction, in seconds.

    Yields:
        The port of 127.0.0.1 that leads there by way of the road.
    """
    connections: set[asyncio.Task[None]] = set()

    async def both_ways(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            there, back = await asyncio.open_connection("127.0.0.1", port)
            async with asyncio.TaskGroup() as both:
                both.create_task(_pass_on(reader, back, delay_s))
                both.create_task(_pass_on(there, writer, delay_s))
        except OSError:
            writer.close()

    def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(both_ways(reader, writer))
        connections.add(task)
        task.add_done_callback(connections.discard)

    server = await asyncio.start_server(connect, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for connection in list(connections):
            connection.cancel()
        await asyncio.gather(*connections, return_exceptions=True)
