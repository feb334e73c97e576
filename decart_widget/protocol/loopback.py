"""Which host names mean this machine."""

from __future__ import annotations

import ipaddress


def is_loopback(host: str, *, subdomains: bool = False) -> bool:
    """Whether a host name or address can only mean this machine.

    Args:
        host: Without port and brackets.
        subdomains: Whether names below ``localhost`` (``app.localhost``) count too. RFC 6761 (6.3)
            reserves them for the loopback address, and browsers resolve them so without asking
            anybody; a system's own resolver may ask a DNS server. So accept them where a browser
            states a name, and not where this process is going to resolve one.

    Returns:
        False for anything that isn't a host, too.
    """
    name = host.lower()
    if name == "localhost" or (subdomains and name.endswith(".localhost")):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
