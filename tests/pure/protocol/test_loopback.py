"""Which host names and addresses mean this machine."""

from __future__ import annotations

import pytest

from decart_widget.protocol.loopback import is_loopback


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST", "127.0.0.1", "127.9.9.9", "::1"])
def test_loopback_names_and_addresses_mean_this_machine(host: str) -> None:
    assert is_loopback(host)
    assert is_loopback(host, subdomains=True)


@pytest.mark.parametrize(
    "host",
    [
        "",
        ".",
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "192.0.2.7",
        "localhost.",
        "localhost.com",
        "notlocalhost",
        "localhost.example.org",
        "127.0.0.1.nip.io",
        "[::1]",
        "127.0.0.1:80",
    ],
)
def test_other_names_can_mean_another_machine(host: str) -> None:
    assert not is_loopback(host)
    assert not is_loopback(host, subdomains=True)


@pytest.mark.parametrize("host", ["app.localhost", "A.B.LOCALHOST"])
def test_names_below_localhost_count_only_where_a_browser_resolved_them(host: str) -> None:
    assert is_loopback(host, subdomains=True)
    assert not is_loopback(host)
