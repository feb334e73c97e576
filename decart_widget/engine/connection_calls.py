"""The connection of one attempt in the worker: calls of its methods, one after another."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Callable
from typing import Any, Final

from decart_widget.diagnostics.redaction import trace
from decart_widget.engine.connection import Connection
from decart_widget.engine.exchange import Exchange

logger = logging.getLogger(__name__)

CLOSE_TIMEOUT_S: Final = 5.0
"""Seconds that closing a connection may take while the worker goes on."""


class Attempt:
    """The connection of an attempt, and its calls, one after another.

    Args:
        exchange: The attempt's frames.
        connection: Its connection, which is started.

    Attributes:
        exchange: See above.
        connection: See above.
        number: The attempt's number.
    """

    def __init__(self, exchange: Exchange, connection: Connection) -> None:
        self.exchange = exchange
        self.connection = connection
        self.number = exchange.attempt
        self._closed = False
        self._calls: asyncio.Queue[Callable[[Connection], Any] | None] = asyncio.Queue()
        self._calling = asyncio.create_task(self._call_all())
        connection.start()

    def call(self, method: Callable[[Connection], Any]) -> None:
        """Calls a method of the connection after those that were called before."""
        self._calls.put_nowait(method)

    async def close(self) -> None:
        """Closes the connection. A call that runs goes on: not all of them may be cancelled."""
        self._closed = True
        self._calls.put_nowait(None)
        await self.connection.close()

    async def _call_all(self) -> None:
        while (method := await self._calls.get()) is not None and not self._closed:
            try:
                await method(self.connection)
            except Exception as error:
                logger.warning("The connection failed.\n%s", trace(error))
                self.exchange.changed("failed")


async def close(attempt: Attempt) -> None:
    """Closes an attempt's connection, and frees it."""
    closing = asyncio.ensure_future(attempt.close())
    _, late = await asyncio.wait({closing}, timeout=CLOSE_TIMEOUT_S)
    if late:
        logger.warning("A connection did not close in %s s.", CLOSE_TIMEOUT_S)
    elif (error := closing.exception()) is not None:
        logger.warning("A connection did not close well.\n%s", trace(error))
    del attempt, closing
    gc.collect()  # connections are cycles of objects, and hold codecs and buffers
