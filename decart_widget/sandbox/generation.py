"""The billed part of a session, from the first transformed frame to the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

Send = Callable[..., Awaitable[None]]
"""Sends one message: its type, and its other fields as keywords."""


class Generation:
    """Sends ``generation_started``, a ``generation_tick`` every second, ``generation_ended``.

    Args:
        send: Sends one message: the type, and the other fields as keywords.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._task: asyncio.Task[Any] | None = None
        self._started_at: float | None = None
        self._ended = False
        self._former_s = 0.0

    @property
    def billed_s(self) -> float:
        """Seconds so far, of former parts too: a client may lose its media and come back."""
        if not self.is_running or self._started_at is None:
            return self._former_s
        return self._former_s + asyncio.get_running_loop().time() - self._started_at

    @property
    def seconds(self) -> int:
        """Whole seconds since the start; 0 before."""
        if self._started_at is None:
            return 0
        return int(asyncio.get_running_loop().time() - self._started_at)

    @property
    def is_running(self) -> bool:
        """Whether generation has started and not ended."""
        return self._started_at is not None and not self._ended

    def start(self) -> None:
        """Start, at the first transformed frame; nothing happens while it is running."""
        if self._task is None or self._ended:
            self._ended = False
            self._started_at = asyncio.get_running_loop().time()
            self._task = asyncio.create_task(self._tick(self._started_at))

    async def end(self, reason: str) -> None:
        """Stop and send ``generation_ended``; nothing happens while it isn't running.

        Args:
            reason: The message's ``reason``.
        """
        if not self.is_running:
            return
        seconds = self.seconds
        self.stop()
        await self._send("generation_ended", seconds=seconds, reason=reason)

    def stop(self) -> None:
        """Stop without a message: the client is gone."""
        self._former_s = self.billed_s
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
