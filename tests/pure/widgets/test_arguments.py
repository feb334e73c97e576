"""Bad input is refused with a remedy, and the key is shown nowhere."""

from __future__ import annotations

import contextlib
import copy
import gc
import json
import pickle
import sys
import traceback
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from decart_widget import DecartViewer, DecartWidget, VideoOptions
from decart_widget.errors import (
    ConfigurationError,
    DecartError,
    InvalidImageError,
    InvalidKeyError,
    InvalidOptionError,
    InvalidPromptError,
    InvalidURLError,
    UnknownArgumentError,
    UnknownModelError,
)
from decart_widget.inputs.secrets import Secret
from decart_widget.runtime.trait_values import IDLE
from decart_widget.session.endpoints import parse_endpoint
from decart_widget.session.subscribe import Subscription
from tests.pure.widget_helpers import KEY, PICTURE, SERVER, sent, settle

# --- bad input --------------------------------------------------------------------------------

BAD_ARGUMENTS: list[tuple[dict[str, Any], type[DecartError], str]] = [
    ({"model": "lucy-lates"}, UnknownModelError, "lucy-latest"),
    ({"model": None}, UnknownModelError, "lucy-latest"),
    ({"promt": "x"}, UnknownArgumentError, "'prompt'"),
    ({"apikey": KEY}, UnknownArgumentError, "'api_key'"),
    ({"zzz": 1}, UnknownArgumentError, "api_key"),
    ({"api_key": ""}, InvalidKeyError, "DECART_API_KEY"),
    ({"api_key": "dct_MAR KER"}, InvalidKeyError, "strip"),
    ({"api_key": f"{KEY}\n"}, InvalidKeyError, "strip"),
    ({"image": b"no image"}, InvalidImageError, "JPEG"),
    ({"image": b"\xff\xd8\xff" + bytes(50_000_000)}, InvalidImageError, "50 MB"),
    ({"image": "no-such-file.png"}, InvalidImageError, "path"),
    ({"image": PICTURE, "model": "lucy-restyle-2"}, InvalidImageError, "lucy-latest"),
    ({"prompt": ""}, InvalidPromptError, "sketch"),
    ({"prompt": "  \n"}, InvalidPromptError, "sketch"),
    ({"prompt": 5}, InvalidPromptError, "string"),
    ({"prompt": "x" * 10_001}, InvalidPromptError, "10,000"),
    ({"endpoint": "ftp://example.org"}, InvalidURLError, "https"),
    ({"endpoint": "file:///etc"}, InvalidURLError, "https"),
    ({"endpoint": "example.org"}, InvalidURLError, "sandbox"),
    ({"connection": {"ice_servers": ()}}, InvalidOptionError, "ConnectionOptions"),
    ({"video": "VP8"}, InvalidOptionError, "VideoOptions"),
    ({"transport": "carrier pigeon"}, InvalidOptionError, "webrtc"),
    ({"resolution": "4k"}, InvalidOptionError, "720p"),
    ({"speed": "slow"}, InvalidOptionError, "fast"),
    ({"speed": "fast", "model": "lucy-2.1"}, InvalidOptionError, "None"),
    ({"resolution": 720}, InvalidOptionError, "720p"),
    ({"transport": "rtc"}, InvalidOptionError, "webrtc"),
    ({"transport": np.array(["webrtc", "livekit"])}, InvalidOptionError, "webrtc"),
    ({"model": 3}, UnknownModelError, "lucy-latest"),
    ({"model": [KEY]}, UnknownModelError, "lucy-latest"),
    ({"mirror": True}, InvalidOptionError, "'auto'"),
    ({"mirror": "yes"}, InvalidOptionError, "'auto'"),
    ({"orientation": "Portrait"}, InvalidOptionError, "'portrait'"),
    ({"orientation": np.zeros(3)}, InvalidOptionError, "'portrait'"),
    ({"source": "webcam"}, InvalidOptionError, "'camera'"),
    ({"source": None}, InvalidOptionError, "'camera'"),
    ({"camera": 0}, InvalidOptionError, "w.cameras"),
    ({"camera": b"front"}, InvalidOptionError, "w.cameras"),
    ({"microphone": "yes"}, InvalidOptionError, "True or False"),
    ({"microphone": 1}, InvalidOptionError, "True or False"),
    ({"enrich": "no"}, InvalidOptionError, "True or False"),
    ({"enrich": None}, InvalidOptionError, "True or False"),
    ({"autostart": "no"}, InvalidOptionError, "True or False"),
    ({"prompt": "\ud83d half"}, InvalidPromptError, "UTF-8"),
    ({"prompt": "a\0b"}, InvalidPromptError, "replace"),
    ({"endpoint": 5}, InvalidURLError, "http"),
    ({"endpoint": np.zeros(3)}, InvalidURLError, "http"),
    ({"endpoint": "Sandbox"}, InvalidURLError, "sandbox"),
    ({"api_key": b"dct_MARKER"}, InvalidKeyError, "string"),
    ({"budget": "60"}, InvalidOptionError, "seconds"),
    ({"budget": True}, InvalidOptionError, "seconds"),
    ({"budget": [60]}, InvalidOptionError, "seconds"),
    ({"budget": 0}, InvalidOptionError, "seconds"),
    ({"budget": -5}, InvalidOptionError, "seconds"),
    ({"budget": float("nan")}, InvalidOptionError, "seconds"),
]


