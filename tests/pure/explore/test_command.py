"""The command ``decart-widget sweep``: a plan, a question, and a folder."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

from decart_widget import cli
from decart_widget.explore import sweeps
from tests.pure.explore.made import Runs, port


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch) -> Runs:
    """Cells run without a session, and no terminal is there."""
    found = Runs()
    monkeypatch.setattr(sweeps, "port_of", lambda _executor: port(found))
    monkeypatch.setattr(sys, "stdin", io.StringIO())
    monkeypatch.delenv("DECART_API_KEY", raising=False)
    return found


@pytest.fixture
def clip(tmp_path: Path) -> str:
    """A video file of a second."""
    import numpy as np

    from decart_widget.explore.folders.cell_files import write_clip

    path = tmp_path / "clip.mp4"
    frames = [np.full((48, 64, 3), 8 * i, np.uint8) for i in range(30)]
    write_clip(path, frames, [i / 30 for i in range(30)])
    return str(path)


def arguments(clip: str, tmp_path: Path, *more: str) -> list[str]:
    fields = ["--template", "{style} cat, {light}", "--field", r"style=oil,ink\, thin"]
    fields += ["--field", "light=noon,dusk", "--out", str(tmp_path / "run"), "--quiet"]
    return ["sweep", clip, *fields, *more]


def test_the_plan_is_printed_and_nothing_runs_without_consent(
    runs: Runs, clip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments(clip, tmp_path)) == 1
    out = capsys.readouterr().out
    assert "2 style × 2 light" in out
    assert "Nothing was started" in out
    assert not runs.jobs
    assert not (tmp_path / "run").exists()


def test_with_yes_it_runs_and_writes_what_can_be_shown(
    runs: Runs, clip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(arguments(clip, tmp_path, "--yes", "--budget", "$1")) == 0
    assert {cell.prompt for cell in runs.cells} >= {"oil cat, noon", "ink, thin cat, dusk"}
    names = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"manifest.json", "ledger.jsonl", "records.csv", "sheet.html", "sheet.png"} <= names
    assert "5 cells done" in capsys.readouterr().out


def test_a_dry_run_says_the_plan_only(runs: Runs, clip: str, tmp_path: Path) -> None:
    assert cli.main(arguments(clip, tmp_path, "--yes", "--dry-run")) == 0
    assert not runs.jobs


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--prompt", "x"], "two kinds"),
        (["--field", "light=x"], "is no field"),
        (["--field", "mood=calm"], "no field 'mood'"),
        (["--at", "soon"], "--at has 'soon'"),
        (["--budget", "much"], "--budget has 'much'"),
        (["--budget", "1"], "pays for"),
    ],
)
def test_a_wrong_argument_is_named(
    runs: Runs, clip: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], more: Any, says: str
) -> None:
    assert cli.main(arguments(clip, tmp_path, "--yes", *more)) == 1
    assert says in capsys.readouterr().err
    assert not runs.jobs
