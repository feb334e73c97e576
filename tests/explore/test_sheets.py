"""A sheet whose cells run in real sessions of the local server."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from decart_widget import explore
from decart_widget.sandbox import Faults, Sandbox
from tests.explore.conftest import CLIP, LIMIT_S, billed_s
from tests.explore.workers import MODEL


def test_a_grid_with_a_refused_cell_becomes_a_sheet_that_is_kept_and_never_run_twice(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sandbox.faults = Faults(moderated_word="blood")
    looks = explore.grid(
        "{style} {light}", style=["noir", "sepia", "neon"], light=["noon", "dusk", "blood", "dawn"]
    )
    before = billed_s(sandbox)

    def sheet() -> explore.Sheet:
        return explore.sweep(
            CLIP,
            looks,
            model=MODEL,
            enrich=False,
            seconds=0.5,
            folder=tmp_path / "run",
            endpoint=sandbox,
            transport="webrtc",
            budget=300,
        )

    first = sheet()
    assert first.wait(LIMIT_S) == "done", first.error
    statuses = [first.results[cell.key].status for cell in first.cells]
    assert (statuses.count("done"), statuses.count("refused")) == (10, 3)
    refused = first.results[first.select(("sepia", "blood"))[0].key]
    assert "moderation" in refused.reason
    done = [result for result in first.results.values() if result.status == "done"]
    assert {result.indices for result in done} == {tuple(range(15))}
    spent_s = billed_s(sandbox)
    assert spent_s - before <= 300
    assert abs(spent_s - before - first.billed_s) < 2
    floor = first.scores("control", "change")[0]
    assert first.scores(("neon", "noon"), "change")[0] > floor + 10

    again = sheet()
    assert again.wait(LIMIT_S) == "done"
    assert billed_s(sandbox) == spent_s

    saved = first.save(tmp_path / "shown")
    loaded = explore.load(saved)
    assert loaded.results == first.results
    assert len(loaded.clip(("neon", "dusk"))) == len(loaded.clip("sent")) == 15
    assert not explore.diff(first, loaded).changes


def test_the_prompts_of_a_schedule_follow_each_other_within_a_cell(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    sheet = explore.sweep(
        CLIP,
        {
            "both": explore.schedule([(0, "noir"), (0.6, "neon")]),
            "first": "noir",
            "last": "neon",
        },
        model=MODEL,
        enrich=False,
        seconds=1.2,
        folder=tmp_path / "run",
        endpoint=sandbox,
        transport="webrtc",
        budget=300,
    )
    assert sheet.wait(LIMIT_S) == "done", sheet.error
    both, first, last = (sheet.clip(label) for label in ("both", "first", "last"))
    nearer = [
        bool(np.abs(a.astype(int) - f).mean() < np.abs(a.astype(int) - g).mean())
        for a, f, g in zip(both, first, last, strict=True)
    ]
    # The prompt may overtake frames that are on their way, so where it changes isn't exact.
    assert all(nearer[:3])
    assert not any(nearer[-3:])
    assert nearer == sorted(nearer, reverse=True), "it changes once"