def repr_of_first(arguments: object) -> str | None:
    """Names a case by its first argument."""
    if not isinstance(arguments, dict):
        return ""
    name, value = next(iter(arguments.items()))
    return f"{name} {ascii(value)[:20]}"


@contextlib.contextmanager
def unraisable_in(errors: list[Any]) -> Iterator[None]:
    """Collects what Python would write to standard error, for instance from ``__del__``."""
    hook, sys.unraisablehook = sys.unraisablehook, errors.append
    try:
        yield
    finally:
        sys.unraisablehook = hook


@pytest.mark.parametrize(
    ("arguments", "kind", "remedy"),
    BAD_ARGUMENTS,
    ids=[repr_of_first(arguments) for arguments, _, _ in BAD_ARGUMENTS],
)
def test_bad_input_raises_an_error_with_a_remedy_and_opens_no_comm(
    make, arguments: dict[str, Any], kind: type[DecartError], remedy: str
) -> None:
    with pytest.raises(kind) as caught:
        make(**arguments)
    assert isinstance(caught.value, ConfigurationError)
    assert remedy in caught.value.remedy
    assert "MARKER" not in "".join(traceback.format_exception(caught.value))
    assert sent == []


@pytest.mark.parametrize("arguments", [one for one, _, _ in BAD_ARGUMENTS], ids=repr_of_first)
def test_bad_input_leaves_nothing_on_standard_error(
    make, capsys: pytest.CaptureFixture[str], arguments: dict[str, Any]
) -> None:
    unraisable: list[Any] = []
    with unraisable_in(unraisable):
        with pytest.raises(ConfigurationError):
            make(**arguments)
        gc.collect()
    assert (unraisable, capsys.readouterr().err) == ([], "")


