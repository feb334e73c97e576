"""The Record button: what a press starts and ends, and which states the pages show."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import Any

import pytest

from decart_widget.capture import clips
from decart_widget.capture.clips import Clips
from decart_widget.capture.recording import Recording
from decart_widget.diagnostics.log import Log
from decart_widget.errors import InvalidOptionError, InvalidPathError, MediaError
from decart_widget.session.background import Background
from tests.pure.capture.scripted_page import Page
from tests.pure.capture.test_clips import clip


class Button:
    """A page's Record button, with the clips of a widget behind it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.log = Log()
        self.clips = Clips(page, page.taps, page, self.log)

    def press(self, *, on: bool) -> None:
        Background.get().call(lambda: self.clips.asked_by_page(on=on))

    async def until_state(self, state: str) -> tuple[str, str, str]:
        """Waits until the pages show this state; returns it with the file's name and a text."""
        async with asyncio.timeout(20):
            while not (found := [each for each in self.states() if each[0] == state]):
                await asyncio.sleep(0.01)
        return found[-1]

    def states(self) -> list[tuple[str, str, str]]:
        return [values for what, values in self.page.calls if what == "recording"]


@pytest.fixture
def button(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Button:
    monkeypatch.chdir(tmp_path)
    return Button(page)


def send_clip(page: Page, data: bytes) -> Any:
    """Makes the page send this clip, and end it at the untap; returns its ``on_tap``."""

    def begin(request: Any) -> None:
        page.say("began", request["id"])
        page.piece(data, request["id"])

    page.on_untap = lambda number: page.say("ended", number)
    return begin


async def test_a_clip_is_saved_in_the_notebook_s_folder_when_record_is_pressed_again(
    button: Button, tmp_path: Path
) -> None:
    button.page.on_tap = send_clip(button.page, clip(tmp_path / "made.webm"))
    button.press(on=True)
    await button.until_state("recording")
    button.press(on=False)
    _, name, text = await button.until_state("saved")
    assert (tmp_path / name).stat().st_size
    assert name.startswith("decart-")
    assert text == ""
    assert [state for state, _, _ in button.states()] == ["recording", "saving", "saved"]


async def test_a_second_press_while_a_clip_is_recorded_starts_no_second_recording(
    button: Button, tmp_path: Path
) -> None:
    button.page.on_tap = send_clip(button.page, clip(tmp_path / "made.webm"))
    button.press(on=True)
    await button.until_state("recording")
    button.press(on=True)
    button.press(on=False)
    await button.until_state("saved")
    assert len([what for what, _ in button.page.calls if what == "tap"]) == 1


async def test_a_press_as_soon_as_a_clip_is_saved_starts_the_next_one(
    button: Button, tmp_path: Path
) -> None:
    button.page.on_tap = send_clip(button.page, clip(tmp_path / "made.webm"))
    shown = button.page.recording

    def press_when_saved(state: str, name: str, text: str = "") -> None:
        shown(state, name, text)
        if state == "saved" and len(button.states()) == 3:
            button.clips.asked_by_page(on=True)

    button.page.recording = press_when_saved  # type: ignore[method-assign]
    button.press(on=True)
    await button.until_state("recording")
    button.press(on=False)
    await button.until_state("saved")
    async with asyncio.timeout(20):
        while [state for state, _, _ in button.states()][-1] != "recording":
            await asyncio.sleep(0.01)
        button.press(on=False)
        while [state for state, _, _ in button.states()][-1] != "saved":
            await asyncio.sleep(0.01)


async def test_a_press_without_a_session_is_shown_as_failed(button: Button) -> None:
    button.page.is_active = False
    button.press(on=True)
    _, _, text = await button.until_state("failed")
    assert "no session" in text


async def test_a_clip_without_a_picture_is_shown_as_failed_and_logged(button: Button) -> None:
    button.page.on_tap = lambda request: button.page.say("ended", request["id"])
    button.press(on=True)
    await button.until_state("failed")
    async with asyncio.timeout(10):
        while not [entry for entry in button.log.entries if entry.level == "error"]:
            await asyncio.sleep(0.01)


def test_ending_a_recording_that_was_not_started_does_nothing(button: Button) -> None:
    button.clips.asked_by_page(on=False)
    assert button.page.calls == []


@pytest.mark.parametrize("seconds", [0, -1, 86_401, float("nan")])
def test_a_length_out_of_range_is_refused(button: Button, seconds: float) -> None:
    with pytest.raises(InvalidOptionError, match="seconds"):
        button.clips.record("clip.mp4", "output", seconds, overwrite=False)


def test_a_notebook_s_clip_needs_a_valid_path_and_a_session(button: Button) -> None:
    with pytest.raises(InvalidPathError):
        button.clips.record("clip.avi", "output", None, overwrite=False)
    button.page.is_active = False
    with pytest.raises(MediaError, match="no session"):
        button.clips.record("clip.mp4", "output", None, overwrite=False)


async def test_a_notebook_s_clip_is_shown_in_pages_too(button: Button, tmp_path: Path) -> None:
    button.page.on_tap = send_clip(button.page, clip(tmp_path / "made.webm"))
    recording: Recording = button.clips.record("mine.webm", "input", None, overwrite=False)
    await button.until_state("recording")
    assert await recording.stop() == tmp_path / "mine.webm"
    assert (await button.until_state("saved"))[1] == "mine.webm"


async def test_a_page_is_told_no_folder_when_its_clip_can_not_be_written(
    button: Button, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)
    button.press(on=True)
    _, _, text = await button.until_state("failed")
    assert "can't be written" in text
    assert str(tmp_path) not in text
    assert any(str(tmp_path) in str(entry) for entry in button.log.entries), "the log names it"


async def test_a_clip_whose_name_exists_gets_another_one(
    button: Button, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "strftime", lambda _format: "decart-now")
    for name in ("decart-now.mp4", "decart-now-2.mp4"):
        (tmp_path / name).write_bytes(b"precious")
    button.page.on_tap = send_clip(button.page, clip(tmp_path / "made.webm"))
    button.press(on=True)
    await button.until_state("recording")
    button.press(on=False)
    assert (await button.until_state("saved"))[1] == "decart-now-3.mp4"


async def test_all_clips_of_pages_together_have_a_limit(
    button: Button, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = clip(tmp_path / "made.webm")
    monkeypatch.setattr(clips, "PAGE_BYTES", len(data) * 3 // 2)
    button.page.on_tap = send_clip(button.page, data)
    button.press(on=True)
    await button.until_state("recording")
    button.press(on=False)
    await button.until_state("saved")
    button.page.calls.clear()
    button.press(on=True)
    _, _, text = await button.until_state("failed")
    assert "from the notebook" in text
