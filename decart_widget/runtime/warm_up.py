"""Prepares, before Start is clicked, what a start would otherwise wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from decart_widget.diagnostics.log import Log
from decart_widget.errors import DecartError
from decart_widget.runtime.destination import Destination
from decart_widget.runtime.settings import Settings
from decart_widget.session.tokens import Tokens


class WarmUp:
    """Imports libraries, starts the sandbox and requests a client token; all free of charge.

    Args:
        destination: Where sessions go.
        settings: Returns the settings of the next session.
        tokens: Keeps the client token for the start.
        log: Receives errors; the start tries again and raises them.
    """

    def __init__(
        self,
        destination: Destination,
        settings: Callable[[], Settings],
        tokens: Tokens,
        log: Log,
    ) -> None:
        self._destination = destination
        self._settings = settings
        self._tokens = tokens
        self._log = log
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the preparation, unless it is under way."""
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._run())

    def close(self) -> None:
        """Cancels the preparation."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            # These imports take a quarter of a second.
            await asyncio.to_thread(load_network_libraries)
            endpoint, key = await self._destination.open()
            settings = self._settings()
            self._tokens.prepare(key, endpoint, settings.model, budget=settings.budget)
        except DecartError as error:
            self._log.add("warning", "not ready yet", code=error.code)


def load_network_libraries() -> None:
    """Imports the libraries that the first connection needs."""
    import httpx  # noqa: F401
    import websockets.asyncio.client  # noqa: F401
