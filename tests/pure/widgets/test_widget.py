"""The widget without a kernel."""

from __future__ import annotations

import asyncio
import json
import re
import threading
import warnings
from typing import Any

import pytest

from decart_widget import ConnectionOptions, DecartWidget, RealtimeModel
from decart_widget.errors import ClosedError, InvalidOptionError, MediaError
from decart_widget.page.cameras import Cameras
from decart_widget.runtime import trait_updates as publish
from decart_widget.runtime.destination import SandboxWarning
from decart_widget.runtime.trait_values import IDLE
from decart_widget.session.background import Background
from tests.pure.hosts import Host, dropped
from tests.pure.widget_helpers import KEY, PICTURE, SERVER, sent, settle, updates

# --- construction -----------------------------------------------------------------------------


def test_a_new_widget_has_the_initial_traits(make) -> None:
    widget = make(model="lucy-2.6", prompt="watercolour", enrich=False, budget=60)
    state = widget.get_state()
    assert {name: state[name] for name in IDLE} == IDLE
    assert (state["model"], state["prompt"], state["enrich"], state["budget"]) == (
        "lucy-2.6",
        "watercolour",
        False,
        60.0,
    )
    assert state["endpoint"] == SERVER
    assert state["_media"] == {
        "width": 1280,
        "height": 720,
        "fps": 30,
        "has_image": False,
        "takes_image": True,
    }


def test_its_arguments_are_all_optional_and_without_kernel_and_key_it_warns() -> None:
    with pytest.warns(SandboxWarning, match="local effects") as caught:
        widget = DecartWidget()
    assert widget.endpoint == "sandbox"
    assert caught[0].filename == __file__
    widget.close()


@pytest.mark.usefixtures("make")
def test_in_a_kernel_there_is_no_warning_because_the_badge_says_the_same() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert DecartWidget().endpoint == "sandbox"


@pytest.mark.usefixtures("make")
def test_with_a_key_there_is_no_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert DecartWidget(api_key=KEY).endpoint == "decart"


def test_a_new_widget_sends_no_custom_message(make) -> None:
    make(prompt="x", image=PICTURE)
    opened = len(sent)
    settle()
    assert len(sent) == opened
    assert updates().keys() <= {"endpoint", "_media"}
    assert not [message for message in sent if message["data"].get("method") == "custom"]


def test_a_custom_model_sets_the_camera_s_size_and_rate(make) -> None:
    widget = make(model=RealtimeModel("custom", fps=24, width=640, height=480))
    assert widget.model == "custom"
    assert widget.get_state()["_media"] == {
        "width": 640,
        "height": 480,
        "fps": 24,
        "has_image": False,
        "takes_image": True,
    }


def test_changing_the_model_changes_the_camera_s_size(make) -> None:
    widget = make()
    widget.model = "lucy-restyle-2"
    assert updates()["_media"]["height"] == 704


def test_an_image_is_known_to_the_page_but_not_shown_to_it(make) -> None:
    widget = make(image=PICTURE)
    assert widget.get_state()["_media"]["has_image"] is True
    assert "iVBOR" not in json.dumps(sent, default=repr)


# --- prompt, enrich and image -----------------------------------------------------------------


def test_set_without_a_session_stores_the_prompt_state_for_the_next(make) -> None:
    widget = make(prompt="before")
    assert widget.set(prompt="sketch", enrich=False, image=PICTURE).result(timeout=10) == "stored"
    settle()
    assert (widget.prompt, widget.enrich) == ("sketch", False)
    prompt_state = widget._controller.prompts.state
    assert (prompt_state.prompt, prompt_state.enrich, prompt_state.image is not None) == (
        "sketch",
        False,
        True,
    )
    assert updates()["_media"]["has_image"] is True


def test_set_removes_prompt_and_image_with_none(make) -> None:
    widget = make(prompt="before", image=PICTURE)
    widget.set(prompt=None, image=None).result(timeout=10)
    settle()
    assert widget.prompt == ""
    assert widget._controller.prompts.state.passthrough


def test_set_keeps_the_values_of_omitted_arguments(make) -> None:
    widget = make(prompt="before", image=PICTURE, enrich=False)
    image = widget._controller.prompts.state.image
    widget.set(prompt="after").result(timeout=10)
    settle()
    prompt_state = widget._controller.prompts.state
    assert (prompt_state.prompt, prompt_state.enrich, prompt_state.image) == ("after", False, image)


