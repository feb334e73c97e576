"""Client tokens: what a permanent key is exchanged for before anything else happens.

The permanent key travels in one header of one request and nowhere else. What it buys is scoped to
the model, short-lived, and ends with the budget at the service itself.
"""

from __future__ import annotations

import asyncio
import logging
import math
import time
from collections.abc import Callable
from typing import Final

from decart_widget.diagnostics.secrets import Secret
from decart_widget.errors import DecartError, InvalidKeyError, ProtocolError
from decart_widget.models import RealtimeModel
from decart_widget.session.endpoints import Endpoint
from decart_widget.session.http import post

log = logging.getLogger(__name__)

TOKEN_LIFETIME: Final = 60
"""Seconds in which the token may open a connection (the service's default)."""

FRESH: Final = 40.0
"""Seconds for which a token that was got in advance is good enough to start with."""

SHORTEST_SESSION: Final = 10
"""Seconds; the service takes no smaller ``maxSessionDuration``."""


async def client_token(
    key: Secret,
    endpoint: Endpoint,
    model: RealtimeModel,
    *,
    budget: float | None = None,
    timeout: float = 10.0,
) -> Secret:
    """A client token for this model; a key that is one already is returned as it is.

    Args:
        key: A permanent key or a client token.
        endpoint: Whose token endpoint to ask.
        model: The only model that the token may be used for.
        budget: Seconds after which the service is to end the session.
        timeout: Seconds for the whole request.

    Raises ``AuthenticationError`` (401, 403), ``ServiceError``, ``ProtocolError`` or a
    ``TransportError``.
    """
    if key.is_client_token:
        return key
    body: dict[str, object] = {"expiresIn": TOKEN_LIFETIME, "allowedModels": [model.name]}
    if budget is not None:
        longest = max(SHORTEST_SESSION, math.ceil(budget))
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
        return Secret(answer.pop("apiKey"))
    except (KeyError, InvalidKeyError):
        answer.clear()  # whatever it is, it was meant as a secret
        raise ProtocolError("The service's client token can't be read.") from None


class Tokens:
    """Client tokens of one widget: one may be got in advance, so that a start needn't wait for it.

    A token buys nothing by itself: nothing is billed before a session is opened with it, and it
    expires within a minute. Each is used once.

    Args:
        clock: A steady clock in seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._wanted: tuple[object, ...] | None = None
        self._coming: asyncio.Task[Secret] | None = None
        self._asked_at = 0.0

    def prepare(
        self, key: Secret, endpoint: Endpoint, model: RealtimeModel, *, budget: float | None = None
    ) -> None:
        """Gets a token for such a session, unless a fresh one is there; returns at once."""
        wanted = (key, endpoint, model.name, budget)
        if key.is_client_token or self._is_fresh(wanted):
            return
        self.close()
        self._wanted, self._asked_at = wanted, self._clock()
        self._coming = asyncio.ensure_future(client_token(key, endpoint, model, budget=budget))
        self._coming.add_done_callback(_note)

    async def take(
        self,
        key: Secret,
        endpoint: Endpoint,
        model: RealtimeModel,
        *,
        budget: float | None = None,
        timeout: float = 10.0,
    ) -> Secret:
        """The token that was got in advance when it fits, else a new one; as `client_token`."""
        coming = self._coming
        if coming is not None and self._is_fresh((key, endpoint, model.name, budget)):
            self._wanted = self._coming = None
            try:
                return await asyncio.wait_for(coming, timeout)
            except (DecartError, TimeoutError):
                log.info("The token that was got in advance did not come; asking again.")
        return await client_token(key, endpoint, model, budget=budget, timeout=timeout)

    def close(self) -> None:
        """Gives up what is under way, and forgets what is there."""
        if self._coming is not None:
            self._coming.cancel()
        self._wanted = self._coming = None

    def _is_fresh(self, wanted: tuple[object, ...]) -> bool:
        if self._wanted != wanted or self._coming is None:
            return False
        failed = self._coming.done() and (
            self._coming.cancelled() or self._coming.exception() is not None
        )
        return not failed and self._clock() - self._asked_at < FRESH

    def __repr__(self) -> str:
        return f"Tokens(ready={self._coming is not None})"


def _note(coming: asyncio.Task[Secret]) -> None:
    """Whoever starts asks again, and says then why it fails."""
    if not coming.cancelled() and (error := coming.exception()) is not None:
        code = error.code if isinstance(error, DecartError) else type(error).__name__
        log.info("No token in advance: %s.", code)