@pytest.mark.parametrize("part", ["_push_chunks", "_listen"])
def test_a_constructor_that_fails_closes_its_comm(
    make, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    from ipywidgets.widgets.widget import _instances

    def fail(*_arguments: object) -> None:
        raise MemoryError("no room")

    monkeypatch.setattr(DecartWidget, part, fail)
    before = len(_instances)
    unraisable: list[Any] = []
    with unraisable_in(unraisable):
        with pytest.raises(MemoryError):
            make()
        gc.collect()
    assert [message["msg_type"] for message in sent][-1] == "comm_close"
    assert (len(_instances), unraisable) == (before, [])


@pytest.mark.usefixtures("make")
def test_the_viewer_s_constructor_names_the_argument_that_it_lacks() -> None:
    token = Subscription("room", parse_endpoint(SERVER), Secret(KEY)).token()
    with pytest.raises(UnknownArgumentError, match="DecartViewer has no argument") as caught:
        DecartViewer(token, apikey=KEY)  # type: ignore[arg-type]
    assert "'api_key'" in caught.value.remedy
    assert "MARKER" not in "".join(traceback.format_exception(caught.value))
    assert sent == []


def test_a_reversed_bitrate_range_is_refused_by_the_options(make) -> None:
    with pytest.raises(InvalidOptionError, match="Swap"):
        make(video=VideoOptions(min_bitrate=2_000_000, max_bitrate=1_000_000))


BAD_CHANGES = [
    ({"prompt": ""}, InvalidPromptError),
    ({"prompt": 7}, InvalidPromptError),
    ({"prompt": "x" * 10_001}, InvalidPromptError),
    ({"enrich": "yes"}, InvalidOptionError),
    ({"image": b"no image"}, InvalidImageError),
    ({"image": "no-such-file.png"}, InvalidImageError),
    ({"prompt": "fine", "enrich": False, "image": b"no image"}, InvalidImageError),
    ({"prompt": "fine", "image": PICTURE, "enrich": 1}, InvalidOptionError),
]


@pytest.mark.parametrize(("changes", "kind"), BAD_CHANGES, ids=lambda value: ascii(value)[:40])
def test_set_checks_everything_before_anything_changes(
    make, changes: dict[str, Any], kind: type[DecartError]
) -> None:
    widget = make(prompt="before")
    before = widget.get_state()
    prompt_state = widget._controller.prompts.state
    sent.clear()
    with pytest.raises(kind) as caught:
        widget.set(**changes)
    settle()
    assert caught.value.remedy
    assert (sent, widget.get_state()) == ([], before)
    assert widget._controller.prompts.state == prompt_state


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("model", "lucy-lates", UnknownModelError),
        ("prompt", "x" * 10_001, InvalidPromptError),
        ("model", 3, UnknownModelError),
        ("prompt", "\ud83d half", InvalidPromptError),
        ("prompt", "a\0b", InvalidPromptError),
        ("prompt", None, InvalidPromptError),
        ("prompt", b"sketch", InvalidPromptError),
        ("enrich", "no", InvalidOptionError),
        ("camera", 0, InvalidOptionError),
        ("budget", "60", InvalidOptionError),
        ("budget", -1, InvalidOptionError),
        ("budget", 1e9, InvalidOptionError),
    ],
)
def test_a_trait_refuses_a_bad_value_and_keeps_its_value(
    make, name: str, value: Any, kind: type[DecartError]
) -> None:
    widget = make(prompt="before", budget=30)
    before = getattr(widget, name)
    with pytest.raises(kind):
        setattr(widget, name, value)
    assert getattr(widget, name) == before


@pytest.mark.parametrize("name", sorted({*IDLE, "endpoint", "_media"}))
def test_traits_that_the_kernel_sets_are_read_only(make, name: str) -> None:
    import traitlets

    widget = make()
    with pytest.raises(traitlets.TraitError, match="read-only"):
        setattr(widget, name, getattr(widget, name))


# --- the key ----------------------------------------------------------------------------------


def test_the_key_is_in_no_text_and_no_message(make) -> None:
    widget = make(prompt="x")
    widget.set(prompt="y").result(timeout=10)
    settle()
    texts = [
        repr(widget),
        str(widget),
        json.dumps(widget.get_state(), default=repr),
        repr(widget.get_state()),
        repr(widget.keys),
        repr(widget._controller._destination),
        json.dumps(sent, default=repr),
        repr(widget._repr_mimebundle_()),
    ]
    assert not [text for text in texts if "MARKER" in text]
    assert len(sent) > 1


@pytest.mark.parametrize("copier", [pickle.dumps, copy.deepcopy])
def test_a_widget_is_not_pickled_with_its_key(make, copier: Callable[[Any], Any]) -> None:
    with pytest.raises((TypeError, NotImplementedError, pickle.PicklingError)) as caught:
        copier(make())
    assert "MARKER" not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("url", ["ftp://example.org/cat.png", "file:///etc/passwd", "http://[bad"])
def test_an_image_url_that_can_t_be_fetched_changes_nothing(make, url: str) -> None:
    widget = make(prompt="before")
    prompt_state, traits = widget._controller.prompts.state, widget.get_state()
    with pytest.raises(InvalidURLError):
        widget.set(prompt="after", image=url).result(timeout=10)
    settle()
    assert (widget._controller.prompts.state, widget.get_state()) == (prompt_state, traits)
