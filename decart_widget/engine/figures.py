"""Requests of a worker's figures: counts of the connection, processor time, memory."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

TIMEOUT_S: Final = 5.0
"""Seconds that a worker may take to answer."""


class Figures:
    """Open requests. Use it on one event loop.

    Args:
        send: Sends a command to the worker.
    """

    def __init__(self, send: Callable[..., None]) -> None:
        self._send = send
        self._open: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._count = 0

    async def request(self) -> dict[str, Any]:
        """Returns the worker's figures; empty when it does not answer."""
        self._count += 1
        request = self._count
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._open[request] = answer
        try:
            self._send("figures", request=request)
            async with asyncio.timeout(TIMEOUT_S):
                return await answer
        except TimeoutError:
            return {}
        finally:
            del self._open[request]

    def answered(self, request: int, figures: dict[str, Any]) -> None:
        """Takes the worker's answer."""
        answer = self._open.get(request)
        if answer is not None and not answer.done():
            answer.set_result(figures)

    def worker_ended(self) -> None:
        """Answers all requests with nothing."""
        for request in list(self._open):
            self.answered(request, {})
