from __future__ import annotations

import asyncio
import traceback
import warnings
from typing import Any

import pytest

from decart_widget.errors import DecartError, InvalidKeyError, InvalidURLError
from decart_widget.runtime.destination import Destination, SandboxWarning
from decart_widget.session.endpoints import DECART, Endpoint

KEY = "dct_MARKER0123456789"


def opened(destination: Destination) -> tuple[Endpoint, str]:
    endpoint, key = asyncio.run(destination.open())
    return endpoint, key.reveal()


def effect(frame: Any, prompt: str | None, image: Any) -> Any:
    return frame


def test_without_a_key_the_destination_is_the_sandbox_with_a_warning() -> None:
    with pytest.warns(SandboxWarning, match="DECART_API_KEY") as caught:
        destination = Destination(None, None, stacklevel=1)
    assert destination.name == "sandbox"
    assert caught[0].filename == __file__


def test_the_sandbox_by_name_causes_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Destination("sandbox", None).name == "sandbox"


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
    with pytest.warns(SandboxWarning):
        assert Destination(None, None).name == "sandbox"


@pytest.mark.parametrize("bad", [" ", f"{KEY}\n", f"{KEY} {KEY}"])
def test_a_bad_key_in_the_environment_is_refused(bad: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DECART_API_KEY", bad)
    with pytest.raises(InvalidKeyError) as caught:
        Destination(None, None)
    assert "MARKER" not in str(caught.value)


def test_a_server_on_this_machine_needs_no_key() -> None:
    endpoint, key = opened(Destination("http://127.0.0.1:9000", None))
    assert endpoint.realtime_base_url == "ws://127.0.0.1:9000"
    assert key.startswith("dct_")


def test_a_server_on_another_machine_needs_a_key() -> None:
    with pytest.raises(InvalidKeyError, match="DECART_API_KEY"):
        Destination("https://decart.example.org", None)
    endpoint, key = opened(Destination("https://decart.example.org", KEY))
    assert (endpoint.name, key) == ("https://decart.example.org", KEY)


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
