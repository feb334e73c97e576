"""What a widget takes as its source: words for what the page sends, and frames of the kernel."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decart_widget import TestPattern, VideoFile
from decart_widget.errors import InvalidOptionError, SourceError
from decart_widget.widgets.source_choice import PAGE_SOURCES
from tests.engine.clips import write_clip
from tests.pure.widget_helpers import sent, settle, updates
from tests.pure.widgets.test_page_rights import by_page


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    return write_clip(tmp_path / "clip.mp4", 3, sound=False)


def test_the_page_sends_its_camera_by_default(make: Any) -> None:
    widget = make()
    assert (widget.engine, widget.source) == ("browser", "camera")
    assert widget._controller.engine.source is None


@pytest.mark.parametrize("word", PAGE_SOURCES)
def test_a_word_stands_for_what_the_page_sends(make: Any, word: str) -> None:
    widget = make(source=word)
    assert (widget.engine, widget.source) == ("browser", word)


def test_a_file_is_sent_by_the_kernel_and_its_folder_stays_here(make: Any, clip: Path) -> None:
    for source in (str(clip), clip, VideoFile(clip)):
        sent.clear()
        widget = make(source=source)
        assert (widget.engine, widget.source) == ("kernel", "clip.mp4")
        assert widget._controller.engine.source.path == clip
        assert str(clip.parent) not in str(sent)


@pytest.mark.parametrize("word", PAGE_SOURCES)
def test_a_file_that_is_named_like_a_pages_source_is_not_taken_for_it(
    make: Any, clip: Path, word: str
) -> None:
    widget = make(source=VideoFile(clip.rename(clip.with_name(word))))
    assert (widget.engine, widget.source) == ("kernel", f"{word} (of the kernel)")


def test_arrays_and_patterns_are_sent_by_the_kernel(make: Any) -> None:
    for source in (TestPattern(), np.zeros((3, 16, 16, 3), np.uint8)):
        widget = make(source=source)
        assert (widget.engine, widget.source) == ("kernel", widget._controller.engine.source.label)


@pytest.mark.parametrize("source", ["missing.mp4", Path("missing.mp4"), 3.5])
def test_a_source_that_cannot_be_used_is_an_error_at_once(make: Any, source: Any) -> None:
    with pytest.raises(SourceError):
        make(source=source)
    widget = make()
    with pytest.raises(SourceError):
        widget.source = source
    assert (widget.engine, widget.source) == ("browser", "camera")


def test_the_source_of_the_next_session_can_be_changed(make: Any, clip: Path) -> None:
    widget = make()
    widget.source = clip
    settle()
    assert (widget.engine, widget.source) == ("kernel", "clip.mp4")
    assert widget._controller.engine.source.path == clip
    assert updates()["engine"] == "kernel"
    widget.source = "test-pattern"
    settle()
    assert (widget.engine, widget._controller.engine.source) == ("browser", None)


def test_another_file_with_the_same_name_is_another_source(make: Any, clip: Path) -> None:
    (clip.parent / "other").mkdir()
    other = write_clip(clip.parent / "other" / "clip.mp4", 3, sound=False)
    widget = make(source=clip)
    widget.source = other
    settle()
    assert widget._controller.engine.source.path == other


def test_a_page_cannot_choose_a_file_of_the_kernel(make: Any, clip: Path) -> None:
    widget = make()
    by_page(widget, source=str(clip))
    assert (widget.engine, widget.source) == ("browser", "camera")
    by_page(widget, source="screen")
    assert widget.source == "screen"
    widget.source = clip
    by_page(widget, source="camera")
    assert (widget.engine, widget.source) == ("kernel", "clip.mp4")
    assert updates()["source"] == "clip.mp4", "the page gets the true value back"


def test_an_active_session_keeps_its_engine(
    make: Any, clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = make()
    monkeypatch.setattr(type(widget._controller), "is_active", property(lambda _self: True))
    with pytest.raises(InvalidOptionError, match="A session is running"):
        widget.source = clip
    with pytest.raises(InvalidOptionError, match="A session is running"):
        widget.replace_source(clip)
    assert (widget.engine, widget.source) == ("browser", "camera")


def test_the_video_options_of_the_kernel_are_automatic(make: Any, clip: Path) -> None:
    widget = make()
    assert widget._current_settings().video.preferred_codec != "AUTO"
    widget.source = clip
    assert widget._current_settings().video.preferred_codec == "AUTO"
