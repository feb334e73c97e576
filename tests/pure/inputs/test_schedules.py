"""Schedules of prompts: pairs, a mapping, or a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from decart_widget.errors import ConfigurationError
from decart_widget.inputs.schedules import Change, Schedule, check_schedule

EXPECTED = [Change(0, "watercolour"), Change(2.5, None), Change(10, "pencil sketch")]


def test_a_mapping_is_sorted_by_time() -> None:
    given = {10: "pencil sketch", 0: "watercolour", "2.5": None}
    assert check_schedule(given) == EXPECTED


def test_a_file_holds_the_same(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(json.dumps({"0": "watercolour", "2.5": None, "10": "pencil sketch"}))
    assert check_schedule(path) == check_schedule(str(path)) == EXPECTED


@pytest.mark.parametrize(
    "given",
    [
        *({}, {"soon": "a"}, {-1: "a"}, {float("nan"): "a"}, {0: 3}, {0: "  "}, {0: "x" * 20_000}),
        *([], [(0,)], ["watercolour"], [(0, "a", "yes")], [(True, "a")], 7, None, b"{}"),
        [(at_s, "a") for at_s in range(1001)],
    ],
)
def test_what_is_no_schedule_is_refused(given: Any) -> None:
    with pytest.raises(ConfigurationError):
        check_schedule(given)


@pytest.mark.parametrize("text", ["", "[1]", '"a"', "{", '{"0": 1}'])
def test_a_file_that_holds_no_schedule_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "prompts.json"
    path.write_text(text)
    with pytest.raises(ConfigurationError):
        check_schedule(path)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="No such file"):
        check_schedule(tmp_path / "none.json")


def test_pairs_are_a_schedule_and_of_two_at_one_time_the_last_one_counts() -> None:
    pairs = [(10, "pencil sketch"), (0, "oil"), (2.5, None), (0, "watercolour")]
    assert check_schedule(pairs) == EXPECTED
    assert check_schedule(Schedule(pairs)) == EXPECTED


def test_what_is_exported_is_read_again(tmp_path: Path) -> None:
    schedule = Schedule([(0, "초봄"), (1 / 3, "autumn", False), (7, None)])
    path = tmp_path / "prompts.json"
    text = schedule.to_json(path)
    assert json.loads(text)["0"] == "초봄"
    assert json.loads(text)["7"] is None
    assert Schedule(path) == Schedule(json.loads(text)) == schedule


def test_a_schedule_that_can_not_be_written_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="folder that exists"):
        Schedule({0: "spring"}).to_json(tmp_path / "none" / "prompts.json")


@pytest.mark.parametrize(
    ("time_s", "prompt"),
    [(0, "watercolour"), (2.4, "watercolour"), (2.5, None), (99, "pencil sketch")],
)
def test_the_newest_change_until_then_holds(time_s: float, prompt: str | None) -> None:
    change = Schedule(EXPECTED).at(time_s)
    assert change is not None
    assert change.prompt == prompt
    assert Schedule([(1, "late")]).at(0.9) is None


def test_a_change_that_is_moved_stays_between_its_neighbours_and_is_reported() -> None:
    schedule = Schedule(EXPECTED)
    told: list[float] = []
    end = schedule.on_change(lambda: told.append(schedule.changes[1].at_s))
    assert [schedule.move(1, at_s) for at_s in (4, 0, 12)] == [4, 0.1, 9.9]
    assert told == [4, 0.1, 9.9]
    end()
    assert schedule.move(2, 50) == 50
    assert told == [4, 0.1, 9.9]


@pytest.mark.parametrize(("index", "at_s"), [(3, 1), (-1, 1), (0, -1), (0, float("nan"))])
def test_a_move_to_nowhere_is_refused(index: int, at_s: float) -> None:
    schedule = Schedule(EXPECTED)
    with pytest.raises(ConfigurationError):
        schedule.move(index, at_s)
    assert list(schedule) == EXPECTED
