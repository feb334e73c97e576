"""The document of a sheet, and what differs between two of them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

from decart_widget.explore.records import Axis, Cell, CellResult
from decart_widget.explore.views.document import (
    Contents,
    PlanSums,
    State,
    changes,
    describe,
    grouped,
)

AXES = (Axis("style", ("oil", "ink")), Axis("light", ("day", "night")))


def cell(column: int, row: int, repeat: int = 0, *, is_control: bool = False) -> Cell:
    place = () if is_control else (column, row)
    return Cell("p", True, None, "m", False, repeat, place, is_control, f"{column}{row}{repeat}")


def done(key: str, **scores: float) -> CellResult:
    files = {"sprite": f"cells/{key}.jpg"}
    return CellResult(
        key, "done", settled_s=0.4, billed_s=2.6, cost=0.05, scores=scores, files=files
    )


def contents(
    cells: list[Cell], results: list[CellResult], *, state: State = "done", **more: Any
) -> Contents:
    made = Contents(
        title="clip.mp4",
        state="done",
        axes=AXES,
        cells=cells,
        results={result.key: result for result in results},
        moments=(0.2, 0.61234),
        size=(320, 180),
        plan=PlanSums(cells=4, cell_s=2.6, price_per_s=0.02),
    )
    return replace(made, state=state, **more)


FOUR = [cell(column, row) for column in (0, 1) for row in (0, 1)]


def test_places_stand_in_rows_and_the_control_is_none_of_them() -> None:
    cells = [*FOUR, cell(9, 9, is_control=True), cell(1, 0, 1)]
    assert [[one.key for one in place] for place in grouped(cells)] == [
        ["000"],
        ["100", "101"],
        ["010"],
        ["110"],
    ]


def test_each_cell_says_what_became_of_it() -> None:
    results = [
        done("000", structure=0.8),
        CellResult("100", "refused", reason="Names a living person."),
        CellResult("010", "failed", reason="The connection was lost.", billed_s=1.0),
    ]
    document = describe(contents(FOUR, results, state="stopped"))
    cells = document["cells"]
    assert [one["status"] for one in cells] == ["done", "refused", "failed", "left"]
    assert cells[0]["picture"] == "000"
    assert (cells[0]["settled"], cells[0]["bill"]) == ("0.40 s", "2.6 s · $0.05")
    assert cells[1]["reason"] == "Names a living person."
    assert [one["picture"] for one in cells[1:]] == [None] * 3
    assert {key: document["progress"][key] for key in ("done", "refused", "failed", "cells")} == {
        "done": 1,
        "refused": 1,
        "failed": 1,
        "cells": 4,
    }


def test_what_has_not_run_is_planned_or_waits_or_runs() -> None:
    assert {e["status"] for e in describe(contents(FOUR, [], state="planned"))["cells"]} == {
        "planned"
    }
    running = {"010": (0.5, "taking"), "100": (0.1, "settling")}
    document = describe(contents(FOUR, [], state="running", running=running, left_s=7.0))
    found = {entry["key"]: (entry["status"], entry["phase"]) for entry in document["cells"]}
    assert found == {
        "000": ("waiting", ""),
        "100": ("running", "settling…"),
        "010": ("running", "50%"),
        "110": ("waiting", ""),
    }


def test_a_run_that_waits_for_a_free_session_says_so() -> None:
    running = {"000": (0.0, "waiting")}
    document = describe(contents(FOUR, [], state="running", running=running))
    assert "waits for a free one" in document["progress"]["note"]


def test_repeats_are_one_cell_with_an_interval() -> None:
    cells = [cell(0, 0, repeat) for repeat in range(5)]
    results = [done(one.key, structure=0.8 + 0.01 * one.repeat) for one in cells]
    (entry,) = describe(contents(cells, results))["cells"]
    figure = entry["figures"]["structure"]
    assert figure["text"] == "0.82"
    assert 0.78 < figure["low"] < 0.82 < figure["high"] < 0.86
    assert (entry["repeats"], entry["billed"]) == (5, "13.0 s")


def test_the_noise_of_the_control_is_taken_off_and_said() -> None:
    control = cell(9, 9, is_control=True)
    results = [done("000", change=12.0), done(control.key, change=2.0)]
    document = describe(contents([cell(0, 0), control], results))
    assert document["cells"][0]["figures"]["change"]["detail"] == "ΔE 10"
    assert document["noise"] == "codec and path: ΔE 2.0, taken off"


def test_a_score_of_the_users_is_the_first_choice_and_reaches_over_the_sheet() -> None:
    results = [done("000", structure=0.8, smile=3.0), done("100", structure=0.8, smile=5.0)]
    document = describe(contents(FOUR, results))
    assert document["score"] == "smile"
    shares = [e["figures"]["smile"]["share"] for e in document["cells"] if e["figures"]]
    assert shares == [0.0, 1.0]
    assert describe(contents(FOUR, [done("000", structure=0.8)]))["score"] == "structure"


def test_an_error_of_a_score_is_the_cells_reason_and_no_figure() -> None:
    result = replace(
        done("000", structure=0.8, smile=math.nan), score_errors={"smile": "ValueError: no face"}
    )
    entry = describe(contents(FOUR, [result]))["cells"][0]
    assert entry["reason"] == "smile: ValueError: no face"
    assert set(entry["figures"]) == {"structure", "settled"}


def test_the_document_is_json_and_the_same_for_the_same_contents() -> None:
    made = contents(FOUR, [done("000", structure=0.8, sharpness=math.inf)])
    text = json.dumps(describe(made), allow_nan=False)
    assert json.loads(text) == describe(made)


def test_a_change_is_the_fields_and_cells_that_differ() -> None:
    before = describe(contents(FOUR, [done("000", structure=0.8)]))
    after = describe(contents(FOUR, [done("000", structure=0.8)], stars=frozenset({"110"})))
    patch = changes(before, after)
    assert set(patch) == {"cells"}
    assert [(entry["key"], entry["starred"]) for entry in patch["cells"]] == [("110", True)]
    assert changes(after, after) == {}
