"""When prompts are sent, and the traits' values then; with a fake session."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from decart_widget.diagnostics.log import Log
from decart_widget.errors import InvalidImageError, RequestRejectedError
from decart_widget.models import MODELS
from decart_widget.options import ConnectionOptions, VideoOptions
from decart_widget.protocol.messages import ImageData
from decart_widget.protocol.requests import PromptState
from decart_widget.runtime import prompts as module
from decart_widget.runtime.prompts import DEBOUNCE_S, Prompts
from decart_widget.runtime.settings import Settings

Run = Callable[[Coroutine[Any, Any, Any]], Any]
IMAGE = ImageData(ref="file_one")
OTHER = ImageData(ref="file_two")


class FakeSession:
    """Records submitted prompt states; a test completes their futures (``answers``)."""

    def __init__(self) -> None:
        self.submitted: list[tuple[PromptState, bool]] = []
        self.answers: list[asyncio.Future[str]] = []
        self.machine: Any = type("Machine", (), {"applied": PromptState("applied")})()

    def submit(self, state: PromptState, *, with_image: bool) -> asyncio.Future[str]:
        self.submitted.append((state, with_image))
        self.answers.append(asyncio.get_running_loop().create_future())
        return self.answers[-1]


class Holder:
    """The part of a widget's controller that ``Prompts`` uses."""

    def __init__(self, model: str = "lucy-latest", *, active: bool = True) -> None:
        self.fake = FakeSession()
        self.is_active = active
        self.traits: dict[str, Any] = {}
        self.images: list[ImageData | None] = []
        self.log = Log()
        settings = Settings(
            "livekit", MODELS[model], VideoOptions(), ConnectionOptions(), None, None, None
        )
        self.prompts = Prompts(
            self,
            lambda: settings,
            self.traits.update,
            self.images.append,
            self.log,
            PromptState("before"),
        )

    @property
    def session(self) -> Any:
        return self.fake if self.is_active else None

    def show(self) -> None:
        self.traits["shown"] = True

    def show_now(self) -> None:
        self.traits["flushed"] = True

    @property
    def sent(self) -> list[str | None]:
        return [state.prompt for state, _ in self.fake.submitted]


def test_a_prompt_that_is_being_typed_is_sent_once_after_a_pause(on_simulated_clock: Run) -> None:
    async def scenario() -> None:
        holder = Holder()
        for length in range(1, 7):
            holder.prompts.typed("sketch"[:length], True)
            await asyncio.sleep(DEBOUNCE_S / 2)
        assert holder.prompts.typing
        assert holder.sent == []
        await asyncio.sleep(DEBOUNCE_S)
        assert holder.sent == ["sketch"]
        assert not holder.prompts.typing

    on_simulated_clock(scenario())


def test_a_prompt_set_during_the_pause_replaces_the_typed_one(on_simulated_clock: Run) -> None:
    async def scenario() -> None:
        holder = Holder()
        holder.prompts.typed("typed", True)
        setting = asyncio.ensure_future(holder.prompts.set(prompt="set"))
        await asyncio.sleep(10 * DEBOUNCE_S)
        assert holder.sent == ["set"]
        holder.fake.answers[0].set_result("applied")
        assert await setting == "applied"
        assert holder.traits["flushed"]

    on_simulated_clock(scenario())


def test_an_empty_prompt_box_and_an_unchanged_prompt_are_not_sent(on_simulated_clock: Run) -> None:
    async def scenario() -> None:
        holder = Holder()
        for prompt in ("", "  ", "before"):
            holder.prompts.typed(prompt, True)
        await asyncio.sleep(10 * DEBOUNCE_S)
        assert holder.sent == []
        assert holder.prompts.state == PromptState("before")

    on_simulated_clock(scenario())


def test_enter_sends_at_once_and_a_blank_prompt_is_refused(on_simulated_clock: Run) -> None:
    async def scenario() -> None:
        holder = Holder()
        holder.prompts.apply_from_page("sketch", False)
        holder.prompts.apply_from_page("   ", False)
        assert holder.fake.submitted == [(PromptState("sketch", enrich=False), False)]
        assert holder.log.refused == {"page: prompt not taken (invalid-prompt)": 1}

    on_simulated_clock(scenario())


