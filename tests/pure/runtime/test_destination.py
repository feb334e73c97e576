from __future__ import annotations

import asyncio
import contextlib
import threading
import traceback
import warnings
from types import SimpleNamespace
from typing import Any

import pytest

from decart_widget import DecartViewer
from decart_widget.errors import ClosedError, DecartError, InvalidKeyError, InvalidURLError
from decart_widget.runtime.destination import Destination, SandboxWarning, warn_of_sandbox
from decart_widget.session.endpoints import DECART, Endpoint, parse_endpoint
from decart_widget.session.subscribe import Subscription

KEY = "dct_MARKER0123456789"


def opened(destination: Destination) -> tuple[Endpoint, str]:
    endpoint, key = asyncio.run(destination.open())
    return endpoint, key.reveal()


def effect(frame: Any, prompt: str | None, image: Any) -> Any:
    return frame


def test_without_a_key_the_destination_is_the_sandbox() -> None:
    assert Destination(None, None).name == "sandbox"


def test_the_warning_of_the_sandbox_points_at_the_caller_and_names_the_remedy() -> None:
    with pytest.warns(SandboxWarning, match="DECART_API_KEY") as caught:
        warn_of_sandbox(stacklevel=1)
    assert caught[0].filename == __file__


def test_with_a_key_the_destination_is_decart() -> None:
    destination = Destination(None, KEY)
    assert destination.name == "decart"
    assert opened(destination) == (DECART, KEY)


def test_the_key_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DECART_API_KEY", KEY)
    assert opened(Destination(None, None)) == (DECART, KEY)
    assert opened(Destination(None, "ek_argument0")) == (DECART, "ek_argument0")


def test_the_sandbox_does_not_get_the_key_in_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DECART_API_KEY", KEY)
    destination = Destination("sandbox", None)
    assert destination.name == "sandbox"
    assert destination._key is None


def test_an_empty_variable_is_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DECART_API_KEY", "")
    assert Destination(None, None).name == "sandbox"


