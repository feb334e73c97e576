"""Schedules as a notebook shows them."""

from __future__ import annotations

import re

import pytest

from decart_widget import explore
from decart_widget.errors import ConfigurationError
from decart_widget.inputs.schedule_drawing import as_html, drawn_length
from decart_widget.inputs.schedules import Change

CHANGES = [Change(0, "spring <b>"), Change(2.5, None), Change(5, "初雪")]


def test_a_schedule_is_drawn_as_blocks_whose_width_is_their_time() -> None:
    drawn = as_html(CHANGES, 8.0)
    assert re.findall(r"left:([\d.]+)%;width:calc\(([\d.]+)%", drawn) == [
        ("0.00", "31.25"),
        ("31.25", "31.25"),
        ("62.50", "37.50"),
    ]
    assert "spring &lt;b&gt;" in drawn
    assert "as it is" in drawn
    assert "初雪" in drawn
    assert explore.schedule(CHANGES)._repr_html_() == as_html(CHANGES)


def test_a_clip_of_unknown_length_leaves_room_after_the_last_change() -> None:
    assert drawn_length(CHANGES) == 7
    assert drawn_length(CHANGES, 4.0) == 7
    assert drawn_length([Change(100, "late")]) == 120


def test_the_axis_of_a_long_schedule_has_few_labels() -> None:
    assert as_html([Change(0, "a"), Change(3600, "b")]).count("<span") <= 12


def test_what_is_no_schedule_is_refused() -> None:
    with pytest.raises(ConfigurationError):
        explore.schedule("spring")
