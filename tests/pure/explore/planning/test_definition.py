"""The cells of a sweep: the part of the clip that they cover, their keys and their order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from decart_widget.explore.planning.definition import in_order, spread_over
from decart_widget.explore.running.reel import Script
from decart_widget.inputs.schedules import Schedule
from tests.pure.explore.made import planned


def sheet_of(tmp_path: Path, prompts: Any = ("oil",), **more: Any) -> Any:
    return planned(tmp_path / "run", prompts, **{"seconds": None, **more})


@pytest.mark.parametrize(
    ("more", "span"),
    [
        ({}, (0.0, 2.0)),  # the whole clip, which is shorter than 3 s
        ({"seconds": 0.5}, (0.0, 0.5)),
        ({"at": [0.5, 1.2]}, (0.5, 0.8)),  # to the last moment, whose frame is taken too
        ({"at": 1.0}, (1.0, 0.2)),
        ({"at": [1.95]}, (1.8, 0.2)),
        ({"at": [0.5], "seconds": 1.0}, (0.0, 1.0)),
    ],
)
def test_a_cell_covers_the_clip_between_its_moments(tmp_path: Path, more: Any, span: Any) -> None:
    found = sheet_of(tmp_path, **more).definition.span
    assert (found.first_s, found.seconds) == pytest.approx(span)
    assert all(found.first_s <= m <= found.first_s + found.seconds for m in found.moments)


def test_moments_that_nobody_gives_are_spread_over_the_part(tmp_path: Path) -> None:
    moments = sheet_of(tmp_path, seconds=2).moments
    assert len(moments) == 16
    assert (moments[0], moments[-1]) == pytest.approx((0.0, 1.9))


@pytest.mark.parametrize(
    "more",
    [
        {"seconds": 0.5},
        {"at": [0.5]},
        {"prompts": ["ink"]},
        {"enrich": False},
        {"fresh": True},
        {"transport": "webrtc"},
        {"mirror": "on"},
        {"model": "lucy-2.6"},
    ],
)
def test_whatever_changes_the_picture_changes_the_key(tmp_path: Path, more: Any) -> None:
    plain = {cell.key for cell in sheet_of(tmp_path).cells}
    keys = plain, {cell.key for cell in sheet_of(tmp_path, **more).cells}
    keeps_control = {"seconds", "at", "transport", "mirror", "model"}.isdisjoint(more)
    assert len(keys[0] & keys[1]) == int(keeps_control)


@pytest.mark.parametrize("more", [{"seed": 3}, {"sessions": 2}, {"budget": 90, "dry_run": True}])
def test_what_does_not_change_the_picture_leaves_the_key(tmp_path: Path, more: Any) -> None:
    assert sheet_of(tmp_path, **more).cells == sheet_of(tmp_path).cells


def test_each_repeat_has_a_key_of_its_own(tmp_path: Path) -> None:
    cells = sheet_of(tmp_path, repeats=3).cells
    assert len({cell.key for cell in cells}) == len(cells) == 4


def test_of_a_schedule_a_cell_has_what_falls_into_its_part(tmp_path: Path) -> None:
    prompts = Schedule([(0, "spring"), (0.4, "summer"), (1, "autumn"), (1.9, "winter")])
    cell = sheet_of(tmp_path, prompts, at=[0.5, 1.5]).cells[1]
    assert (cell.prompt, cell.changes) == ("summer", ((1.0, "autumn"),))


def test_a_take_has_come_as_far_as_it_was_played_and_a_lead_in_does_not_count() -> None:
    script = Script(4, 1)
    script.play(7, range(4), lead_in=2)
    for _ in range(4):
        script.next()
    assert script.has_played(7, 1)
    assert not script.has_played(7, 2)
    assert not script.has_played(6, 0)
    for _ in range(9):  # the clip's end goes on being played for nothing
        script.next()
    assert script.has_played(7, 3)


@pytest.mark.parametrize("count", [1, 3, 4, 6, 11])
def test_a_limited_choice_is_of_so_many_cells_in_many_rows_and_columns(
    tmp_path: Path, count: int
) -> None:
    wide: Any = {"prompts": [f"look {i}" for i in range(4)], "enrich": [True, False]}
    cells = in_order(sheet_of(tmp_path, **wide, fresh=[True, False]).cells, 0)
    chosen = [cell for cell in spread_over(cells, count) if not cell.is_control]
    assert len(chosen) == count
    assert len({cell.place[0] for cell in chosen}) >= min(count, 3)
