"""Client tokens: what a permanent key is exchanged for before anything else happens.

The permanent key travels in one header of one request and nowhere else. What it buys is scoped to
the model, short-lived, and ends with the budget at the service itself.
"""

from __future__ import annotations

import math
from typing import Final

from decart_widget.errors import (
    AuthenticationError,
    ConnectTimeoutError,
    DecartError,
    ProtocolError,
    ServiceError,
    TransportError,
)
from decart_widget.models import RealtimeModel
from decart_widget.protocol.retry import service_error
from decart_widget.secrets import Secret
from decart_widget.session.endpoints import Endpoint

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
    import httpx  # loaded when first used: it costs as much as the rest of the package

    body: dict[str, object] = {"expiresIn": TOKEN_LIFETIME, "allowedModels": [model.name]}
    if budget is not None:
        longest = max(SHORTEST_SESSION, math.ceil(budget))
        body["constraints"] = {"realtime": {"maxSessionDuration": longest}}
    url = f"{endpoint.base_url}/v1/client/tokens"
    failure: DecartError | None = None
    try:
        # No proxy for a server on this machine, and no .netrc that could add credentials.
        async with httpx.AsyncClient(
            timeout=timeout, trust_env=not endpoint.is_loopback, follow_redirects=False
        ) as client:
            response = await client.post(url, json=body, headers={"x-api-key": key.reveal()})
            return _token(
                response.status_code, response.content[:100_000], key.scrub(response.text)[:300]
            )
    except httpx.TimeoutException:
        failure = ConnectTimeoutError(f"{endpoint.name} did not answer within {timeout:g} s.")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        failure = TransportError(
            f"{endpoint.name} can't be reached ({key.scrub(str(error)) or type(error).__name__})."
        )
    # Raised here, outside the handler: httpx's exception holds the request with the key.
    raise failure


def _token(status: int, content: bytes, text: str) -> Secret:
    import json

    if status in (401, 403):
        raise AuthenticationError(f"The service refused the API key (HTTP {status}).")
    if status != 200 and status != 201:
        error = service_error(f"HTTP {status}: {text}")
        raise error if status != 429 else ServiceError(f"Too many requests: {text}.")
    try:
        token = json.loads(content).get("apiKey")
        return Secret(token)
    except (ValueError, AttributeError, DecartError):
        raise ProtocolError("The service's client token can't be read.") from None
