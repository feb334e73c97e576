"""Client tokens, for which the permanent key is exchanged before a session starts.

The permanent key is sent in one header of one request and nowhere else. The client token is limited
to one model, and makes the service itself end the session at the budget. It never leaves the
kernel but in the query of the control socket's URL.
"""

from __future__ import annotations

import asyncio
import logging
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from decart_widget.errors import DecartError, InvalidKeyError, ProtocolError
from decart_widget.inputs.secrets import Secret
from decart_widget.models import RealtimeModel
from decart_widget.session.clock import clock
from decart_widget.session.endpoints import Endpoint
from decart_widget.session.http import exchange

logger = logging.getLogger(__name__)

TOKEN_LIFETIME_S: Final = 3600
"""Seconds in which the token may open connections: the longest that the service permits. A shorter
one would protect nothing, because the token is kept beside the permanent key, in the memory of the
same process; and it would be renewed all the time while a widget is on screen."""

RENEW_BELOW_S: Final = 1200.0
"""Seconds of life left below which ``prepare`` replaces a token. A visible page sends ``intent``
every 10 minutes (``js/src/session/hints.ts``), so one of these messages may get lost."""

MARGIN_S: Final = 60.0
"""Seconds of life left below which a token is not used: opening a connection takes a while."""

SHORTEST_SESSION_S: Final = 10
"""Seconds; the service accepts no smaller ``maxSessionDuration``."""

MAX_TOKEN: Final = 8192
"""Characters of a client token; a signed one (JWT) has about 1,000."""


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
    answer = await exchange(
        f"{endpoint.base_url}/v1/client/tokens",
        key,
        body,
        name=endpoint.name,
        timeout=timeout,
    )
    # ``token`` (a JWT) is for realtime connections; ``apiKey``, for the API's other requests, is
    # used where a service sends no ``token``. Both become a ``Secret``, so that texts that quote
    # either are redacted.
    found = [_secret(answer.pop(name, None)) for name in ("token", "apiKey")]
    answer.clear()  # it may hold the token in another form
    token = found[0] or found[1]
    if token is None:
        raise ProtocolError("The service's client token can't be read.")
    return token


def _secret(value: Any) -> Secret | None:
    try:
        return Secret(value, longest=MAX_TOKEN, kind="token")
    except InvalidKeyError:
        return None


@dataclass(frozen=True)
class _Fetch:
    """A token that was requested.

    Attributes:
        purpose: What it is for: key, endpoint, model and budget.
        task: Fetches, or has fetched, the token.
        asked_at: When it was requested, in seconds of the clock.
    """

    purpose: tuple[object, ...]
    task: asyncio.Future[Secret]
    asked_at: float


class Tokens:
    """The client tokens of one widget: one is fetched ahead of a start, which is then faster.

    A token costs nothing by itself: billing begins when a session is opened with it. It is used
    until it has become too old, by further starts and reconnects too.

    Args:
        now: A monotonic clock that counts while the machine sleeps, in seconds.
    """

    def __init__(self, now: Callable[[], float] = clock) -> None:
        self._now = now
        self._ready: _Fetch | None = None  # has arrived
        self._coming: _Fetch | None = None  # is under way, or has failed

    def prepare(
        self, key: Secret, endpoint: Endpoint, model: RealtimeModel, *, budget: float | None = None
    ) -> None:
        """Fetches a token in the background, unless there is a fresh one or one is under way.

        Args:
            key: A permanent key; for a client token nothing is done.
            endpoint: The service to ask.
            model: The only model that the token may be used for.
            budget: Seconds after which the service is to end the session; None for no limit.
        """
        purpose = (key, endpoint, model.name, budget)
        if key.is_client_token or self._is_ready(purpose, RENEW_BELOW_S):
            return
        coming = self._coming
        if coming is not None and coming.purpose == purpose and not coming.task.done():
            return
        self._cancel()
        task = asyncio.ensure_future(client_token(key, endpoint, model, budget=budget))
        self._coming = fetch = _Fetch(purpose, task, self._now())
        task.add_done_callback(lambda _done: self._arrived(fetch))

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
        purpose = (key, endpoint, model.name, budget)
        if self._ready is not None and self._is_ready(purpose, MARGIN_S):
            return self._ready.task.result()
        coming = self._coming
        if coming is not None and coming.purpose == purpose:
            try:
                # Shielded: a start that is stopped meanwhile leaves the token for the next one.
                async with asyncio.timeout(timeout):
                    return await asyncio.shield(coming.task)
            except (DecartError, TimeoutError):
                logger.info("The prepared client token did not arrive; requesting another.")
        asked_at = self._now()
        token = await client_token(key, endpoint, model, budget=budget, timeout=timeout)
        if not key.is_client_token:
            got: asyncio.Future[Secret] = asyncio.get_running_loop().create_future()
            got.set_result(token)
            self._ready = _Fetch(purpose, got, asked_at)
        return token

    def discard(self, token: Secret) -> None:
        """Discards a token that the service refused."""
        if self._ready is not None and self._ready.task.result() == token:
            self._ready = None

    def close(self) -> None:
        """Cancels a fetch that is under way and discards a prepared token."""
        self._cancel()
        self._ready = None

    def _cancel(self) -> None:
        if self._coming is not None:
            self._coming.task.cancel()
        self._coming = None

    def _is_ready(self, purpose: tuple[object, ...], left_s: float) -> bool:
        """Whether there is a token for a purpose with so many seconds of life left."""
        ready = self._ready
        if ready is None or ready.purpose != purpose:
            return False
        return self._now() - ready.asked_at < TOKEN_LIFETIME_S - left_s

    def _arrived(self, fetch: _Fetch) -> None:
        task = fetch.task
        if task.cancelled():
            return
        if (error := task.exception()) is not None:
            # A start then fetches it and may raise.
            code = error.code if isinstance(error, DecartError) else type(error).__name__
            logger.info("No client token could be prepared: %s.", code)
        elif self._coming is fetch:
            self._ready, self._coming = fetch, None

    def __repr__(self) -> str:
        return f"Tokens(ready={self._ready is not None})"
