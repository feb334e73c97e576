"""A sweep from its plan to its sheet, with a runner that needs no session."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decart_widget.errors import (
    ConnectionLostError,
    DecartError,
    InvalidOptionError,
    InvalidPathError,
)
from decart_widget.explore.planning.axes import grid
from tests.pure.explore.made import BILLED_S, REFUSED, Runs, finished, planned

FOUR = grid("{style}, {light}", style=["oil", "ink"], light=["noon", "dusk"])


def test_nothing_runs_and_nothing_is_written_before_the_start(tmp_path: Path) -> None:
    runs, folder = Runs(), tmp_path / "run"
    sheet = planned(folder, FOUR, runs=runs)
    assert sheet.state == "planned"
    assert not runs.jobs
    assert not folder.exists()


def test_the_plan_says_what_a_start_would_run(tmp_path: Path) -> None:
    plan = planned(tmp_path / "run", FOUR, repeats=2).plan
    assert (plan.places, plan.repeats, plan.cells, plan.controls) == (4, 2, 9, 1)
    assert plan.billed_s > 9 * 0.6
    assert plan.cost == 0.0
    assert "local effects" in str(plan)
    assert "2 style × 2 light" in str(plan)


def test_a_notebook_shows_the_plan_as_text(tmp_path: Path) -> None:
    from IPython.lib.pretty import pretty

    plan = planned(tmp_path / "sweep").plan
    assert pretty(plan) == str(plan)
    assert "Cells" in str(plan)


def test_money_of_the_real_service_is_in_the_plan_with_the_date_of_its_prices(
    tmp_path: Path,
) -> None:
    sheet = planned(
        tmp_path / "run", FOUR, model="lucy-2.6", endpoint="decart", api_key="dct_" + "x" * 30
    )
    plan = sheet.plan
    assert plan.cost == pytest.approx(plan.billed_s * 0.02)
    assert f"(prices of {plan.prices_as_of})" in str(plan)


def test_every_cell_runs_once_controls_first_and_the_rest_shuffled(tmp_path: Path) -> None:
    prompts = [f"look {i}" for i in range(6)]
    runs = Runs()
    sheet = finished(planned(tmp_path / "a", prompts, runs=runs, seed=1))
    assert sheet.state == "done"
    assert runs.cells[0].is_control
    assert sorted(str(cell.prompt) for cell in runs.cells[1:]) == sorted(prompts)
    assert [cell.prompt for cell in runs.cells[1:]] != prompts
    again = Runs()
    finished(planned(tmp_path / "b", prompts, runs=again, seed=1))
    assert [cell.key for cell in again.cells] == [cell.key for cell in runs.cells]
    other = Runs()
    finished(planned(tmp_path / "c", prompts, runs=other, seed=2))
    assert [cell.prompt for cell in other.cells] != [cell.prompt for cell in runs.cells]


def test_combinations_with_the_same_prompt_run_once_and_stand_at_both_places(
    tmp_path: Path,
) -> None:
    runs = Runs()
    same = grid("cat{a}{b}", a={"none": "", "s": "s"}, b={"none": "", "s": "s"})
    sheet = finished(planned(tmp_path / "run", same, runs=runs))
    assert len(runs.cells) == 4
    assert sheet.select(("s", "none"))[0].key == sheet.select(("none", "s"))[0].key
    assert all(record["status"] == "done" for record in sheet.records())
    assert "1 prompt was given again" in str(sheet.plan)


def test_results_have_scores_files_and_a_line_in_the_ledger(tmp_path: Path) -> None:
    sheet = finished(planned(tmp_path / "run"))
    result = sheet.results[sheet.select("oil")[0].key]
    assert result.status == "done"
    assert {"structure", "change", "sharpness"} <= set(result.scores)
    assert len(sheet.clip("oil")) == len(sheet.clip("sent")) == 6
    assert sheet.sprite("oil").startswith(b"\xff\xd8")
    assert len((tmp_path / "run" / "ledger.jsonl").read_text().splitlines()) == 3
    assert sheet.size == (64, 48)


def test_what_is_in_the_folder_is_not_run_again(tmp_path: Path) -> None:
    finished(planned(tmp_path / "run"))
    runs = Runs()
    sheet = planned(tmp_path / "run", runs=runs)
    assert sheet.state == "done"
    assert (sheet.plan.cells, sheet.plan.done) == (0, 3)
    finished(sheet)
    assert not runs.cells


def test_a_sweep_that_has_grown_runs_only_what_is_new(tmp_path: Path) -> None:
    finished(planned(tmp_path / "run", ["oil"]))
    runs = Runs()
    finished(planned(tmp_path / "run", ["oil", "ink"], runs=runs))
    assert [cell.prompt for cell in runs.cells] == ["ink"]


def test_the_folder_that_nobody_names_is_the_same_for_the_same_sweep(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    first = planned(None)
    assert first.folder.parent == tmp_path / "sweeps"
    assert planned(None).folder == first.folder
    assert planned(None, ["oil"]).folder != first.folder
    assert planned(None, seconds=0.5).folder != first.folder


def test_a_refused_cell_keeps_its_reason_and_is_not_run_again_unasked(tmp_path: Path) -> None:
    prompts = ["oil", f"{REFUSED} ink"]
    finished(planned(tmp_path / "run", prompts))
    runs = Runs()
    sheet = planned(tmp_path / "run", prompts, runs=runs)
    result = sheet.results[sheet.select(prompts[1])[0].key]
    assert (result.status, result.reason) == ("refused", "No. Say it again.")
    assert sheet.plan.kept == 1
    finished(sheet)
    assert not runs.cells
    sheet.retry()
    sheet.wait(progress=False)
    assert [cell.prompt for cell in runs.cells] == [prompts[1]]


def test_one_cell_is_run_again_when_asked(tmp_path: Path) -> None:
    runs = Runs()
    sheet = finished(planned(tmp_path / "run", runs=runs))
    sheet.retry("ink").wait(progress=False)
    assert [cell.prompt for cell in runs.cells][3:] == ["ink"]
    assert sheet.state == "done"


def test_stop_keeps_what_is_done(tmp_path: Path) -> None:
    def before(number: int, stop: threading.Event) -> None:
        if number == 2:
            sheet.stop()
            assert stop.is_set()

    sheet = planned(tmp_path / "run", FOUR, runs=Runs(before))
    finished(sheet)
    assert sheet.state == "stopped"
    assert len(sheet.results) == 2
    assert sheet.plan.cells == 3
    runs = Runs()
    finished(planned(tmp_path / "run", FOUR, runs=runs))
    assert len(runs.cells) == 3


def test_ctrl_c_while_waiting_stops_and_keeps_what_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits = threading.Event()

    def before(number: int, stop: threading.Event) -> None:
        if number == 2:
            waits.set()
            assert stop.wait(30)

    sheet = planned(tmp_path / "run", FOUR, runs=Runs(before))
    sheet.start()
    assert waits.wait(30)
    run: Any = sheet._run
    plain = run.wait

    def interrupted(timeout: float | None) -> bool:
        monkeypatch.setattr(run, "wait", plain)
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "wait", interrupted)
    assert sheet.wait(progress=False) == "stopped"
    assert len(sheet.results) == 2


def test_a_session_that_cannot_start_fails_the_sheet_and_keeps_what_is_done(
    tmp_path: Path,
) -> None:
    def before(number: int, stop: threading.Event) -> None:
        if number == 2:
            raise ConnectionLostError("Gone.", remedy="Again.")

    sheet = planned(tmp_path / "run", FOUR, runs=Runs(before))
    sheet.start()
    with pytest.raises(DecartError, match="Gone"):
        sheet.wait(progress=False)
    assert (sheet.state, sheet.error["code"]) == ("failed", "connection-lost")
    assert len(sheet.results) == 2
    runs = Runs()
    finished(planned(tmp_path / "run", FOUR, runs=runs))
    assert len(runs.cells) == 3


def test_a_limited_start_spreads_its_cells_over_both_axes(tmp_path: Path) -> None:
    wide = grid(style=list("abcd"), light=list("xyz"))
    runs = Runs()
    sheet = planned(tmp_path / "run", wide, runs=runs)
    assert sheet.plan_for(4).cells == 5
    sheet.start(4)
    sheet.wait(progress=False)
    places = [cell.place for cell in runs.cells if not cell.is_control]
    assert len(places) == 4
    assert len({place[0] for place in places}) >= 3
    assert len({place[1] for place in places}) >= 2
    assert sheet.state == "stopped" or sheet.plan.cells == 8


def test_a_budget_starts_the_sweep_and_is_the_runners_limit(tmp_path: Path) -> None:
    runs = Runs()
    sheet = planned(tmp_path / "run", budget=60, runs=runs)
    sheet.wait(progress=False)
    assert sheet.state == "done"
    assert runs.jobs[0].budget_s == 60
    assert sheet.billed_s == 3 * BILLED_S
    assert sheet.cost == pytest.approx(3 * BILLED_S * 0.02)


def test_without_a_budget_the_runner_has_a_limit_too(tmp_path: Path) -> None:
    runs = Runs()
    sheet = finished(planned(tmp_path / "run", runs=runs))
    assert runs.jobs[0].budget_s is not None
    assert runs.jobs[0].budget_s < 100
    assert sheet.state == "done"


def test_a_dry_run_starts_nothing_even_with_a_budget(tmp_path: Path) -> None:
    runs = Runs()
    sheet = planned(tmp_path / "run", budget=60, dry_run=True, runs=runs)
    assert (sheet.state, sheet.plan.budget) == ("planned", "60 s")
    assert not runs.jobs


def test_more_cells_than_the_budget_pays_for_are_refused_with_the_number_that_fits(
    tmp_path: Path,
) -> None:
    prompts = [f"look {i}" for i in range(20)]
    with pytest.raises(InvalidOptionError) as caught:
        planned(tmp_path / "run", prompts, budget=12)
    assert caught.value.code == "budget-too-small"
    fits = planned(tmp_path / "run", prompts, budget=1000, dry_run=True).plan_for(1)
    assert fits.billed_s <= 12
    words = caught.value.message.split()
    count = int(words[words.index("for") + 1])
    assert 1 <= count < 20
    plans = planned(tmp_path / "run", prompts)
    assert plans.plan_for(count).billed_s <= 12 < plans.plan_for(count + 1).billed_s
    assert f"cells={count}" in caught.value.remedy


def test_dollars_are_other_seconds_for_each_model(tmp_path: Path) -> None:
    runs = Runs()
    sheet = planned(
        tmp_path / "run",
        ["oil"],
        model=["lucy-2.6", "lucy-restyle-2"],
        budget="$1",
        runs=runs,
    )
    sheet.wait(progress=False)
    assert [job.budget_s for job in runs.jobs] == [
        pytest.approx(50),
        pytest.approx(100 * (1 - 2 * BILLED_S / 50)),
    ]


def test_a_budget_that_is_used_up_stops_the_sheet_and_says_so(tmp_path: Path) -> None:
    class Dear(Runs):
        def __call__(self, job: Any, reports: Any, stop: threading.Event) -> None:
            self.jobs.append(job)
            super().__call__(type(job)(**{**job.__dict__, "budget_s": 2 * BILLED_S}), reports, stop)

    sheet = planned(tmp_path / "run", FOUR, runs=Dear())
    finished(sheet)
    assert (sheet.state, sheet.error["code"]) == ("stopped", "budget-spent")
    assert len(sheet.results) == 2


def test_a_score_of_the_users_is_kept_and_what_it_raises_stands_in_the_cell(
    tmp_path: Path,
) -> None:
    def brightness(frames: Any, sent: Any) -> float:
        return float(np.mean(frames))

    def broken(frames: Any, sent: Any) -> float:
        raise ValueError("no face")

    sheet = finished(planned(tmp_path / "run", score=[brightness, broken]))
    result = sheet.results[sheet.select("oil")[0].key]
    assert result.scores["brightness"] > 0
    assert "no face" in result.score_errors["broken"]
    assert sheet.scores("oil", "brightness") == [result.scores["brightness"]]


def test_listeners_hear_which_cells_changed_and_a_broken_one_ends_nothing(tmp_path: Path) -> None:
    heard: set[str] = set()

    def broken(keys: frozenset[str]) -> None:
        raise RuntimeError

    sheet = planned(tmp_path / "run")
    sheet.on_change(broken)
    end = sheet.on_change(heard.update)
    finished(sheet)
    assert heard == {cell.key for cell in sheet.cells}
    end()
    end()


def test_two_sheets_cannot_run_in_one_folder_at_once(tmp_path: Path) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def before(number: int, stop: threading.Event) -> None:
        begun.set()
        assert go_on.wait(30)

    first = planned(tmp_path / "run", runs=Runs(before))
    first.start()
    assert begun.wait(30)
    second = planned(tmp_path / "run")
    with pytest.raises(InvalidPathError, match="running in"):
        second.start()
    go_on.set()
    first.wait(progress=False)
    assert finished(second).state == "done"


def test_a_model_that_moved_is_named_in_the_plan(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    finished(planned(folder))
    ledger = folder / "ledger.jsonl"
    lines = ledger.read_text().splitlines()
    lines[1] = lines[1].replace("made-small-1", "made-small-2")
    ledger.write_text("\n".join([*lines, ""]))
    assert "made-small-1, made-small-2" in str(planned(folder).plan)
