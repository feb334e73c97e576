"""Schedules of prompts: a mapping, or a JSON file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from decart_widget.errors import ConfigurationError
from decart_widget.headless.schedule import Change, check_schedule

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
    [{}, {"soon": "a"}, {-1: "a"}, {float("nan"): "a"}, {0: 3}, {0: "  "}, {0: "x" * 20_000}],
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
