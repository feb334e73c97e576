"""Downloads reference images."""

from __future__ import annotations

import ipaddress
import re
import socket
import time
from typing import Final
from urllib.parse import urlsplit

from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import InvalidImageError, InvalidURLError, TransportError
from decart_widget.inputs.proxies import (
    Proxy,
    connection_error,
    proxy_for,
    refused_by_proxy,
    tls_context,
)

MAX_SOURCE_BYTES: Final = 50_000_000
"""Bytes of a file that is read as reference image, from wherever; what is sent is smaller."""

DOWNLOAD_TIMEOUT_S: Final = 15.0
"""Seconds that a download may take."""

MAX_REDIRECTS: Final = 5
"""Redirects that a download follows."""

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
"""How a URL with an authority begins (RFC 3986)."""


def is_url(source: object) -> bool:
    """Returns whether an image source has to be downloaded."""
    return isinstance(source, str) and _URL.match(source) is not None


def check_image_url(url: str) -> str:
    """Checks an image's URL.

    Args:
        url: The URL.

    Returns:
        Its host.

    Raises:
        InvalidURLError: It isn't http(s), or names no host.
    """
    remedy = "Give an http(s) URL, or a path for a file on this machine."
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise InvalidURLError("The image's URL can't be read.", remedy=remedy) from None
    if parts.scheme not in ("http", "https"):
        raise InvalidURLError(
            f'The image\'s URL begins with "{parts.scheme}:"; http and https are understood.',
            remedy=remedy,
        )
    if not host:
        raise InvalidURLError("The image's URL names no host.", remedy=remedy)
    return host


def download(url: str) -> bytes:
    """Downloads a file; blocks for 15 s at most.

    Args:
        url: The URL.

    Returns:
        The file, or its first bytes if it is longer than ``MAX_SOURCE_BYTES``: one byte more.

    Raises:
        InvalidImageError: It can't be downloaded.
        InvalidURLError: The URL can't be used.
        TransportError: The proxy or certificates that the environment names can't be used.
    """
    import httpx

    shown = check_image_url(url)  # only the host: the rest of the URL may hold a signature
    received = bytearray()
    deadline = time.monotonic() + DOWNLOAD_TIMEOUT_S
    failure = ""
    refused: TransportError | None = None
    proxy: Proxy | None = None
    try:
        for _ in range(MAX_REDIRECTS + 1):
            proxy = proxy_for(url)
            with httpx.stream(
                "GET",
                url,
                timeout=DOWNLOAD_TIMEOUT_S,
                proxy=None if proxy is None else proxy.httpx_url,
                verify=tls_context() if url.lower().startswith("https:") else False,
                trust_env=False,
            ) as response:
                if response.status_code == 407 and proxy is not None:
                    raise refused_by_proxy(proxy, "HTTP 407")
                if response.has_redirect_location:
                    url = str(response.url.join(response.headers["location"]))
                    _check_redirect(shown, check_image_url(url))
                    continue
                failure = "" if response.status_code == 200 else f"HTTP {response.status_code}"
                if failure:
                    break
                for chunk in response.iter_bytes():
                    received += chunk
                    if len(received) > MAX_SOURCE_BYTES:
                        break
                    if time.monotonic() > deadline:  # httpx limits each read, not their sum
                        failure = f"not complete after {DOWNLOAD_TIMEOUT_S:g} s"
                        break
                break
        else:
            failure = f"over {MAX_REDIRECTS} redirects"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        failure = type(error).__name__
        is_no_connection = isinstance(error, httpx.ConnectError)
        if is_no_connection and "CERTIFICATE_VERIFY_FAILED" in str(error):
            refused = connection_error(shown, str(error), proxy)
        elif proxy is not None and (is_no_connection or isinstance(error, httpx.ProxyError)):
            refused = refused_by_proxy(proxy, shorten(str(error), 100))
    if refused is not None:
        raise refused
    if failure:
        raise InvalidImageError(
            f"The reference image can't be fetched from {shown} ({failure}).",
            remedy="Open the URL in a browser to see whether it is public.",
        )
    return bytes(received[: MAX_SOURCE_BYTES + 1])


def _check_redirect(first: str, host: str) -> None:
    """Prevents a server from redirecting the download into this machine or network (SSRF).

    A URL of a private host that the notebook itself names may redirect to private hosts.

    Args:
        first: The host of the notebook's URL.
        host: The host to which a server redirects.

    Raises:
        InvalidImageError: The redirect leads from a public host to a private one.
    """
    if host != first and _is_private(host) and not _is_private(first):
        raise InvalidImageError(
            f"{first} redirects to an address of this machine or network.",
            remedy="Open the URL in a browser, save the image, and give its path.",
        )


def _is_private(host: str) -> bool:
    """Returns whether any address of a host isn't global; True for a host without an address."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError:
        return True
    return any(not ipaddress.ip_address(str(one).split("%")[0]).is_global for one in found)
