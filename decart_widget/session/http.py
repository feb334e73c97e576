"""One request to the service's HTTP API, with the key in a header and nowhere else."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from decart_widget.errors import (
    AuthenticationError,
    ConnectTimeoutError,
    DecartError,
    ProtocolError,
    ServiceError,
    TransportError,
)
from decart_widget.protocol.retry import service_error
from decart_widget.secrets import Secret

if TYPE_CHECKING:
    import ssl

MAX_ANSWER: Final = 100_000
"""Bytes; an answer of the API has about 1,000."""


@cache
def _tls() -> ssl.SSLContext:
    """Reading the certificates takes 30 ms: once a process."""
    import httpx

    return httpx.create_ssl_context()


async def post(
    url: str,
    key: Secret,
    body: dict[str, Any],
    *,
    name: str,
    timeout: float,
    direct: bool,
    missing: DecartError | None = None,
) -> dict[str, Any]:
    """Posts JSON and returns the JSON object that comes back.

    Args:
        url: Where to.
        key: Goes into the ``x-api-key`` header.
        body: The JSON object to send.
        name: What to call the service in errors.
        timeout: Seconds for the whole request.
        direct: Whether to pass by what the environment says of proxies and .netrc.
        missing: Raised when the service answers 404.

    Raises ``AuthenticationError`` (401, 403), ``ServiceError``, ``ProtocolError`` or a
    ``TransportError``.
    """
    import httpx  # loaded when first used: it costs as much as the rest of the package

    failure: DecartError
    try:
        async with httpx.AsyncClient(
            timeout=timeout,
            trust_env=not direct,
            follow_redirects=False,
            verify=_tls() if url.startswith("https:") else False,
        ) as client:
            response = await client.post(url, json=body, headers={"x-api-key": key.reveal()})
            status, content = response.status_code, response.content[:MAX_ANSWER]
            text = key.scrub(response.text)[:300]
            return _object(status, content, text, missing)
    except httpx.TimeoutException:
        failure = ConnectTimeoutError(f"{name} did not answer within {timeout:g} s.")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        failure = TransportError(
            f"{name} can't be reached ({key.scrub(str(error)) or type(error).__name__})."
        )
    # Raised here, outside the handler: httpx's exception holds the request with the key.
    raise failure


def _object(status: int, content: bytes, text: str, missing: DecartError | None) -> dict[str, Any]:
    if status in (401, 403):
        raise AuthenticationError(f"The service refused the API key (HTTP {status}).")
    if status == 404 and missing is not None:
        raise missing
    if status == 429:
        raise ServiceError(f"Too many requests: {text}.")
    if status not in (200, 201):
        raise service_error(f"HTTP {status}: {text}")
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise ProtocolError("The service's answer can't be read.")
    return answer
