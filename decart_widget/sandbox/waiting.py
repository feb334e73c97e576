"""The queue in which a client waits before its session begins."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from decart_widget.sandbox.close_codes import CLOSE_INTERNAL

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

    from decart_widget.sandbox.generation import Send
    from decart_widget.sandbox.own.warm_up import WarmUp

QUEUE_PLACES: Final = 4
"""Places in the queue that the fault ``queue_s`` takes a client through."""


async def wait_in_queue(
    socket: ServerConnection, send: Send, *, queue_s: float, warm_up: WarmUp
) -> bool:
    """Make a client wait for the fault ``queue_s``, and for the preparation of the model.

    Its place is sent under both names that the service uses.

    Args:
        socket: The client's.
        send: Sends one message: the type, and the other fields as keywords.
        queue_s: Seconds to wait at least; 0: none.
        warm_up: The model's preparation. If it fails, the client is told, and its socket closed.

    Returns:
        Whether the session goes on.
    """
    if queue_s <= 0 and warm_up.is_over:
        return True
    await send("status", status="Entering queue")
    gone: asyncio.Future[Any] = asyncio.ensure_future(socket.wait_closed())
    try:
        for place in range(QUEUE_PLACES, 0, -1) if queue_s > 0 else ():
            name = "queue_position" if place % 2 == 0 else "position"
            await send("queue_position", **{name: place, "queue_size": QUEUE_PLACES})
            await asyncio.wait([gone], timeout=queue_s / QUEUE_PLACES)
            if gone.done():
                return False
        return warm_up.is_over or await _wait_for_model(socket, send, warm_up, gone)
    finally:
        gone.cancel()


async def _wait_for_model(
    socket: ServerConnection, send: Send, warm_up: WarmUp, gone: asyncio.Future[Any]
) -> bool:
    await send("queue_position", position=1, queue_size=1)
    ready: asyncio.Future[Any] = asyncio.ensure_future(warm_up.wait())
    try:
        await asyncio.wait([ready, gone], return_when=asyncio.FIRST_COMPLETED)
        if not ready.done():
            return False
        failed = ready.result()
    finally:
        ready.cancel()
    if failed is not None:
        await send("error", error=failed)
        await socket.close(CLOSE_INTERNAL, "the model is not ready")
    return failed is None
