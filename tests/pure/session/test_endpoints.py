"""URLs of the service: which are accepted, and what is derived from them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.errors import InvalidURLError
from decart_widget.inputs.secrets import Secret
from decart_widget.models import MODELS
from decart_widget.session.endpoints import (
    DECART,
    Endpoint,
    check_url,
    parse_endpoint,
)


def pair(value: Any) -> tuple[str, str]:
    endpoint = parse_endpoint(value)
    return endpoint.base_url, endpoint.realtime_base_url


@pytest.mark.parametrize(
    ("value", "urls"),
    [
        ("http://127.0.0.1:9000", ("http://127.0.0.1:9000", "ws://127.0.0.1:9000")),
        ("ws://127.0.0.1:9000/", ("http://127.0.0.1:9000", "ws://127.0.0.1:9000")),
        ("https://api.example.org", ("https://api.example.org", "wss://api.example.org")),
        (" wss://api.example.org/x/ ", ("https://api.example.org/x", "wss://api.example.org/x")),
        (("https://a.org", "wss://b.org"), ("https://a.org", "wss://b.org")),
        (["http://a.org", "http://b.org"], ("http://a.org", "ws://b.org")),
        (
            {"base_url": "http://a.org", "realtime_base_url": "ws://b.org"},
            ("http://a.org", "ws://b.org"),
        ),
        (
            SimpleNamespace(base_url="http://a.org", realtime_base_url="ws://b.org"),
            ("http://a.org", "ws://b.org"),
        ),
        (DECART, ("https://api.decart.ai", "wss://api3.decart.ai")),
    ],
)
def test_an_endpoint_is_two_urls_of_which_one_can_be_derived(
    value: Any, urls: tuple[str, str]
) -> None:
    assert pair(value) == urls


def test_an_endpoint_from_a_url_is_named_by_its_url() -> None:
    assert parse_endpoint("ws://127.0.0.1:9000").name == "http://127.0.0.1:9000"


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("ftp://example.org", '"ftp:"'),
        ("file:///etc/passwd", '"file:"'),
        ("javascript:alert(1)", '"javascript:"'),
        ("example.org", "nothing"),
        ("", "nothing"),
        ("http://", "no host"),
        ("https:///path", "no host"),
        ("http://[bad", "can't be read"),
        ("http://example.org:port", "can't be read"),
        ("http://example.org:99999", "can't be read"),
        ("http://u:MARKER@example.org", "password"),
        ("http://example.org/?api_key=MARKER", "query"),
        ("http://example.org/#MARKER", "fragment"),
        (None, "NoneType"),
        (7, "int"),
        (b"http://example.org", "bytes"),
    ],
)
def test_other_values_than_plain_http_and_websocket_urls_are_refused(
    url: Any, message: str
) -> None:
    with pytest.raises(InvalidURLError, match=message) as caught:
        parse_endpoint(url)
    assert "URL" in caught.value.remedy
    assert "MARKER" not in str(caught.value)


@pytest.mark.parametrize(
    "value", [("http://a.org", None), {}, {"base_url": "http://a.org"}, ("ftp://a", "ws://b")]
)
def test_an_endpoint_with_one_unusable_url_is_refused(value: Any) -> None:
    with pytest.raises(InvalidURLError):
        parse_endpoint(value)


@given(st.text() | st.from_regex(r"(https?|wss?)://[^\s]*"))
def test_any_text_is_a_url_or_raises_an_invalid_url_error(text: str) -> None:
    try:
        url = check_url(text)
    except InvalidURLError:
        return
    assert urlsplit(url).hostname
    assert not url.endswith("/")


@pytest.mark.parametrize(
    ("host", "local"),
    [
        ("127.0.0.1", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost", True),
        ("LOCALHOST", True),
        ("app.localhost", False),
        ("localhost.example.org", False),
        ("127.0.0.1.example.org", False),
        ("0.0.0.0", False),
        ("192.0.2.7", False),
        ("", False),
    ],
)
def test_only_this_machine_is_loopback(host: str, local: bool) -> None:
    written = f"[{host}]" if ":" in host else host
    assert Endpoint("x", f"http://{written}", f"ws://{written}").is_loopback is local


def test_the_realtime_url_carries_token_model_and_options() -> None:
    secret = DECART.realtime_url(
        MODELS["lucy-2.6"], Secret("ek_a+b&c"), resolution="720p", speed=None
    )
    assert "ek_" not in repr(secret)
    url = secret.reveal()
    parts = urlsplit(url)
    assert (parts.scheme, parts.netloc, parts.path) == ("wss", "api3.decart.ai", "/v1/stream")
    query = parse_qs(parts.query)
    assert query.pop("user_agent")[0].startswith("decart_widget/")
    assert query == {"api_key": ["ek_a+b&c"], "model": ["lucy-2.6"], "resolution": ["720p"]}
