"""The address of the service: Decart, the sandbox, or another URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from decart_widget._version import __version__
from decart_widget.diagnostics.redaction import redact
from decart_widget.errors import InvalidURLError
from decart_widget.inputs.secrets import Secret
from decart_widget.models import RealtimeModel
from decart_widget.protocol.loopback import is_loopback

_SECURE: Final = {"http": False, "ws": False, "https": True, "wss": True}
"""The URL schemes that are understood, and whether each is encrypted."""

_MAX_URL: Final = 20_000
"""Characters of a WebSocket URL with a client token in it."""


@dataclass(frozen=True)
class Endpoint:
    """A service that speaks the realtime protocol.

    Args:
        name: The value of the ``endpoint`` trait: ``"decart"``, ``"sandbox"`` or a URL.
        base_url: The HTTP API's URL (``http:`` or ``https:``).
        realtime_base_url: The realtime WebSocket's URL without a path (``ws:`` or ``wss:``).
    """

    name: str
    base_url: str
    realtime_base_url: str

    @property
    def is_loopback(self) -> bool:
        """Whether the realtime service runs on this machine."""
        return is_loopback(urlsplit(self.realtime_base_url).hostname or "")

    @property
    def is_decart(self) -> bool:
        """Whether both URLs are Decart's own and encrypted, so that its key may go there."""
        return all(
            _SECURE[parts.scheme] and parts.hostname in DECART_HOSTS
            for parts in (urlsplit(self.base_url), urlsplit(self.realtime_base_url))
        )

    @property
    def realtime_http_url(self) -> str:
        """The realtime service's base URL for HTTP requests."""
        return "http" + self.realtime_base_url.removeprefix("ws")

    def realtime_url(self, model: RealtimeModel, token: Secret, **options: str | None) -> Secret:
        """Returns the WebSocket's URL, a secret because it holds a client token.

        Args:
            model: Determines the path and a query parameter.
            token: The client token.
            **options: Further query parameters; those that are None are omitted.
        """
        query = {"api_key": token.reveal(), "model": model.name}
        query.update({name: value for name, value in options.items() if value is not None})
        query["user_agent"] = f"decart_widget/{__version__}"
        url = f"{self.realtime_base_url}{model.url_path}?{urlencode(query)}"
        return Secret(url, longest=_MAX_URL, kind="token")


DECART: Final = Endpoint("decart", "https://api.decart.ai", "wss://api3.decart.ai")
"""Decart's own service (source: its public clients of 2026, which use the room transport)."""


DECART_HOSTS: Final = frozenset({"api.decart.ai", "api3.decart.ai"})
"""The hosts to which a key from the environment may be sent (source: the public clients)."""


def need_private(url: str) -> None:
    """Checks that no third party can read what is sent to a URL.

    Args:
        url: A URL of a service. It may hold a token, so no error shows it.

    Raises:
        InvalidURLError: The URL is neither encrypted nor on this machine.
    """
    parts = urlsplit(url)
    is_private = _SECURE.get(parts.scheme, False) or is_loopback(parts.hostname or "")
    del url, parts  # a traceback may show this frame
    if not is_private:
        raise InvalidURLError(
            "A key would travel in clear text to another machine.",
            remedy="Give https: and wss: URLs, or reach the machine through an SSH tunnel, as "
            '"http://127.0.0.1:PORT".',
        )


def check_url(url: object, what: str = "endpoint") -> str:
    """Checks a URL of the service.

    Args:
        url: The URL.
        what: Its name in errors.

    Returns:
        The URL without surrounding white space and a trailing slash, its scheme in lower case.

    Raises:
        InvalidURLError: Its scheme is none of http(s) and ws(s), it has no host, or it has a
            password, a query, a fragment or a key, which would end up in logs.
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
        scheme = f'"{parts.scheme}:"' if parts.scheme else "nothing"
        raise InvalidURLError(
            f"The {what} begins with {scheme}; http(s) and ws(s) are understood.", remedy=remedy
        )
    if not parts.hostname:
        raise InvalidURLError(f"The {what} names no host.", remedy=remedy)
    if parts.username or parts.password or parts.query or parts.fragment:
        raise InvalidURLError(
            f"The {what} carries a password, a query or a fragment.",
            remedy="Give the plain URL; keys go in api_key=.",
        )
    if redact(url) != url:
        raise InvalidURLError(
            f"The {what} carries a key.", remedy="Give the plain URL; keys go in api_key=."
        )
    # The scheme may be in any case (RFC 3986, 3.1).
    _, _, rest = url.strip().partition(":")
    return f"{parts.scheme}:{rest.rstrip('/')}"


def _with_scheme(url: str, plain: str) -> str:
    scheme, rest = url.split("://", 1)
    return f"{plain}{'s' if _SECURE[scheme] else ''}://{rest}"


def parse_endpoint(value: Any) -> Endpoint:
    """Returns the endpoint that a value of one of several types describes.

    Args:
        value: An ``Endpoint``; a URL of either kind, from which the other is derived; a pair
            ``(base_url, realtime_base_url)``; a mapping with these keys; or an object with these
            attributes, for instance a running sandbox.

    Raises:
        InvalidURLError: One of the URLs can't be used.
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
