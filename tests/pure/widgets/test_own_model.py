"""What a widget shows of a model of the user's: the badge, the figures, the end of its process."""

from __future__ import annotations

import time
from typing import Any

import pytest

from decart_widget.errors import InvalidTransformError
from decart_widget.runtime.trait_values import own_model_words
from decart_widget.sandbox.own.model_link import ModelProcessError
from decart_widget.session.background import Background
from tests.pure.widget_helpers import settle


def invert(frame: Any, prompt: Any, image: Any) -> Any:
    return 255 - frame


FIGURES = {"fps": 29.6, "frame_ms": 24.31, "batch": 1.0}


@pytest.mark.parametrize(
    ("figures", "words"),
    [
        (None, ""),
        ({}, "Your own model"),
        ({"fps": None, "frame_ms": None, "batch": None}, "Your own model"),
        (FIGURES, "Your own model · 24 ms a frame · 30 fps"),
        ({**FIGURES, "frame_ms": 8.83}, "Your own model · 8.8 ms a frame · 30 fps"),
    ],
)
def test_the_badge_names_the_time_a_frame_takes_once_it_is_known(
    figures: dict[str, Any] | None, words: str
) -> None:
    assert own_model_words(figures) == words


def test_only_a_widget_with_a_model_of_ones_own_says_so(make: Any) -> None:
    assert make(endpoint=invert)._own_model == "Your own model"
    assert make()._own_model == ""


def test_the_figures_are_in_stats_and_on_the_badge(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for endpoint, figures in ((invert, FIGURES), (None, None)):
        widget = make() if endpoint is None else make(endpoint=endpoint)
        controller = widget._controller
        monkeypatch.setattr(controller._destination, "own_model", lambda shown=figures: shown)
        message = {"type": "stats", "page_id": "p", "fps": 30.0}
        Background.get().call(controller.stats_received, message)
        deadline = time.monotonic() + 20
        while not widget.stats:  # values are gathered for a moment before they are set
            assert time.monotonic() < deadline
            settle()
        assert widget.stats["fps"] == 30.0
        assert widget.stats.get("model") == figures
        assert widget._own_model == own_model_words(figures)


def test_the_figures_are_shown_where_no_page_measures_anything(
    make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    widget = make(endpoint=invert)
    controller = widget._controller
    monkeypatch.setattr(controller._destination, "own_model", lambda: FIGURES)
    Background.get().call(lambda: controller.check_liveness(beat=False))
    deadline = time.monotonic() + 20
    while not widget.stats:
        assert time.monotonic() < deadline
        settle()
    assert widget.stats == {"model": FIGURES}
    assert widget._own_model == own_model_words(FIGURES)


def test_the_end_of_a_models_process_is_told_without_a_traceback(make: Any) -> None:
    widget = make(endpoint=invert)
    widget._function_failed(ModelProcessError("The model's process was ended by SIGKILL."))
    settle()
    assert widget.error["message"] == "The model's process was ended by SIGKILL."
    assert "unchanged" in widget.error["remedy"]


def test_what_cannot_be_called_is_refused_by_the_constructor(make: Any) -> None:
    with pytest.raises(InvalidTransformError, match="can't be called with frames"):
        make(endpoint=lambda: None)
