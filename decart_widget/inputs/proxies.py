"""The proxy and the certificates that the environment names, for connections to other machines.

Both HTTP requests and WebSockets follow this one reading of the environment: their libraries read
it differently, and fail with exceptions that name no variable. This machine is never reached
through a proxy.
"""

from __future__ import annotations

import ipaddress
import os
import ssl
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from decart_widget.errors import TransportError
from decart_widget.protocol.loopback import is_loopback

SOCKS: Final = ("socks5", "socks5h")
"""Schemes of SOCKS proxies that both libraries support."""

SCHEMES: Final = ("http", "https", *SOCKS)
"""Schemes of proxies."""

SOCKS_PACKAGES: Final = {"socksio": "httpx[socks]", "python_socks": "python-socks[asyncio]"}
"""Modules that the libraries need for a SOCKS proxy, and what pip calls them."""

_ENCRYPTED: Final = {"http": "http", "ws": "http", "https": "https", "wss": "https"}
"""By the scheme of a URL, the scheme whose proxy is used for it."""


@dataclass(frozen=True)
class Proxy:
    """A proxy that the environment or the system names.

    Attributes:
        url: Its URL; may hold a password.
        variable: The environment variable that names it, or words for the system's settings.
    """

    url: str = field(repr=False)
    variable: str

    @property
    def httpx_url(self) -> str:
        """The URL for httpx, whose ``socks5`` resolves names at the proxy, as ``socks5h`` says."""
        return self.url.replace("socks5h://", "socks5://", 1)


def proxy_for(url: str) -> Proxy | None:
    """Returns the proxy through which a URL is reached; None for a direct connection.

    Args:
        url: An http(s) or ws(s) URL. It may hold a token, so no error shows it.

    Raises:
        TransportError: The proxy that is named can't be used; the remedy names the variable.
    """
    parts = urlsplit(url)
    host, kind = parts.hostname or "", _ENCRYPTED.get(parts.scheme, "https")
    del url, parts
    if is_loopback(host) or _is_excepted(host):
        return None
    named = getproxies()
    for scheme in (kind, "all"):
        if named.get(scheme):
            return _checked(named[scheme], _variable(scheme))
    return None


def _variable(scheme: str) -> str:
    for name in (f"{scheme}_proxy", f"{scheme}_proxy".upper()):
        if os.environ.get(name):
            return name
    return "the system's proxy settings"


def _checked(value: str, variable: str) -> Proxy:
    url = value if "://" in value else f"http://{value}"
    try:
        parts = urlsplit(url)
        is_complete = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        is_complete = False
    if not is_complete:
        raise proxy_error(f"The proxy in {variable} can't be read as a URL.", variable)
    if parts.scheme not in SCHEMES:
        raise proxy_error(
            f'The proxy in {variable} begins with "{parts.scheme}:"; http:, https: and socks5: '
            "are understood.",
            variable,
        )
    if parts.scheme in SOCKS:
        missing = [pip for module, pip in SOCKS_PACKAGES.items() if find_spec(module) is None]
        if missing:
            raise TransportError(
                f"{variable} names a SOCKS proxy, for which packages are missing.",
                remedy=f"Run pip install {' '.join(map(repr, missing))} and restart the kernel, "
                f"or unset {variable}.",
                code="proxy",
            )
    return Proxy(url, variable)


def _is_excepted(host: str) -> bool:
    """Whether ``NO_PROXY`` names a host, its domain, its address, or a network that contains it.

    An entry may be a domain with or without a leading dot, an IPv4 or IPv6 address with or without
    brackets, a network in CIDR notation (as in Go and curl), or ``*``. One that is none of these is
    ignored, as in curl.
    """
    address = _address(host)
    for entry in (os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or "").split(","):
        name = entry.strip().lower()
        if name == "*":
            return True
        network = _network(name)
        if network is not None:
            if address is not None and address in network:
                return True
            continue
        domain = name.rsplit(":", 1)[0].removeprefix("*").lstrip(".")
        if domain and (host.lower() == domain or host.lower().endswith(f".{domain}")):
            return True
    try:
        return bool(proxy_bypass(host))  # macOS and Windows have settings of their own
    except (OSError, ValueError):
        return False


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network | None:
    if text.startswith("["):
        text = text[1:].split("]", 1)[0]
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def proxy_error(message: str, variable: str) -> TransportError:
    """Returns the error of a proxy that can't be used.

    Args:
        message: What is wrong, without the proxy's URL, which may hold a password.
        variable: Where it is named.
    """
    return TransportError(
        message,
        remedy=f"Correct {variable}, for instance http://proxy.example.org:3128, or unset it; "
        "then restart the kernel.",
        code="proxy",
    )


def refused_by_proxy(proxy: Proxy, text: str) -> TransportError:
    """Returns the error of a proxy that doesn't let a connection through.

    Args:
        proxy: The proxy.
        text: What it answered, or the library's text; a 407 asks for a password.
    """
    if "407" in text:
        return TransportError(
            f"The proxy in {proxy.variable} demands a user name and a password (HTTP 407).",
            remedy=f"Put them into {proxy.variable} as http://user:password@host:port (special "
            "characters as %XX), and restart the kernel.",
            code="proxy",
        )
    return TransportError(
        f"The proxy in {proxy.variable} doesn't connect ({text}).",
        remedy=f"Check {proxy.variable}; or list the host in NO_PROXY, or unset {proxy.variable}, "
        "to connect without the proxy. Then restart the kernel.",
        code="proxy",
    )


def tls_context() -> ssl.SSLContext:
    """Returns the TLS context for HTTP requests; reading the certificates takes 30 ms once.

    Raises:
        TransportError: ``SSL_CERT_FILE`` or ``SSL_CERT_DIR`` names something that can't be used.
    """
    check_certificates()
    return _tls_context()


@cache
def _tls_context() -> ssl.SSLContext:
    import httpx

    return httpx.create_ssl_context()


def check_certificates() -> None:
    """Checks the certificates that the environment names instead of the usual ones.

    Raises:
        TransportError: They can't be read; the remedy names the variable.
    """
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    if file:
        try:
            ssl.create_default_context(cafile=file)
        except OSError as error:
            why = error.strerror or "it holds no certificate in PEM form"
            if isinstance(error, ssl.SSLError):
                why = "it holds no certificate in PEM form"
            raise _certificate_error("SSL_CERT_FILE", why) from None
    elif folder and not Path(folder).is_dir():
        raise _certificate_error("SSL_CERT_DIR", "there is no such folder")


def _certificate_error(variable: str, why: str) -> TransportError:
    return TransportError(
        f"The certificates in {variable} can't be read ({why}).",
        remedy=f"Correct {variable}, or unset it to use the usual certificates; then restart the "
        "kernel.",
        code="certificates",
    )


def connection_error(name: str, text: str, proxy: Proxy | None) -> TransportError:
    """Returns the error of a service that can't be reached.

    Args:
        name: The service's name.
        text: The library's text, redacted.
        proxy: The proxy, if there is one.
    """
    if "CERTIFICATE_VERIFY_FAILED" in text or "certificate verify failed" in text:
        return TransportError(
            f"{name} can't be reached: its certificate is not signed by an authority that this "
            "machine trusts.",
            remedy="If your network inspects TLS, set SSL_CERT_FILE to a PEM file with its root "
            "certificate, and restart the kernel.",
            code="certificates",
        )
    through = "" if proxy is None else f" through the proxy in {proxy.variable}"
    remedy = None if proxy is None else f"Check the network and {proxy.variable}, then Start again."
    return TransportError(f"{name} can't be reached{through} ({text}).", remedy=remedy)
