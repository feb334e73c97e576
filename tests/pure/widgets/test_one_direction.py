"""The widget calls the controller; what the controller publishes is not passed back to it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from decart_widget import DecartWidget
from decart_widget.session.background import Background
from tests.pure.widget_helpers import PICTURE, settle, updates


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """The prompts that widgets pass to ``Prompts.typed``."""
    from decart_widget.runtime.prompts import Prompts

    calls: list[tuple[str, bool]] = []
    inherited = Prompts.typed

    def note(self: Prompts, prompt: str, enrich: bool) -> None:
        calls.append((prompt, enrich))
        inherited(self, prompt, enrich)

    monkeypatch.setattr(Prompts, "typed", note)
    return calls


def test_set_updates_the_traits_before_it_returns_and_they_do_not_count_as_typed(
    make, typed
) -> None:
    widget = make(prompt="before")
    operation = widget.set(prompt="sketch", enrich=False, image=PICTURE)
    assert (widget.prompt, widget.enrich, widget._media["has_image"]) == ("sketch", False, True)
    assert operation.result(timeout=10) == "stored"
    settle()
    assert typed == []
    assert updates()["prompt"] == "sketch"


def test_a_trait_that_an_observer_sets_during_set_counts_as_typed(make, typed) -> None:
    widget = make(prompt="before")

    def correct(change: Any) -> None:
        if change["new"] == "sketch":
            widget.prompt = "pencil sketch"

    widget.observe(correct, "prompt")
    widget.set(prompt="sketch").result(timeout=10)
    settle()
    assert typed == [("pencil sketch", True)]
    assert widget.prompt == "pencil sketch"


def test_an_observer_may_call_set(make, typed) -> None:
    widget = make(prompt="before")

    def correct(change: Any) -> None:
        if change["new"] == "sketch":
            widget.set(prompt="pencil sketch", enrich=False)

    widget.observe(correct, "prompt")
    widget.set(prompt="sketch").result(timeout=10)
    settle()
    assert typed == []
    state = widget._controller.prompts.state
    assert (state.prompt, state.enrich) == ("pencil sketch", False)
    assert (updates()["prompt"], updates()["enrich"]) == ("pencil sketch", False)


def test_a_trait_that_an_observer_sets_on_a_publication_counts_as_typed(make, typed) -> None:
    widget = make(prompt="before")
    widget.observe(lambda _change: setattr(widget, "prompt", "queued"), "queue_position")
    widget._publish({"queue_position": 3})
    settle()
    assert typed == [("queued", True)]


def test_set_sets_all_traits_and_then_raises_an_observer_s_error(make) -> None:
    widget = make(prompt="before")

    def fail(_change: Any) -> None:
        raise RuntimeError("the user's own")

    widget.observe(fail, "prompt")
    with pytest.raises(RuntimeError, match="the user's own"):
        widget.set(prompt="sketch", enrich=False)
    settle()
    assert (widget.prompt, widget.enrich) == ("sketch", False)
    assert widget._controller.prompts.state.prompt == "sketch"


def test_a_page_s_image_is_shown_in_the_widget(make) -> None:
    widget = make(model="lucy-latest", prompt="before")

    async def remove_image() -> None:
        await widget._controller.prompts.apply_image(None)

    widget.set(image=PICTURE).result(timeout=10)
    assert widget._media["has_image"] is True
    Background.get().start(remove_image(), "remove image").result(timeout=10)
    assert widget._media["has_image"] is False
    assert updates()["_media"]["has_image"] is False


def test_another_source_is_published_to_the_pages(make) -> None:
    widget = make()

    async def replace() -> None:
        cameras = widget._controller.cameras
        replacing = asyncio.ensure_future(cameras.replace("test-pattern"))
        await asyncio.sleep(0)
        camera = {"source": "test-pattern", "label": "bars", "position": "unknown"}
        cameras.changed({"cameras": [], "camera": camera, "request": None})
        assert await replacing == "bars"

    Background.get().start(replace(), "replace").result(timeout=10)
    assert widget.source == "test-pattern"
    assert updates()["source"] == "test-pattern"


def test_running_lists_widgets_whose_session_runs_in_the_order_of_their_starts(make) -> None:
    from decart_widget.runtime.registry import register

    first, second, _idle = make(), make(), make()

    async def run() -> tuple[list[DecartWidget], list[DecartWidget]]:
        over = asyncio.Event()
        tasks = []
        for widget in (second, first):
            tasks.append(asyncio.ensure_future(_until(over)))
            register(widget._controller.sessions, tasks[-1])
        listed = DecartWidget.running()
        over.set()
        await asyncio.gather(*tasks)
        await asyncio.sleep(0)
        return listed, DecartWidget.running()

    during, after = Background.get().start(run(), "run").result(timeout=10)
    assert during == [second, first]
    assert after == []


async def _until(over: asyncio.Event) -> None:
    await over.wait()
