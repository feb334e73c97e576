"""One request to the service's HTTP API, with the key in a header and nowhere else."""

from __future__ import annotations

import asyncio
import json
from functools import cache
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.secrets import Secret
from decart_widget.errors import (
    AuthenticationError,
    ConnectTimeoutError,
    DecartError,
    ProtocolError,
    ServiceError,
    TransportError,
)
from decart_widget.protocol.retry import service_error

if TYPE_CHECKING:
    import ssl

    import httpx

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
        # The library's own time-out is for each read: a body that trickles would never end.
        async with (
            asyncio.timeout(timeout),
            httpx.AsyncClient(
                timeout=timeout,
                trust_env=not direct,
                follow_redirects=False,
                verify=_tls() if url.startswith("https:") else False,
            ) as client,
            # Uncompressed, or a few bytes could unpack to gigabytes.
            client.stream(
                "POST",
                url,
                json=body,
                headers={"x-api-key": key.reveal(), "accept-encoding": "identity"},
            ) as response,
        ):
            status, content = response.status_code, await _content(response)
        found = _object(status, content, key, missing)
        del content  # a token may be in it, and this frame in a traceback
        if isinstance(found, dict):
            return found
        failure = found
    except (TimeoutError, httpx.TimeoutException):
        failure = ConnectTimeoutError(f"{name} did not answer within {timeout:g} s.")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        failure = TransportError(
            f"{name} can't be reached ({key.scrub(str(error)) or type(error).__name__})."
        )
    # Raised here, outside the handler: httpx's exception holds the request with the key.
    raise failure


async def _content(response: httpx.Response) -> bytes | None:
    """The body as it came, at most ``MAX_ANSWER`` bytes of it; None for more."""
    parts, length = [], 0
    async for part in response.aiter_raw(65_536):
        length += len(part)
        if length > MAX_ANSWER:
            return None
        parts.append(part)
    return b"".join(parts)


def _object(
    status: int, content: bytes | None, key: Secret, missing: DecartError | None
) -> dict[str, Any] | DecartError:
    """What the answer says, or the error that it stands for."""
    text = key.scrub((content or b"").decode("utf-8", "replace"))[:300]
    if status in (401, 403):
        return AuthenticationError(f"The service refused the API key (HTTP {status}).")
    if status == 404 and missing is not None:
        return missing
    if status == 429:
        return ServiceError(f"Too many requests: {text}.")
    if status not in (200, 201):
        return service_error(f"HTTP {status}: {text}")
    if content is None:
        return ProtocolError(f"The service's answer has more than {MAX_ANSWER:,} bytes.")
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict):
        return answer
    return ProtocolError("The service's answer can't be read.")
