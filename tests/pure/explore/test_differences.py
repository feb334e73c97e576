"""What has changed between two runs of a sweep."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decart_widget.explore.differences import diff
from decart_widget.explore.records import Captured, Cell
from tests.pure.explore import made
from tests.pure.explore.made import REFUSED, Runs, finished, planned

PROMPTS = ["oil", "ink", "pen", "wax"]


@pytest.fixture
def brightness(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets how bright each cell's pictures become, with a little noise in each repeat."""
    plain = made.captured

    def use(levels: Any, model_id: str = "made-small-1") -> None:
        def captured(cell: Cell) -> Captured:
            whole = plain(cell)
            level = 20 if cell.is_control else levels(cell.prompt) + cell.repeat
            frames = [np.full((48, 64, 3), level, np.uint8) for _ in whole.sent]
            return Captured(**{**whole.__dict__, "frames": frames, "model_id": model_id})

        monkeypatch.setattr(made, "captured", captured)

    return use


def test_a_run_that_is_the_same_has_no_changes(tmp_path: Path, brightness: Any) -> None:
    brightness(lambda _prompt: 100)
    for name in ("old", "new"):
        finished(planned(tmp_path / name, PROMPTS, repeats=3))
    found = diff(tmp_path / "old", tmp_path / "new")
    assert not found.changes
    assert "Nothing has changed" in str(found)
    assert len(found.cells) == 4


def test_another_model_behind_a_name_is_named_first(tmp_path: Path, brightness: Any) -> None:
    brightness(lambda _prompt: 100, "small-1")
    old = finished(planned(tmp_path / "old", PROMPTS))
    brightness(lambda _prompt: 100, "small-2")
    new = finished(planned(tmp_path / "new", PROMPTS))
    first = diff(old, new).changes[0]
    assert (first.kind, first.old, first.new) == ("model", ["small-1"], ["small-2"])
    assert first.text == "made-small was small-1, and is small-2 now."


def test_a_cell_whose_repeats_tell_it_apart_is_named_and_no_other(
    tmp_path: Path, brightness: Any
) -> None:
    brightness(lambda _prompt: 60)
    old = finished(planned(tmp_path / "old", PROMPTS, repeats=4))
    brightness(lambda prompt: 200 if prompt == "ink" else 60)
    new = finished(planned(tmp_path / "new", PROMPTS, repeats=4))
    scored = [change for change in diff(old, new).changes if change.kind == "score"]
    assert scored
    assert {change.place for change in scored} == {"ink"}
    assert "change" in {change.name for change in scored}


def test_without_repeats_a_shift_of_all_cells_is_named(tmp_path: Path, brightness: Any) -> None:
    brightness(lambda _prompt: 60)
    old = finished(planned(tmp_path / "old", PROMPTS))
    brightness(lambda prompt: 120 + len(prompt))
    new = finished(planned(tmp_path / "new", PROMPTS))
    found = diff(old, new)
    shifted = [change for change in found.changes if change.name == "change"]
    assert [change.place for change in shifted] == [""]
    assert "in the mean of 4 cells" in shifted[0].text
    assert "without repeats" in str(found)


def test_prompts_options_and_refusals_that_differ_are_named(tmp_path: Path) -> None:
    old = finished(planned(tmp_path / "old", ["oil", "ink"]))
    new = finished(planned(tmp_path / "new", ["oil", f"{REFUSED} wax"], seconds=0.5))
    kinds = {(change.kind, change.place) for change in diff(old, new).changes}
    assert {("option", ""), ("cell", "ink"), ("cell", f"{REFUSED} wax")} <= kinds


def test_a_cell_that_is_refused_now_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = finished(planned(tmp_path / "old", ["oil", "ink"], Runs()))
    monkeypatch.setattr(made, "REFUSED", "ink")
    new = finished(planned(tmp_path / "new", ["oil", "ink"], Runs()))
    found = [change for change in diff(old, new).changes if change.kind == "status"]
    assert [(change.place, change.old, change.new) for change in found] == [
        ("ink", "done", "refused")
    ]
