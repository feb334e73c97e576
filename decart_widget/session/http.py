"""Requests to the service's HTTP API, with the key in a header and nowhere else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final, TypeVar

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

T = TypeVar("T")

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
    request = {"method": "GET" if body is None else "POST", "json": body}
    return await _request(
        url,
        key,
        request,
        _object,
        name=name,
        timeout=timeout,
        largest=MAX_ANSWER_BYTES,
        missing=missing,
    )


async def upload(
    url: str,
    key: Secret,
    fields: Mapping[str, str],
    files: Mapping[str, bytes],
    *,
    name: str,
    timeout: float,
    largest: int,
    missing: DecartError | None = None,
) -> bytes:
    """Posts a form with files (``multipart/form-data``) and returns the body of the answer.

    Args:
        url: The URL to post to.
        key: Sent in the ``x-api-key`` header.
        fields: The form's texts.
        files: The form's files.
        name: The service's name in errors.
        timeout: Seconds for the whole request.
        largest: Maximum bytes of the answer.
        missing: Raised when the service answers 404.

    Raises:
        DecartError: As ``exchange``; also for an empty answer.
    """
    request: dict[str, Any] = {
        "method": "POST",
        "data": dict(fields),
        # Without a file's name: it is nobody's business.
        "files": {field: (field, content) for field, content in files.items()},
    }
    return await _request(
        url, key, request, _bytes, name=name, timeout=timeout, largest=largest, missing=missing
    )


async def download(
    url: str,
    key: Secret,
    *,
    name: str,
    timeout: float,
    largest: int,
    missing: DecartError | None = None,
) -> bytes:
    """Makes a GET request and returns the body of the answer.

    Args:
        url: The URL.
        key: Sent in the ``x-api-key`` header.
        name: The service's name in errors.
        timeout: Seconds for the whole request.
        largest: Maximum bytes of the answer.
        missing: Raised when the service answers 404.

    Raises:
        DecartError: As ``exchange``; also for an empty answer.
    """
    request = {"method": "GET"}
    return await _request(
        url, key, request, _bytes, name=name, timeout=timeout, largest=largest, missing=missing
    )


async def _request(
    url: str,
    key: Secret | None,
    request: dict[str, Any],
    read: Callable[[bytes | None], T | DecartError],
    *,
    name: str,
    timeout: float,
    largest: int,
    missing: DecartError | None,
) -> T:
    """Makes one request and returns what its answer contains.

    Args:
        url: The URL.
        key: Sent in the ``x-api-key`` header; None: none.
        request: Further arguments of ``httpx.AsyncClient.stream``.
        read: Returns what a body contains, or the error that it means; None stands for one that is
            too long.
        name: The service's name in errors.
        timeout: Seconds for the whole request.
        largest: Maximum bytes of the answer.
        missing: Raised when the service answers 404.

    Raises:
        DecartError: As ``exchange``.
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
                url=url,
                **request,
                headers={
                    **({} if key is None else {"x-api-key": key.reveal()}),
                    "accept-encoding": "identity",
                },
            ) as response,
        ):
            status, content = response.status_code, await _content(response, largest)
        if status in REDIRECTS:
            found: T | DecartError = redirect_error(name, status)
        else:
            refused = _refusal(status, content, scrub, missing)
            found = read(content) if refused is None else refused
        del content  # may hold a token, and a traceback may show this frame
        if not isinstance(found, DecartError):
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


async def _content(response: httpx.Response, largest: int) -> bytes | None:
    """Returns the body; None when it is too long."""
    parts, length = [], 0
    async for part in response.aiter_raw(_READ_BYTES):
        length += len(part)
        if length > largest:
            return None
        parts.append(part)
    return b"".join(parts)


def _refusal(
    status: int,
    content: bytes | None,
    scrub: Callable[[str], str],
    missing: DecartError | None,
) -> DecartError | None:
    """Returns the error that an answer's status means; None where it is none."""
    if status in (200, 201):
        return None
    text = scrub((content or b"")[:MAX_ANSWER_BYTES].decode("utf-8", "replace"))[:_MAX_TEXT]
    if status in (401, 403) and type(service_error(text)) in (ServiceError, AuthenticationError):
        return AuthenticationError(f"The service refused the API key (HTTP {status}).")
    if status == 404 and missing is not None:
        return missing
    if status == 429 and type(service_error(text)) is ServiceError:
        return ServiceError(f"Too many requests: {text}.")
    return service_error(f"HTTP {status}: {text}")


def _object(content: bytes | None) -> dict[str, Any] | DecartError:
    """Returns the JSON object of an answer, or the error that it means."""
    if content is None:
        return ProtocolError(f"The service's answer has more than {MAX_ANSWER_BYTES:,} bytes.")
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict):
        return answer
    return ProtocolError("The service's answer can't be read.")


def _bytes(content: bytes | None) -> bytes | DecartError:
    """Returns the body of an answer, or the error that it means."""
    if content:
        return content
    what = "is empty" if content is not None else "is too long"
    return ProtocolError(f"The service's answer {what}.")
