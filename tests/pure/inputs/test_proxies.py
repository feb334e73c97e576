"""Which proxy and certificates a connection uses, and what is said about one that can't be used."""

from __future__ import annotations

from pathlib import Path

import pytest

from decart_widget.errors import TransportError
from decart_widget.inputs import proxies
from decart_widget.inputs.proxies import (
    check_certificates,
    connection_error,
    proxy_for,
    refused_by_proxy,
    tls_context,
)

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "SSL_CERT_FILE", "SSL_CERT_DIR")
PROXY = "http://proxy.example.org:3128"


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setattr(proxies, "proxy_bypass", lambda _host: False)
    return monkeypatch


@pytest.mark.parametrize(
    ("variable", "url", "is_used"),
    [
        ("HTTPS_PROXY", "https://example.org/", True),
        ("https_proxy", "wss://example.org/", True),
        ("HTTPS_PROXY", "http://example.org/", False),
        ("HTTP_PROXY", "http://example.org/", True),
        ("HTTP_PROXY", "wss://example.org/", False),
        ("ALL_PROXY", "https://example.org/", True),
        ("all_proxy", "ws://example.org/", True),
    ],
)
def test_requests_and_web_sockets_use_the_proxy_of_their_scheme(
    environment: pytest.MonkeyPatch, variable: str, url: str, is_used: bool
) -> None:
    environment.setenv(variable, PROXY)
    proxy = proxy_for(url)
    assert (proxy.url, proxy.variable) == (PROXY, variable) if proxy else not is_used


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:9/", "ws://localhost:9/", "https://[::1]:9/", "wss://127.8.8.8/"]
)
def test_this_machine_is_never_reached_through_a_proxy(
    environment: pytest.MonkeyPatch, url: str
) -> None:
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        environment.setenv(name, "socks5://user:secret@127.0.0.1:9")
    assert proxy_for(url) is None


@pytest.mark.parametrize(
    ("host", "is_direct"),
    [
        ("[fd07:b51a::17]", True),
        ("[fd07:b51b::17]", False),
        ("[2001:db8::1]", True),
        ("10.2.3.4", True),
        ("11.2.3.4", False),
        ("192.0.2.7", True),
        ("example.com", True),
        ("api.example.com", True),
        ("EXAMPLE.COM", True),
        ("notexample.com", False),
        ("sub.dotted.org", True),
        ("ported.org", True),
        ("other.org", False),
    ],
)
def test_no_proxy_takes_names_addresses_and_networks_of_both_families(
    environment: pytest.MonkeyPatch, host: str, is_direct: bool
) -> None:
    environment.setenv("HTTPS_PROXY", PROXY)
    environment.setenv(
        "NO_PROXY",
        "localhost,127.0.0.1,::1,fd07:b51a::/64, [2001:db8::1] ,10.0.0.0/8,192.0.2.7,"
        "example.com,.dotted.org,ported.org:443,::/::,",
    )
    assert (proxy_for(f"https://{host}/") is None) is is_direct


def test_a_star_in_no_proxy_means_every_host(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HTTPS_PROXY", PROXY)
    environment.setenv("no_proxy", "*")
    assert proxy_for("https://example.org/") is None


@pytest.mark.parametrize(
    ("value", "says"),
    [
        ("socks5://user:secret@proxy:1080", "SOCKS"),
        ("socks5h://user:secret@proxy:1080", "SOCKS"),
        ("socks4://user:secret@proxy:1080", "socks4"),
        ("ftp://user:secret@proxy", "ftp"),
        ("http://user:secret@proxy:99999", "URL"),
        ("http://", "URL"),
        ("http://[secret", "URL"),
    ],
)
def test_a_proxy_that_can_t_be_used_is_named_by_its_variable(
    environment: pytest.MonkeyPatch, value: str, says: str
) -> None:
    environment.setenv("ALL_PROXY", value)
    environment.setattr(proxies, "find_spec", lambda _module: None)
    with pytest.raises(TransportError, match=says) as caught:
        proxy_for("wss://example.org/?api_key=secret")
    assert caught.value.code == "proxy"
    assert "ALL_PROXY" in caught.value.message
    assert "ALL_PROXY" in caught.value.remedy
    assert "secret" not in str(caught.value)


def test_a_missing_socks_package_is_named_for_pip(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HTTPS_PROXY", "socks5h://proxy:1080")
    environment.setattr(proxies, "find_spec", lambda module: None if "python" in module else 1)
    with pytest.raises(TransportError) as caught:
        proxy_for("https://example.org/")
    assert "python-socks[asyncio]" in caught.value.remedy
    assert "httpx" not in caught.value.remedy
    environment.setattr(proxies, "find_spec", lambda _module: 1)
    proxy = proxy_for("https://example.org/")
    assert proxy is not None
    assert (proxy.url, proxy.httpx_url) == ("socks5h://proxy:1080", "socks5://proxy:1080")


def test_a_proxy_without_a_scheme_is_an_http_proxy_and_its_password_is_in_no_repr(
    environment: pytest.MonkeyPatch,
) -> None:
    environment.setenv("HTTPS_PROXY", "user:secret@proxy:3128")
    proxy = proxy_for("https://example.org/")
    assert proxy is not None
    assert proxy.url == "http://user:secret@proxy:3128"
    assert "secret" not in repr(proxy)


def test_a_proxy_that_refuses_is_named_with_a_remedy(environment: pytest.MonkeyPatch) -> None:
    environment.setenv("HTTPS_PROXY", PROXY)
    proxy = proxy_for("https://example.org/")
    assert proxy is not None
    assert "user:password@" in refused_by_proxy(proxy, "407 Proxy Authentication Required").remedy
    assert "NO_PROXY" in refused_by_proxy(proxy, "502 Bad Gateway").remedy
    assert "HTTPS_PROXY" in str(connection_error("decart", "Connection refused", proxy))
    assert "proxy" not in str(connection_error("decart", "Connection refused", None))


def test_certificates_that_are_missing_or_damaged_are_named_by_their_variable(
    environment: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    damaged = tmp_path / "damaged.pem"
    damaged.write_text("no certificate")
    for variable, value, says in [
        ("SSL_CERT_FILE", str(tmp_path / "missing.pem"), "No such file"),
        ("SSL_CERT_FILE", str(damaged), "PEM"),
        ("SSL_CERT_DIR", str(tmp_path / "missing"), "no such folder"),
    ]:
        environment.setenv(variable, value)
        with pytest.raises(TransportError, match=says) as caught:
            tls_context()
        assert caught.value.code == "certificates"
        assert variable in caught.value.remedy
        environment.delenv(variable)
    check_certificates()


def test_a_certificate_of_an_unknown_authority_has_a_remedy() -> None:
    error = connection_error("decart", "[SSL: CERTIFICATE_VERIFY_FAILED] self-signed", None)
    assert (error.code, "SSL_CERT_FILE" in error.remedy) == ("certificates", True)
