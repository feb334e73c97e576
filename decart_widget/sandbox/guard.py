"""Who may talk to a server that is meant for this machine alone.

Listening on 127.0.0.1 keeps other machines out, but not other web pages: any page that is open in a
browser on this machine can send requests to 127.0.0.1, or to a name of its own that resolves to it
(DNS rebinding). Browsers send the page's origin in ``Origin`` and the name in ``Host``; both must
mean this machine.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from decart_widget.protocol.loopback import is_loopback


def refusal(*, host: str | None, origins: list[str], allow_remote: bool) -> str | None:
    """Why a request is refused.

    Args:
        host: Its ``Host`` header.
        origins: Its ``Origin`` headers: none from a program, one from a browser.
        allow_remote: Other machines may reach the server; nothing is checked then.

    Returns:
        The reason, for the client to read; None for a request that is accepted.
    """
    if allow_remote:
        return None
    if host is None or not _is_this_machine(f"//{host}"):
        return "This server answers to names of this machine only (Host header)"
    if not all(_is_this_machine(origin) for origin in origins):
        return "Pages of other machines can't use this server (Origin header)"
    return None


def _is_this_machine(url: str) -> bool:
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    return is_loopback(host, subdomains=True)
