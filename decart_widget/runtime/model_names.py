"""Which model a name stands for at the service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from decart_widget.diagnostics.log import Log
from decart_widget.errors import DecartError
from decart_widget.models import MODELS, RealtimeModel, UnlistedModel
from decart_widget.session.account import resolve_model
from decart_widget.session.endpoints import Endpoint


class ModelNames:
    """Asks the service for models, and publishes the trait ``resolved_model``.

    Args:
        update: Publishes traits.
        log: Receives what the service answered.
    """

    def __init__(self, update: Callable[[dict[str, Any]], None], log: Log) -> None:
        self._update = update
        self._log = log
        self._checked: tuple[str, str] | None = None
        """URL of the service and name of the unlisted model that it knows."""
        self._looking: asyncio.Task[None] | None = None

    async def check(self, model: RealtimeModel, endpoint: Endpoint) -> None:
        """Checks that the service knows a model that this version doesn't list, once.

        Args:
            model: The model of the next session; nothing is asked for a listed one, nor for a
                ``RealtimeModel`` of the user's own.
            endpoint: The service to ask.

        Raises:
            UnknownModelError: It doesn't.
            DecartError: It could not be asked.
        """
        wanted = (endpoint.base_url, model.name)
        if not isinstance(model, UnlistedModel) or self._checked == wanted:
            return
        model_id = await resolve_model(model.name, endpoint)
        self._checked = wanted
        self._log.add("info", "model not listed here, known to the service", model_id=model_id)
        self._update({"resolved_model": model_id})

    def look_up(self, model: RealtimeModel, endpoint: Endpoint) -> None:
        """Publishes in the background what a listed name stands for, if the service says it.

        Args:
            model: The model of the session that has been established.
            endpoint: Its service.
        """
        if MODELS.get(model.name) is not model:
            return
        self.close()
        self._looking = asyncio.ensure_future(self._look_up(model.name, endpoint))

    def forget(self) -> None:
        """Notes that the next session has another model."""
        self.close()
        self._update({"resolved_model": None})

    async def _look_up(self, name: str, endpoint: Endpoint) -> None:
        try:
            self._update({"resolved_model": await resolve_model(name, endpoint)})
        except DecartError as error:
            self._log.add("debug", "the service doesn't say which model it is", code=error.code)

    def close(self) -> None:
        """Cancels a request that is under way."""
        if self._looking is not None:
            self._looking.cancel()
