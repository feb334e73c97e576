"""Reference images that are downloaded: which URLs are used, and why a download fails."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from decart_widget.errors import ConfigurationError, InvalidImageError, InvalidURLError
from decart_widget.inputs.image_download import MAX_SOURCE_BYTES, is_url
from decart_widget.inputs.reference_image import load_image
from tests.pure.inputs.image_sources import PICTURE, file_bytes, seen


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[httpx.Request]]:
    """Lets a function answer every request; returns the requests made."""

    def serve(answer: Callable[[httpx.Request], httpx.Response]) -> list[httpx.Request]:
        requests: list[httpx.Request] = []

        def handle(request: httpx.Request) -> httpx.Response:
            requests.append(request)
            return answer(request)

        client = httpx.Client(transport=httpx.MockTransport(handle))
        monkeypatch.setattr(httpx, "stream", lambda *what, **_options: client.stream(*what))
        return requests

    return serve


def test_an_image_is_fetched_from_its_url(web) -> None:
    requests = web(lambda _: httpx.Response(200, content=file_bytes()))
    assert np.array_equal(seen("https://example.org/cat.png?sig=1"), PICTURE)
    assert [str(request.url) for request in requests] == ["https://example.org/cat.png?sig=1"]


def test_a_redirect_is_followed(web) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/b":
            return httpx.Response(200, content=file_bytes())
        return httpx.Response(302, headers={"location": "/b"})

    web(answer)
    assert np.array_equal(seen("http://example.org/a"), PICTURE)


def broken(_: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused")


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (lambda _: httpx.Response(404), "HTTP 404"),
        (lambda _: httpx.Response(200, content=b"<html>"), "no image"),
        (lambda _: httpx.Response(200, content=b""), "empty"),
        (lambda _: httpx.Response(200, content=bytes(MAX_SOURCE_BYTES + 1)), "50 MB"),
        (lambda _: httpx.Response(302, headers={"location": "/again"}), "over 5 redirects"),
        (broken, "ConnectError"),
    ],
)
def test_a_download_that_fails_says_how_and_keeps_the_url_s_signature_to_itself(
    web, answer, says: str
) -> None:
    web(answer)
    with pytest.raises(InvalidImageError, match=says) as caught:
        load_image("https://example.org/cat.png?sig=MARKER")
    assert "MARKER" not in str(caught.value)


def test_an_endless_download_is_given_up_at_50_mb(web) -> None:
    taken = 0

    def drip():
        nonlocal taken
        while True:
            taken += 1
            yield bytes(1_000_000)

    web(lambda _: httpx.Response(200, content=drip()))
    with pytest.raises(InvalidImageError):
        load_image("https://example.org/endless.png")
    assert taken <= 52


def test_a_download_that_drips_is_given_up_in_time(web, monkeypatch: pytest.MonkeyPatch) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)

    def drip():
        nonlocal now
        while now < 3600:
            now += 10  # within httpx's limit for one read
            yield b"\x89PNG"

    web(lambda _: httpx.Response(200, content=drip()))
    with pytest.raises(InvalidImageError, match="not complete after 15 s"):
        load_image("https://example.org/slow.png")
    assert now < 60


@pytest.mark.parametrize(
    "url",
    ["ftp://example.org/a.png", "file:///etc/passwd", "javascript://x", "http://", "http://[bad/a"],
)
def test_a_url_that_is_not_http_is_refused(url: str) -> None:
    assert is_url(url)
    with pytest.raises(InvalidURLError) as caught:
        load_image(url)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "source", ["cat.png", "/tmp/cat.png", "file_abc", "C:\\cat.png", b"http://x", 5]
)
def test_a_path_is_no_url(source: object) -> None:
    assert not is_url(source)


def test_all_refusals_are_of_the_caller_s_kind() -> None:
    assert issubclass(InvalidImageError, ConfigurationError)


# --- redirects --------------------------------------------------------------------------------


@pytest.fixture
def hosts(monkeypatch: pytest.MonkeyPatch) -> dict[str, httpx.Response]:
    """Answers by URL, and names whose addresses are known."""
    answers: dict[str, httpx.Response] = {}
    transport = httpx.MockTransport(lambda request: answers[str(request.url)])

    def stream(method: str, url: str, **_: Any) -> Any:
        return httpx.Client(transport=transport).stream(method, url)

    known = {"example.org": "93.184.215.14", "cdn.example.org": "93.184.215.15"}

    def addresses(host: str, *_: Any) -> list[Any]:
        return [(2, 1, 6, "", (known.get(host, host), 0))]

    monkeypatch.setattr(httpx, "stream", stream)
    monkeypatch.setattr(socket, "getaddrinfo", addresses)
    return answers


def to(url: str) -> httpx.Response:
    return httpx.Response(302, headers={"location": url})


def test_a_redirect_to_another_public_host_is_followed(hosts: dict[str, httpx.Response]) -> None:
    hosts["https://example.org/a.jpg"] = to("https://cdn.example.org/b.jpg")
    hosts["https://cdn.example.org/b.jpg"] = httpx.Response(200, content=file_bytes())
    assert seen("https://example.org/a.jpg").shape == PICTURE.shape


@pytest.mark.parametrize(
    "inside",
    [
        "http://127.0.0.1:8888/api",
        "http://10.0.0.7/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/x",
    ],
)
def test_a_server_can_not_send_us_into_this_machine_or_network(
    hosts: dict[str, httpx.Response], inside: str
) -> None:
    hosts["https://example.org/a.jpg"] = to("https://cdn.example.org/b.jpg")
    hosts["https://cdn.example.org/b.jpg"] = to(inside)
    with pytest.raises(InvalidImageError, match="this machine or network"):
        load_image("https://example.org/a.jpg")


def test_a_redirect_to_another_scheme_is_refused(hosts: dict[str, httpx.Response]) -> None:
    hosts["https://example.org/a.jpg"] = to("file:///etc/passwd")
    with pytest.raises(ValueError, match='begins with "file:"'):
        load_image("https://example.org/a.jpg")
