"""Requests to the service's HTTP API, with the key in a header and nowhere else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.redaction import redact
from decart_widget.errors import (
    AuthenticationError,
    ConnectTimeoutError,
    DecartError,
    ProtocolError,
    ServiceError,
)
from decart_widget.inputs.proxies import (
    connection_error,
    proxy_for,
    refused_by_proxy,
    tls_context,
)
from decart_widget.inputs.secrets import Secret
from decart_widget.protocol.retry import REDIRECTS, redirect_error, service_error
from decart_widget.session.endpoints import need_private

if TYPE_CHECKING:
    import httpx

MAX_ANSWER_BYTES: Final = 100_000
"""Maximum bytes of an answer; answers of the API have about 1,000."""

_READ_BYTES: Final = 65_536
"""Bytes of an answer that are read at once."""

_MAX_TEXT: Final = 300
"""Characters of an answer that our errors quote."""


async def exchange(
    url: str,
    key: Secret | None,
    body: dict[str, Any] | None,
    *,
    name: str,
    timeout: float,
    missing: DecartError | None = None,
) -> dict[str, Any]:
    """Posts JSON, or makes a GET request, and returns the JSON object of the answer.

    Args:
        url: The URL to post to.
        key: Sent in the ``x-api-key`` header; None for a request without a key.
        body: The JSON object to send; None for a GET request.
        name: The service's name in errors.
        timeout: Seconds for the whole request.
        missing: Raised when the service answers 404.

    Raises:
        AuthenticationError: The service refused the key (HTTP 401, 403).
        ServiceError: The service answered with another error.
        ProtocolError: The answer is no JSON object, or too long.
        TransportError: The service can't be reached, or did not answer in time; or the proxy or
            certificates that the environment names can't be used.
        InvalidURLError: The key would travel to another machine in clear text.
    """
    import httpx  # imported on first use: it takes as long as the rest of the package

    need_private(url)
    proxy = proxy_for(url)
    verify = tls_context() if url.startswith("https:") else False
    scrub = redact if key is None else key.scrub
    failure: DecartError
    try:
        # httpx limits each read, not their sum: a slow body would never time out.
        async with (
            asyncio.timeout(timeout),
            httpx.AsyncClient(
                timeout=timeout,
                trust_env=False,  # nor a .netrc, whose password would be sent beside the key
                proxy=None if proxy is None else proxy.httpx_url,
                follow_redirects=False,
                verify=verify,
            ) as client,
            # Not compressed, or a few bytes could decompress to gigabytes.
            client.stream(
                "GET" if body is None else "POST",
                url,
                json=body,
                headers={
                    **({} if key is None else {"x-api-key": key.reveal()}),
                    "accept-encoding": "identity",
                },
            ) as response,
        ):
            status, content = response.status_code, await _content(response)
        if status in REDIRECTS:
            found: dict[str, Any] | DecartError = redirect_error(name, status)
        else:
            found = _object(status, content, scrub, missing)
        del content  # may hold a token, and a traceback may show this frame
        if isinstance(found, dict):
            return found
        failure = found
    except (TimeoutError, httpx.TimeoutException):
        failure = ConnectTimeoutError(f"{name} did not answer within {timeout:g} s.")
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        text = scrub(str(error)) or type(error).__name__
        if isinstance(error, httpx.ProxyError) and proxy is not None:
            failure = refused_by_proxy(proxy, text)
        else:
            failure = connection_error(name, text, proxy)
    # Raised outside the handlers: httpx's exception, chained to it, holds the request with the key.
    raise failure


async def _content(response: httpx.Response) -> bytes | None:
    """Returns the body; None when it has more than ``MAX_ANSWER_BYTES``."""
    parts, length = [], 0
    async for part in response.aiter_raw(_READ_BYTES):
        length += len(part)
        if length > MAX_ANSWER_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def _object(
    status: int,
    content: bytes | None,
    scrub: Callable[[str], str],
    missing: DecartError | None,
) -> dict[str, Any] | DecartError:
    """Returns the JSON object of an answer, or the error that it means."""
    text = scrub((content or b"").decode("utf-8", "replace"))[:_MAX_TEXT]
    if status in (401, 403) and type(service_error(text)) in (ServiceError, AuthenticationError):
        return AuthenticationError(f"The service refused the API key (HTTP {status}).")
    if status == 404 and missing is not None:
        return missing
    if status == 429 and type(service_error(text)) is ServiceError:
        return ServiceError(f"Too many requests: {text}.")
    if status not in (200, 201):
        return service_error(f"HTTP {status}: {text}")
    if content is None:
        return ProtocolError(f"The service's answer has more than {MAX_ANSWER_BYTES:,} bytes.")
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict):
        return answer
    return ProtocolError("The service's answer can't be read.")
