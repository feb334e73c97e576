"""A sweep from its plan to its sheet, with a runner that needs no session."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decart_widget.errors import (
    ConfigurationError,
    ConnectionLostError,
    DecartError,
    InvalidKeyError,
    InvalidOptionError,
    InvalidPathError,
    InvalidPromptError,
    SourceError,
    UnknownArgumentError,
)
from decart_widget.explore.axes import grid
from decart_widget.explore.sweeps import load, repeat, sweep
from decart_widget.inputs.sources.camera import Camera
from decart_widget.inputs.sources.video_file import VideoFile
from tests.pure.explore.made import BILLED_S, CLIP, REFUSED, SMALL, Runs, finished, planned, port

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


# --- bad input, before anything is billed -----------------------------------------------------


@pytest.mark.parametrize(
    ("more", "kind", "says"),
    [
        ({"at": [0.5, 2.5]}, InvalidOptionError, "the last moment is 2.5 s"),
        ({"at": []}, InvalidOptionError, "0 moments"),
        ({"at": [-1]}, InvalidOptionError, "at has -1"),
        ({"at": "now"}, InvalidOptionError, "at has 'n'"),
        ({"at": list(range(40)), "seconds": None}, InvalidOptionError, "40 moments"),
        ({"at": [0.7]}, InvalidOptionError, "covers 0.6 s"),
        ({"seconds": 3}, InvalidOptionError, "3 s of it are asked for"),
        ({"seconds": 0}, InvalidOptionError, "seconds is 0"),
        ({"seconds": "1"}, InvalidOptionError, "seconds is '1'"),
        ({"repeats": 0}, InvalidOptionError, "repeats is 0"),
        ({"repeats": 1.5}, InvalidOptionError, "repeats is 1.5"),
        ({"seed": -1}, InvalidOptionError, "seed is -1"),
        ({"sessions": 0}, InvalidOptionError, "sessions is 0"),
        ({"start": 1}, InvalidOptionError, "start is 1"),
        ({"budget": -1}, InvalidOptionError, "budget is -1"),
        ({"budget": "2"}, InvalidOptionError, "budget is"),
        ({"budget": float("nan")}, InvalidOptionError, "budget is nan"),
        ({"budget": "$2"}, InvalidOptionError, "No price is known"),
        ({"executor": "slurm"}, InvalidOptionError, "executor is 'slurm'"),
        ({"score": 3}, InvalidOptionError, ""),
        ({"transprot": "webrtc"}, UnknownArgumentError, "transprot"),
        ({"transport": "tcp"}, InvalidOptionError, "transport"),
        ({"orientation": "up"}, InvalidOptionError, "orientation"),
        ({"endpoint": "decart"}, InvalidKeyError, "no API key"),
        ({"prompts": ["x" * 10_001]}, InvalidPromptError, "10,001 characters"),
        ({"prompts": []}, InvalidOptionError, "axis is empty"),
        ({"folder": "a\0b"}, InvalidPathError, "can't be used"),
    ],
)
def test_what_is_wrong_with_a_call_is_named_before_anything_is_billed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, more: Any, kind: type[DecartError], says: str
) -> None:
    monkeypatch.delenv("DECART_API_KEY", raising=False)
    runs = Runs()
    with pytest.raises(kind) as caught:
        planned(more.pop("folder", tmp_path / "run"), start=True, runs=runs, **more) if (
            "start" not in more
        ) else planned(tmp_path / "run", runs=runs, **more)
    assert isinstance(caught.value, ConfigurationError)
    assert says in caught.value.message
    assert caught.value.remedy
    assert not runs.jobs


@pytest.mark.parametrize(
    "source",
    [
        Camera(0),
        (np.zeros((48, 64, 3), np.uint8) for _ in range(3)),
        "/no/such/clip.mp4",
        VideoFile("/no/such/clip.mp4"),
        None,
    ],
)
def test_a_source_that_cannot_be_played_again_is_refused(tmp_path: Path, source: Any) -> None:
    with pytest.raises(SourceError) as caught:
        sweep(source, ["oil"], model=SMALL, endpoint="sandbox", folder=tmp_path, _port=port())
    assert caught.value.remedy


def test_frames_of_the_users_own_are_a_clip(tmp_path: Path) -> None:
    frames = [np.full((48, 64, 3), i, np.uint8) for i in range(30)]
    args: Any = {"model": SMALL, "endpoint": "sandbox", "folder": tmp_path, "_port": port()}
    sheet = sweep(frames, ["oil"], **args)
    assert sheet.definition.span.seconds == pytest.approx(1)
    other = sweep([frame + 1 for frame in frames], ["oil"], **args)
    assert other.cells[0].key != sheet.cells[0].key


def test_a_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        with pytest.raises(InvalidPathError, match="is a file"):
            planned(folder)


def test_a_folder_that_cannot_be_made_fails_the_start_before_a_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    runs = Runs()
    sheet = planned(tmp_path / "run", runs=runs)
    monkeypatch.setattr(Path, "mkdir", denied)
    with pytest.raises(InvalidPathError, match="Permission denied"):
        sheet.start()
    assert not runs.jobs
    assert sheet.state == "planned"


def test_the_folder_of_another_sweep_is_refused_unless_its_place_is_taken(tmp_path: Path) -> None:
    finished(planned(tmp_path / "run", ["oil", "ink"]))
    with pytest.raises(InvalidPathError, match="other prompts") as caught:
        planned(tmp_path / "run", ["oil"])
    assert caught.value.code == "other-sweep"
    with pytest.raises(InvalidPathError, match="another clip"):
        planned(tmp_path / "run", ["oil", "ink"], seconds=0.5)
    runs = Runs()
    sheet = finished(planned(tmp_path / "run", ["oil", "pen"], overwrite=True, runs=runs))
    assert [cell.prompt for cell in runs.cells] == ["pen"]
    assert len(sheet.results) == 3


def test_a_folder_with_other_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("x")
    with pytest.raises(InvalidPathError, match="other files"):
        planned(tmp_path)


# --- folders ----------------------------------------------------------------------------------


def test_a_loaded_sheet_shows_what_was_done(tmp_path: Path) -> None:
    sheet = finished(planned(tmp_path / "run", FOUR, repeats=2))
    again = load(tmp_path / "run", _port=port())
    assert again.state == "done"
    assert (again.axes, again.cells, again.moments) == (sheet.axes, sheet.cells, sheet.moments)
    assert {k: r.as_json() for k, r in again.results.items()} == {
        k: r.as_json() for k, r in sheet.results.items()
    }
    assert len(again.clip(("oil", "noon"), repeat=1)) == 6


def test_the_manifest_holds_no_secret(tmp_path: Path) -> None:
    key = "dct_" + "s3cret" * 6
    sheet = planned(tmp_path / "run", endpoint="sandbox", api_key=key)
    finished(sheet)
    for path in (tmp_path / "run").rglob("*"):
        assert not path.is_file() or key.encode() not in path.read_bytes()
    assert key not in repr(sheet)


def test_a_manifest_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    finished(planned(tmp_path / "run"))
    path = tmp_path / "run" / "manifest.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    for use in (lambda: load(tmp_path / "run", _port=port()), lambda: planned(tmp_path / "run")):
        with pytest.raises(InvalidPathError, match="newer version") as caught:
            use()
        assert caught.value.code == "newer-manifest"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "decart-widget sweep"}'])
def test_a_damaged_manifest_is_named_and_can_be_written_anew(tmp_path: Path, text: str) -> None:
    finished(planned(tmp_path / "run"))
    (tmp_path / "run" / "manifest.json").write_text(text)
    with pytest.raises(InvalidPathError, match="damaged"):
        load(tmp_path / "run", _port=port())
    runs = Runs()
    finished(planned(tmp_path / "run", overwrite=True, runs=runs))
    assert not runs.cells


def test_of_a_damaged_folder_what_is_whole_is_loaded_and_the_rest_named(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    sheet = finished(planned(folder, FOUR))
    oil, ink = (sheet.select((style, "noon"))[0].key for style in ("oil", "ink"))
    (folder / "cells" / f"{oil}.mp4").unlink()
    clip = folder / "cells" / f"{ink}.jpg"
    clip.write_bytes(clip.read_bytes()[:-5])
    with (folder / "ledger.jsonl").open("a") as ledger:
        ledger.write("{broken}\n")
    again = load(folder, _port=port())
    assert {cell.key for cell in again.cells} - set(again.results) == {oil, ink}
    text = "; ".join(again.damaged)
    assert oil in text
    assert ink in text
    assert "1 line of the ledger" in text
    runs = Runs()
    finished(planned(folder, FOUR, runs=runs))
    assert {cell.key for cell in runs.cells} == {oil, ink}


def test_there_is_nothing_to_load_in_another_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidPathError, match="no sweep"):
        load(tmp_path, _port=port())


def test_a_sweep_is_repeated_beside_the_old_one(tmp_path: Path) -> None:
    sheet = finished(planned(tmp_path / "run", FOUR))
    for old in (sheet, tmp_path / "run"):
        runs = Runs()
        again = repeat(old, _port=port(runs))
        assert again.state == "planned"
        assert again.folder.parent == tmp_path
        assert again.folder != sheet.folder
        assert [cell.key for cell in again.cells] == [cell.key for cell in sheet.cells]
        finished(again)
        assert len(runs.cells) == 5


def test_a_loaded_sheet_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    sheet = planned(tmp_path / "run", FOUR)
    sheet.start(2)
    sheet.wait(progress=False)
    runs = Runs()
    again = finished(load(tmp_path / "run", _port=port(runs)))
    assert again.state == "done"
    assert len(runs.cells) == 2


def test_another_clip_in_the_place_of_the_old_one_is_refused(tmp_path: Path) -> None:
    sheet = finished(planned(tmp_path / "run"))
    with pytest.raises(SourceError, match="isn't the clip"):
        repeat(sheet, _port=port(), source=type(CLIP)("bars", fps=10, duration=3))


def test_stars_are_kept_in_the_folder(tmp_path: Path) -> None:
    sheet = finished(planned(tmp_path / "run"))
    sheet.star("oil")
    assert load(tmp_path / "run", _port=port()).stars == {sheet.select("oil")[0].key}
    sheet.star("oil", False)
    assert not load(tmp_path / "run", _port=port()).stars
