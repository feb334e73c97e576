"""Client tokens: what a permanent key is exchanged for before anything else happens.

The permanent key travels in one header of one request and nowhere else. What it buys is scoped to
the model, short-lived, and ends with the budget at the service itself.
"""

from __future__ import annotations

import math
from typing import Final

from decart_widget.errors import InvalidKeyError, ProtocolError
from decart_widget.models import RealtimeModel
from decart_widget.secrets import Secret
from decart_widget.session.endpoints import Endpoint
from decart_widget.session.http import post

TOKEN_LIFETIME: Final = 60
"""Seconds in which the token may open a connection (the service's default)."""

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
        return Secret(answer["apiKey"])
    except (KeyError, InvalidKeyError):
        raise ProtocolError("The service's client token can't be read.") from None