def test_without_a_session_changes_are_stored(on_simulated_clock: Run) -> None:
    async def scenario() -> None:
        holder = Holder(active=False)
        assert await holder.prompts.set(prompt=None, image=IMAGE) == "stored"
        holder.prompts.typed("typed", False)
        assert holder.prompts.state == PromptState("typed", enrich=False, image=IMAGE)
        assert not holder.prompts.typing

    on_simulated_clock(scenario())


class Download:
    """Replaces ``load_image``: blocks until the test delivers the image."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._delivered = threading.Event()
        self.requested = threading.Event()
        monkeypatch.setattr(module, "load_image", self._load)

    def _load(self, _url: str) -> ImageData:
        self.requested.set()
        assert self._delivered.wait(10)
        return IMAGE

    async def begun(self) -> None:
        assert await asyncio.to_thread(self.requested.wait, 10)

    def deliver(self) -> None:
        self._delivered.set()


async def test_what_changes_during_a_download_keeps_its_newer_value(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    download, holder = Download(monkeypatch), Holder(active=False)
    setting = asyncio.ensure_future(
        holder.prompts.set_with_url("https://example.org/a.png", prompt="older", enrich=False)
    )
    await download.begun()
    await holder.prompts.set(prompt="newer")
    download.deliver()
    assert await setting == "stored"
    assert holder.prompts.state == PromptState("newer", enrich=False, image=IMAGE)
    assert "prompt" not in holder.traits


async def test_a_download_is_superseded_by_a_newer_image(monkeypatch: pytest.MonkeyPatch) -> None:
    download, holder = Download(monkeypatch), Holder(active=False)
    setting = asyncio.ensure_future(holder.prompts.set_with_url("https://example.org/a.png"))
    await download.begun()
    await holder.prompts.set(image=OTHER)
    download.deliver()
    assert await setting == "superseded"
    assert holder.prompts.state.image == OTHER


async def test_the_constructor_s_image_does_not_replace_a_newer_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    download, holder = Download(monkeypatch), Holder(active=False)
    holder.prompts._image_url = "https://example.org/a.png"
    downloading = asyncio.ensure_future(holder.prompts.download_image())
    await download.begun()
    await holder.prompts.set(image=None)
    download.deliver()
    await downloading
    assert holder.prompts.state.image is None


def test_an_image_is_sent_only_when_it_has_changed(on_simulated_clock: Run) -> None:
    async def scenario() -> None:
        holder = Holder()
        waits = [
            asyncio.ensure_future(holder.prompts.set(**changes))
            for changes in ({"image": IMAGE}, {"prompt": "x", "image": IMAGE}, {"image": None})
        ]
        await asyncio.sleep(0)
        assert [with_image for _, with_image in holder.fake.submitted] == [True, False, True]
        for answer in holder.fake.answers:
            answer.set_result("applied")
        await asyncio.gather(*waits)
        assert holder.images == [IMAGE, IMAGE, None]

    on_simulated_clock(scenario())


def test_a_refused_image_is_not_sent_with_the_next_prompt(on_simulated_clock: Run) -> None:
    async def scenario() -> None:
        holder = Holder()
        setting = asyncio.ensure_future(holder.prompts.set(image=IMAGE))
        await asyncio.sleep(0)
        holder.fake.answers[0].set_exception(RequestRejectedError("No."))
        with pytest.raises(RequestRejectedError):
            await setting
        assert holder.prompts.state.image is None

    on_simulated_clock(scenario())


def test_a_page_s_image_is_shown_in_the_traits_and_sent(on_simulated_clock: Run) -> None:
    async def scenario() -> None:
        holder = Holder()
        applying = asyncio.ensure_future(holder.prompts.apply_image(OTHER))
        await asyncio.sleep(0)
        assert holder.traits["_media"]["has_image"] is True
        assert holder.fake.submitted == [(PromptState("before", image=OTHER), True)]
        holder.fake.answers[0].set_result("applied")
        await applying

    on_simulated_clock(scenario())


def test_a_model_without_images_refuses_a_page_s_image_and_changes_nothing(
    on_simulated_clock: Run,
) -> None:
    async def scenario() -> None:
        holder = Holder("lucy-restyle-2")
        with pytest.raises(InvalidImageError, match="takes no reference image"):
            await holder.prompts.apply_image(IMAGE)
        assert (holder.traits, holder.fake.submitted) == ({}, [])

    on_simulated_clock(scenario())