@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (" ", "empty"),
        ('""', "empty"),
        (f"{KEY}\n", "line break"),
        (f" {KEY}", "space"),
        (f"{KEY} {KEY}", "space"),
        (f'"{KEY}"', "quotation marks"),
        (f"'{KEY}'\n", "quotation marks"),
        (f"\u201c{KEY}\u201d", "quotation marks"),
        (f'{KEY}"', "quotation marks"),
        (f"DECART_API_KEY={KEY}", "name of a variable and ="),
        (f'export DECART_API_KEY="{KEY}"', "name of a variable and ="),
        ("None", "stands for no key"),
        ("'null'", "stands for no key"),
        ("your-api-key", "stands for no key"),
        ("${DECART_API_KEY}", "not its value"),
        ("$DECART_API_KEY", "not its value"),
        ("%DECART_API_KEY%", "not its value"),
        ("<your key>", "not its value"),
        ("{{ secrets.KEY }}", "not its value"),
    ],
)
def test_a_bad_key_in_the_environment_is_refused_without_being_shown(
    bad: str, problem: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DECART_API_KEY", bad)
    with pytest.raises(InvalidKeyError, match=problem) as caught:
        Destination(None, None)
    assert caught.value.message.startswith("DECART_API_KEY ")
    assert "DECART_API_KEY" in caught.value.remedy
    assert "MARKER" not in str(caught.value)


@pytest.mark.parametrize("key", [KEY, "ek_abc==", "eyJhbGciOi.monkey=.x", "local-key=="])
def test_a_key_with_unusual_characters_is_taken(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DECART_API_KEY", key)
    assert opened(Destination(None, None)) == (DECART, key)


@pytest.mark.parametrize("url", ["HTTP://127.0.0.1:9000", "Ws://127.0.0.1:9000/"])
def test_the_scheme_of_an_endpoint_may_be_in_any_case(url: str) -> None:
    endpoint, _ = opened(Destination(url, KEY))
    assert endpoint.base_url == "http://127.0.0.1:9000"
    assert endpoint.realtime_base_url == "ws://127.0.0.1:9000"


SERVERS = [
    "https://decart.example.org",
    "https://api.decart.ai.example.org",
    "http://127.0.0.1:9000",
    "http://api.decart.ai",
    ("https://api.decart.ai", "wss://example.org"),
    ("https://example.org", "wss://api3.decart.ai"),
    ("https://api.decart.ai", "ws://api3.decart.ai"),
]
"""Endpoints that aren't Decart's own, or aren't encrypted."""


@pytest.mark.parametrize("endpoint", SERVERS)
def test_no_other_server_gets_the_key_in_the_environment(
    endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DECART_API_KEY", KEY)
    with pytest.raises(InvalidKeyError, match="api_key=") as caught:
        Destination(endpoint, None)
    assert "DECART_API_KEY" in caught.value.remedy


@pytest.mark.parametrize(
    "endpoint",
    [
        "https://api.decart.ai",
        "wss://api3.decart.ai",
        ("https://api.decart.ai", "wss://api3.decart.ai"),
    ],
)
def test_decart_s_own_hosts_get_the_key_in_the_environment(
    endpoint: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DECART_API_KEY", KEY)
    assert opened(Destination(endpoint, None))[1] == KEY


@pytest.mark.parametrize("endpoint", ["https://decart.example.org", "http://127.0.0.1:9000"])
def test_another_server_gets_the_key_that_is_given_beside_it(
    endpoint: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DECART_API_KEY", "dct_environment")
    found, key = opened(Destination(endpoint, KEY))
    assert (found.name, key) == (endpoint, KEY)


@pytest.mark.parametrize(
    "endpoint",
    [
        "http://decart.example.org",
        "ws://192.0.2.1:9000",
        ("https://decart.example.org", "ws://decart.example.org"),
        ("http://decart.example.org", "wss://decart.example.org"),
    ],
)
def test_no_key_is_sent_in_clear_text_to_another_machine(endpoint: Any) -> None:
    with pytest.raises(InvalidURLError, match="clear text") as caught:
        Destination(endpoint, KEY)
    assert "https:" in caught.value.remedy


@pytest.mark.parametrize("server", ["https://example.org", "http://127.0.0.1:9"])
def test_a_viewer_s_token_that_names_a_server_gets_no_key_of_the_environment(
    server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DECART_API_KEY", KEY)
    token = Subscription("room", parse_endpoint(server)).token()
    with pytest.raises(InvalidKeyError, match="api_key="):
        DecartViewer(token)


def test_a_running_local_server_brings_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DECART_API_KEY", "dct_environment")
    local = SimpleNamespace(
        base_url="http://127.0.0.1:9", realtime_base_url="ws://127.0.0.1:9", api_key=KEY
    )
    assert opened(Destination(local, None))[1] == KEY
    assert opened(Destination(local, "dct_argument"))[1] == "dct_argument"


@pytest.mark.parametrize("path", [KEY, f"v1/{KEY}/x", "ek_MARKER0123456789"])
def test_an_endpoint_with_a_key_in_its_path_is_refused(path: str) -> None:
    with pytest.raises(InvalidURLError, match="carries a key") as caught:
        Destination(f"https://decart.example.org/{path}", KEY)
    assert "MARKER" not in str(caught.value)


def test_decart_by_name_needs_a_key() -> None:
    with pytest.raises(InvalidKeyError):
        Destination("decart", None)
    assert Destination("decart", KEY).name == "decart"


def test_a_function_is_served_by_a_sandbox_in_this_process() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        destination = Destination(effect, None)
    assert destination.name == "sandbox"
    destination.close()
    destination.close()


def test_a_function_has_one_server_however_often_it_is_opened_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    servers: list[SimpleNamespace] = []
    others_wait = threading.Barrier(4, timeout=0.3)

    def serve(_transform: Any) -> SimpleNamespace:
        with contextlib.suppress(threading.BrokenBarrierError):
            others_wait.wait()  # as long as another start may come in between
        url = f"127.0.0.1:{len(servers) + 1}"
        server = SimpleNamespace(
            base_url=f"http://{url}", realtime_base_url=f"ws://{url}", api_key=KEY, closed=False
        )
        server.close = lambda: setattr(server, "closed", True)
        servers.append(server)
        return server

    async def open_four_times() -> set[str]:
        opened = await asyncio.gather(*(destination.open() for _ in range(4)))
        return {endpoint.base_url for endpoint, _key in opened}

    monkeypatch.setattr("decart_widget.sandbox.serve", serve, raising=False)
    destination = Destination(effect, None)
    assert asyncio.run(open_four_times()) == {"http://127.0.0.1:1"}
    destination.close()
    assert [server.closed for server in servers] == [True]
    with pytest.raises(ClosedError):
        asyncio.run(destination.open())


@pytest.mark.parametrize(
    "endpoint", ["", "Decart", "localhost:9000", KEY, "ftp://x", 5, {}, ("a",)]
)
def test_an_invalid_endpoint_is_refused(endpoint: Any) -> None:
    with pytest.raises(InvalidURLError) as caught:
        Destination(endpoint, KEY)
    assert caught.value.remedy
    assert "MARKER" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("endpoint", [None, "sandbox", "decart", "http://127.0.0.1:9000"])
def test_a_destination_does_not_show_its_key(endpoint: Any) -> None:
    destination = Destination(endpoint, KEY)
    assert "MARKER" not in repr(destination) + str(destination) + repr(vars(destination))


@pytest.mark.parametrize("key", ["", " ", "a b", 5])
def test_a_bad_key_is_refused_before_anything_else(key: Any) -> None:
    with pytest.raises(InvalidKeyError) as caught:
        Destination("no such endpoint", key)
    assert isinstance(caught.value, DecartError)
