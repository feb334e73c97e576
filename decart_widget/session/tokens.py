"""Client tokens, for which the permanent key is exchanged before a session starts.

The permanent key is sent in one header of one request and nowhere else. The client token is limited
to one model, lives for a minute, and makes the service itself end the session at the budget.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Final

from decart_widget.errors import DecartError, InvalidKeyError, ProtocolError
from decart_widget.inputs.secrets import Secret
from decart_widget.models import RealtimeModel
from decart_widget.session.endpoints import Endpoint
from decart_widget.session.http import post

logger = logging.getLogger(__name__)

TOKEN_LIFETIME_S: Final = 60
"""Seconds in which the token may open a connection (the service's default)."""

FRESH_S: Final = 40.0
"""Seconds for which a token that was fetched in advance may start a session."""

SHORTEST_SESSION_S: Final = 10
"""Seconds; the service accepts no smaller ``maxSessionDuration``."""


async def client_token(
    key: Secret,
    endpoint: Endpoint,
    model: RealtimeModel,
    *,
    budget: float | None = None,
    timeout: float = 10.0,
) -> Secret:
    """Fetches a client token for a model.

    Args:
        key: A permanent key, or a client token, which is returned unchanged.
        endpoint: The service to ask.
        model: The only model that the token may be used for.
        budget: Seconds after which the service is to end the session; None for no limit.
        timeout: Seconds for the whole request.

    Raises:
        AuthenticationError: The service refused the key.
        ServiceError: The service answered with another error.
        ProtocolError: The answer can't be read.
        TransportError: The service can't be reached, or did not answer in time.
    """
    if key.is_client_token:
        return key
    body: dict[str, object] = {"expiresIn": TOKEN_LIFETIME_S, "allowedModels": [model.name]}
    if budget is not None:
        longest = max(SHORTEST_SESSION_S, math.ceil(budget))
        body["constraints"] = {"realtime": {"maxSessionDuration": longest}}
    answer = await post(
        f"{endpoint.base_url}/v1/client/tokens",
        key,
        body,
        name=endpoint.name,
        timeout=timeout,
        direct=endpoint.is_loopback,
    )
    try:
        return Secret(answer.pop("apiKey"), kind="token")
    except (KeyError, InvalidKeyError):
        answer.clear()  # it may hold the token in another form
        raise ProtocolError("The service's client token can't be read.") from None


class Tokens:
    """The client tokens of one widget; one can be fetched before a start, which is then faster.

    A token costs nothing by itself: billing begins when a session is opened with it, and it expires
    within a minute. Each token is used once.

    Args:
        clock: A monotonic clock, in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._purpose: tuple[object, ...] | None = None  # what the prepared token is for
        self._task: asyncio.Task[Secret] | None = None  # fetches, or has fetched, the token
        self._asked_at = 0.0

    def prepare(
        self, key: Secret, endpoint: Endpoint, model: RealtimeModel, *, budget: float | None = None
    ) -> None:
        """Fetches a token in the background, unless a fresh one is prepared already.

        Args:
            key: A permanent key; for a client token nothing is done.
            endpoint: The service to ask.
            model: The only model that the token may be used for.
            budget: Seconds after which the service is to end the session; None for no limit.
        """
        purpose = (key, endpoint, model.name, budget)
        if key.is_client_token or self._is_fresh(purpose):
            return
        self.close()
        self._purpose, self._asked_at = purpose, self._clock()
        self._task = asyncio.ensure_future(client_token(key, endpoint, model, budget=budget))
        self._task.add_done_callback(_log_failure)

    async def take(
        self,
        key: Secret,
        endpoint: Endpoint,
        model: RealtimeModel,
        *,
        budget: float | None = None,
        timeout: float = 10.0,
    ) -> Secret:
        """Returns the token that was prepared, if it is fresh and for this purpose, else a new one.

        Args and errors are those of ``client_token``.
        """
        task = self._task
        if task is not None and self._is_fresh((key, endpoint, model.name, budget)):
            self._purpose = self._task = None
            try:
                return await asyncio.wait_for(task, timeout)
            except (DecartError, TimeoutError):
                logger.info("The prepared client token did not arrive; requesting another.")
        return await client_token(key, endpoint, model, budget=budget, timeout=timeout)

    def close(self) -> None:
        """Cancels a fetch that is under way and discards a prepared token."""
        if self._task is not None:
            self._task.cancel()
        self._purpose = self._task = None

    def _is_fresh(self, purpose: tuple[object, ...]) -> bool:
        if self._purpose != purpose or self._task is None:
            return False
        failed = self._task.done() and (
            self._task.cancelled() or self._task.exception() is not None
        )
        return not failed and self._clock() - self._asked_at < FRESH_S

    def __repr__(self) -> str:
        return f"Tokens(ready={self._task is not None})"


def _log_failure(task: asyncio.Task[Secret]) -> None:
    """Logs why a prepared token could not be fetched; a start then fetches it and may raise."""
    if not task.cancelled() and (error := task.exception()) is not None:
        code = error.code if isinstance(error, DecartError) else type(error).__name__
        logger.info("No client token could be prepared: %s.", code)
