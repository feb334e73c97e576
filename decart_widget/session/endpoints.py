"""Where the service is: Decart, the sandbox, or a URL of the caller's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from decart_widget._version import __version__
from decart_widget.diagnostics.secrets import Secret
from decart_widget.errors import InvalidURLError
from decart_widget.models import RealtimeModel
from decart_widget.protocol.loopback import is_loopback

_SECURE = {"http": False, "ws": False, "https": True, "wss": True}


@dataclass(frozen=True)
class Endpoint:
    """A service that speaks the realtime protocol.

    Args:
        name: What the ``endpoint`` trait shows: ``"decart"``, ``"sandbox"`` or a URL.
        base_url: Of the HTTP API (``http:`` or ``https:``).
        realtime_base_url: Of the realtime WebSocket (``ws:`` or ``wss:``).
    """

    name: str
    base_url: str
    realtime_base_url: str

    @property
    def is_loopback(self) -> bool:
        """Whether the realtime service runs on this machine."""
        return is_loopback(urlsplit(self.realtime_base_url).hostname or "")

    @property
    def is_private(self) -> bool:
        """Whether nobody between can read what is sent: encrypted, or on this machine."""
        return all(
            _SECURE[parts.scheme] or is_loopback(parts.hostname or "")
            for parts in (urlsplit(self.base_url), urlsplit(self.realtime_base_url))
        )

    @property
    def realtime_http_url(self) -> str:
        """The realtime service's address for HTTP requests."""
        return "http" + self.realtime_base_url.removeprefix("ws")

    def realtime_url(self, model: RealtimeModel, token: Secret, **options: str | None) -> Secret:
        """The WebSocket's URL, a secret because it holds a client token."""
        rest = {"model": model.name}
        rest.update({name: value for name, value in options.items() if value is not None})
        rest["user_agent"] = f"decart_widget/{__version__}"
        where = f"{self.realtime_base_url}{model.url_path}"
        return Secret(f"{where}?{urlencode({'api_key': token.reveal(), **rest})}", longest=20_000)


# Source: the service's public clients of 2026 (protocol version of the room transport).
DECART = Endpoint("decart", "https://api.decart.ai", "wss://api3.decart.ai")
"""The service itself."""


def check_url(url: object, what: str = "endpoint") -> str:
    """The URL without a trailing slash.

    Raises ``InvalidURLError`` for schemes other than http(s) and ws(s), for a missing host, and
    for a URL with a password, a query or a fragment in it, which would end up in logs.
    """
    remedy = 'Give a URL such as "https://api.example.org" or "http://127.0.0.1:9000".'
    if not isinstance(url, str):
        raise InvalidURLError(f"The {what} is a {type(url).__name__}.", remedy=remedy)
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:
        raise InvalidURLError(f"The {what} can't be read as a URL.", remedy=remedy) from None
    if parts.scheme not in _SECURE:
        shown = f'"{parts.scheme}:"' if parts.scheme else "nothing"
        raise InvalidURLError(
            f"The {what} begins with {shown}; http(s) and ws(s) are understood.", remedy=remedy
        )
    if not parts.hostname:
        raise InvalidURLError(f"The {what} names no host.", remedy=remedy)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InvalidURLError(
            f"The {what} carries a password, a query or a fragment.",
            remedy="Give the plain URL; keys go in api_key=.",
        )
    return url.strip().rstrip("/")


def _with_scheme(url: str, plain: str) -> str:
    scheme, rest = url.split("://", 1)
    return f"{plain}{'s' if _SECURE[scheme] else ''}://{rest}"


def parse_endpoint(value: Any) -> Endpoint:
    """The endpoint that a URL, a pair of URLs, a mapping or a running server stands for.

    Args:
        value: A URL of either kind (the other is derived from it), ``(base_url,
            realtime_base_url)``, a mapping or an object with those two names.

    Raises ``InvalidURLError``.
    """
    if isinstance(value, Endpoint):
        return value
    if isinstance(value, tuple | list) and len(value) == 2:
        base, realtime = value
    elif isinstance(value, Mapping):
        base, realtime = value.get("base_url"), value.get("realtime_base_url")
    elif hasattr(value, "realtime_base_url"):
        base, realtime = value.base_url, value.realtime_base_url
    else:
        base = realtime = value
    base = _with_scheme(check_url(base, "base_url"), "http")
    realtime = _with_scheme(check_url(realtime, "realtime_base_url"), "ws")
    return Endpoint(base, base, realtime)
