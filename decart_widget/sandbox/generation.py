"""The billed part of a session: from the first transformed frame to the end, told once a second."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Send = Callable[..., Awaitable[None]]


class Generation:
    """Tells ``generation_started``, ``generation_tick`` every second, ``generation_ended``.

    Args:
        send: Sends one message: the type and its fields as keywords.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._task: asyncio.Task[Any] | None = None
        self._started_at: float | None = None
        self._ended = False

    @property
    def seconds(self) -> int:
        """Whole seconds since it started, 0 before."""
        if self._started_at is None:
            return 0
        return int(asyncio.get_running_loop().time() - self._started_at)

    @property
    def is_running(self) -> bool:
        """Whether it has started and not ended."""
        return self._started_at is not None and not self._ended

    def start(self) -> None:
        """The first transformed frame went out. Once it runs, nothing more happens."""
        if self._task is None or self._ended:
            self._ended = False
            self._started_at = asyncio.get_running_loop().time()
            self._task = asyncio.create_task(self._tick(self._started_at))

    async def end(self, reason: str) -> None:
        """Tell why it is over. Before the start, or after the end, nothing happens."""
        if not self.is_running:
            return
        seconds = self.seconds
        self.stop()
        await self._send("generation_ended", seconds=seconds, reason=reason)

    def stop(self) -> None:
        """Fall silent: the client is gone."""
        self._ended = True
        if self._task is not None:
            self._task.cancel()

    async def _tick(self, started_at: float) -> None:
        await self._send("generation_started")
        seconds = 0
        loop = asyncio.get_running_loop()
        while True:
            seconds += 1
            await asyncio.sleep(started_at + seconds - loop.time())
            await self._send("generation_tick", seconds=seconds)
