"""Who may talk to a server that is meant for this machine alone.

Binding to 127.0.0.1 keeps other machines out, but not other web pages: any page that is open in a
browser here can send requests to 127.0.0.1, or to a name of its own that resolves to it. Browsers
state the page in ``Origin`` and the name in ``Host``; both must be this machine's.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit


def is_loopback(host: str) -> bool:
    """Whether a host name or address (no port, no brackets) can only mean this machine."""
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def refusal(*, host: str | None, origins: list[str], allow_remote: bool) -> str | None:
    """Why a request is refused, or None.

    Args:
        host: Its ``Host`` header.
        origins: Its ``Origin`` headers: none from a program, one from a browser.
        allow_remote: Whoever runs the server asked for other machines to reach it.
    """
    if allow_remote:
        return None
    if host is None or not is_loopback(_host_name(f"//{host}")):
        return "This server answers to names of this machine only (Host header)"
    if any(not is_loopback(_host_name(origin)) for origin in origins):
        return "Pages of other machines can't use this server (Origin header)"
    return None


def _host_name(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