def test_a_trait_that_is_set_becomes_the_prompt_state(make) -> None:
    widget = make(prompt="before")
    widget.prompt = "typed"
    widget.enrich = False
    settle()
    prompt_state = widget._controller.prompts.state
    assert (prompt_state.prompt, prompt_state.enrich) == ("typed", False)


def test_a_prompt_can_be_linked(make) -> None:
    import ipywidgets

    widget = make(prompt="before")
    text, bar = ipywidgets.Text(), ipywidgets.FloatProgress()
    ipywidgets.link((widget, "prompt"), (text, "value"))
    ipywidgets.dlink((widget, "generation_tick"), (bar, "value"))
    text.value = "typed elsewhere"
    settle()
    assert widget._controller.prompts.state.prompt == "typed elsewhere"
    for each in (text, bar):
        each.close()


# --- publishing and receiving -----------------------------------------------------------------


def test_traits_published_together_are_sent_as_one_message(make) -> None:
    widget = make()
    sent.clear()
    widget._publish({"connection_state": "connecting", "queue_position": 2, "queue_size": 5})
    assert len(sent) == 1
    assert updates() == {"connection_state": "connecting", "queue_position": 2, "queue_size": 5}


def test_a_trait_set_in_another_thread_during_a_publication_is_sent_separately(
    make, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = make()
    sent.clear()

    def cell(change: Any) -> None:
        if change["name"] == "queue_position":
            thread = threading.Thread(target=lambda: setattr(widget, "enrich", False))
            thread.start()
            thread.join(timeout=10)

    monkeypatch.setattr(widget, "_trait_changed", cell)
    widget._publish({"queue_position": 2})
    states = [message["data"]["state"] for message in sent]
    assert states == [{"enrich": False}, {"queue_position": 2}]


def test_a_page_is_welcomed(make) -> None:
    widget = make()
    hello = {"type": "hello", "page_id": "f1", "protocol": 1, "version": "0.1.0", "page": {}}
    widget._handle_custom_msg(hello, [])
    settle()
    customs = [m["data"]["content"] for m in sent if m["data"].get("method") == "custom"]
    assert [(c["type"], c["page_id"], c["owner"]) for c in customs] == [("welcome", "f1", True)]


@pytest.mark.parametrize("content", [None, 5, [], {}, {"type": "offer"}, "x" * 100])
def test_junk_from_a_page_is_dropped(make, content: Any) -> None:
    widget = make()
    sent.clear()
    widget._handle_custom_msg(content, [])
    settle()
    assert sent == []
    assert sum(dropped(widget._controller.pages).values()) == 1


def test_a_page_s_flood_is_bounded_while_the_background_is_busy(make) -> None:
    widget = make()
    gate = threading.Event()
    background = Background.get()
    background.call(gate.wait, 10)
    for _ in range(2000):
        widget._handle_custom_msg({"type": "junk"}, [])
    gate.set()
    settle()
    refused = {"the inbox is full": 1500, "unknown type": 500}
    assert dropped(widget._controller.pages) == refused
    assert widget._inbox == 0


def test_connecting_without_a_page_ends_as_no_frontend_and_not_as_an_error(
    make, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Changes that wait to be published are published before the result is set.
    monkeypatch.setattr(publish, "GATHER_S", 10.0)
    widget = make(connection=ConnectionOptions(connection_timeout=0.1))
    assert widget.connect().result(timeout=20) == "no-frontend"
    assert widget.connection_state == "idle"
    assert widget.error["code"] == "no-frontend"
    assert re.search(r"[Dd]isplay", widget.error["remedy"])


# --- closed -----------------------------------------------------------------------------------


def test_a_closed_widget_s_methods_raise_closed_error(make) -> None:
    widget = make()
    widget.close()
    widget.close()
    assert repr(widget) == "DecartWidget(closed)"
    for verb in (widget.connect, widget.disconnect, lambda: widget.set(prompt="x")):
        with pytest.raises(ClosedError):
            verb()


def test_a_closed_widget_publishes_nothing(make) -> None:
    widget = make()
    widget.close()
    sent.clear()
    widget._publish({"connection_state": "connected"})
    assert sent == []


def test_disconnecting_without_a_session_does_nothing(make) -> None:
    assert make().disconnect().result(timeout=10) == "idle"


def test_the_repr_names_model_prompt_endpoint_and_state(make) -> None:
    assert repr(make(prompt="x")) == (
        f"DecartWidget(model='lucy-latest', prompt='x', endpoint='{SERVER}', "
        "connection_state='idle')"
    )


def test_remaining_is_the_whole_budget_before_a_start(make) -> None:
    widget = make(budget=60)
    assert (widget.remaining, widget.budget_low, make().remaining) == (60, False, None)
    widget.budget = 30
    settle()
    assert widget.remaining == 30
    has_no_budget = threading.Event()
    widget.observe(
        lambda change: has_no_budget.set() if change["new"] is None else None, "remaining"
    )
    widget.budget = None
    assert has_no_budget.wait(timeout=10)


def test_without_sessions_running_is_empty_and_stop_all_ends_none(make) -> None:
    make()
    assert DecartWidget.running() == DecartWidget.live() == []
    assert DecartWidget.stop_all().result(timeout=10) == 0


@pytest.mark.parametrize(
    ("name", "choices"),
    [
        ("mirror", ("off", "auto", "on")),
        ("orientation", ("landscape", "portrait")),
        ("source", ("camera", "screen", "test-pattern", "file")),
    ],
)
def test_an_unknown_value_is_refused_with_the_choices(
    make, name: str, choices: tuple[str, ...]
) -> None:
    widget = make(**{name: choices[1]})
    assert getattr(widget, name) == choices[1]
    for wrong in ("sideways", None) if name == "source" else ("sideways", None, 7):
        with pytest.raises(InvalidOptionError) as refused:
            setattr(widget, name, wrong)
        assert all(choice in refused.value.remedy for choice in choices)
    assert getattr(widget, name) == choices[1]


@pytest.mark.parametrize("name", ["microphone", "muted"])
def test_microphone_and_muted_are_bools_and_off_by_default(make, name: str) -> None:
    widget = make()
    assert getattr(widget, name) is False, "a microphone needs the user's consent"
    for wrong in ("yes", None, 7):
        with pytest.raises(InvalidOptionError, match="True or False"):
            setattr(widget, name, wrong)
    assert make(microphone=True).microphone


def test_a_page_s_cameras_are_shown_but_not_saved_in_the_notebook(make) -> None:
    widget = make()
    camera = {"id": "c1", "label": "Camera of Jane", "position": "front"}
    obtained = {**camera, "source": "camera", "width": 1280, "height": 720, "fps": 30}

    async def say() -> None:
        message = {"cameras": [camera], "camera": {**obtained, "mirrored": True}, "request": None}
        widget._controller.cameras.changed(message)

    Background.get().start(say(), "say").result(10)
    settle()
    assert widget.cameras == [camera]
    assert widget.position == "front"
    assert "Jane" not in str(widget.get_state())
    assert "Jane" not in str(sent)


async def test_replace_waits_for_the_source_or_raises_the_reason_why_there_is_none() -> None:
    requested: list[str] = []
    cameras = Cameras(
        Host().pages,
        lambda _values: None,
        lambda traits: requested.append(traits["source"]),
        lambda _error: None,
    )

    def cameras_message(source: str) -> dict[str, Any]:
        camera = {"source": source, "label": f"a {source}", "position": "unknown"}
        return {"cameras": [], "camera": camera, "request": None}

    async def replace(source: str) -> asyncio.Task[str]:
        replacing = asyncio.ensure_future(cameras.replace(source))
        await asyncio.sleep(0)
        return replacing

    replacing = await replace("test-pattern")
    assert requested == ["test-pattern"]
    cameras.changed(cameras_message("camera"))
    cameras.failed("microphone-failed")
    assert not replacing.done(), "neither message is about the requested source"
    cameras.changed(cameras_message("test-pattern"))
    assert await replacing == "a test-pattern"
    assert await (await replace("test-pattern")) == "a test-pattern", (
        "this source is in use already"
    )

    refused = await replace("screen")
    cameras.failed("screen-refused")
    with pytest.raises(MediaError, match="No screen"):
        await refused
    overtaken, replacing = await replace("screen"), await replace("camera")
    cameras.changed(cameras_message("camera"))
    with pytest.raises(MediaError, match="Another source"):
        await overtaken
    assert await replacing == "a camera"


def test_replace_source_refuses_an_unknown_source(make) -> None:
    widget = make()
    with pytest.raises(InvalidOptionError, match="test-pattern"):
        widget.replace_source("television")
    with pytest.raises(MediaError):
        widget.replace_source("camera").result(10)


def test_switching_the_camera_and_capturing_need_a_session(make) -> None:
    widget = make()
    with pytest.raises(MediaError, match="no session"):
        widget.switch_camera().result(10)
    with pytest.raises(MediaError, match="no session"):
        widget.snapshot()
    with pytest.raises(MediaError, match="no session"):
        widget.record("clip.mp4")
