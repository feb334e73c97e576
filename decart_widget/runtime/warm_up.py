"""Prepares, before Start is clicked, what a start would otherwise wait for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from decart_widget.diagnostics.log import Log
from decart_widget.errors import DecartError, UnknownModelError
from decart_widget.runtime.destination import Destination
from decart_widget.runtime.model_names import ModelNames
from decart_widget.runtime.settings import Settings
from decart_widget.session.tokens import Tokens

SETTLE_S: Final = 1.0
"""Seconds without a further change of the settings after which a token for them is requested; a
slider that is linked to ``budget`` changes it many times a second."""


class WarmUp:
    """Imports libraries, starts the sandbox and requests a client token; all free of charge.

    Args:
        destination: Where sessions go.
        settings: Returns the settings of the next session.
        tokens: Keeps the client token for the start.
        names: Checks a model that this version doesn't list.
        log: Receives errors; the start tries again and raises them.
        complain: Shows that there is no such model.
    """

    def __init__(
        self,
        destination: Destination,
        settings: Callable[[], Settings],
        tokens: Tokens,
        names: ModelNames,
        log: Log,
        complain: Callable[[DecartError], None],
    ) -> None:
        self._destination = destination
        self._settings = settings
        self._tokens = tokens
        self._names = names
        self._log = log
        self._complain = complain
        self._task: asyncio.Task[None] | None = None
        self._settling: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Starts the preparation, unless it is under way."""
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._run())

    def settings_changed(self) -> None:
        """Starts the preparation anew, once the settings have stopped changing."""
        if self._settling is not None:
            self._settling.cancel()
        self._settling = asyncio.get_running_loop().call_later(SETTLE_S, self.start)

    def close(self) -> None:
        """Cancels the preparation."""
        if self._settling is not None:
            self._settling.cancel()
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        try:
            # These imports take a quarter of a second.
            await asyncio.to_thread(load_network_libraries)
            endpoint, key = await self._destination.open()
            settings = self._settings()
            await self._names.check(settings.model, endpoint)
            self._tokens.prepare(key, endpoint, settings.model, budget=settings.budget)
        except UnknownModelError as error:
            self._complain(error)
        except DecartError as error:
            self._log.add("warning", "not ready yet", code=error.code)


def load_network_libraries() -> None:
    """Imports the libraries that the first connection needs."""
    import httpx  # noqa: F401
    import websockets.asyncio.client  # noqa: F401
