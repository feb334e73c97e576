"""Sweeps through the batch endpoint of the sandbox: each cell is a job with a seed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decart_widget import explore
from decart_widget.errors import InvalidOptionError, InvalidPromptError, MediaError
from decart_widget.explore.batches.batch_clip import encoded, returned
from decart_widget.explore.planning.looped_clip import read_clip
from decart_widget.inputs.sources.frames import Frames
from decart_widget.inputs.sources.reader import Target
from decart_widget.models import RealtimeModel
from decart_widget.sandbox import Faults, Sandbox, serve
from decart_widget.session import generate

KEY = "dct_test_key_of_batch"
LIMIT_S = 120
SMALL = RealtimeModel("lucy-latest", fps=10, width=320, height=176)


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with serve(api_key=KEY, marker=True) as sandbox:
        yield sandbox


@pytest.fixture(autouse=True)
def polls(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "FIRST_POLL_S", 0.01)
    monkeypatch.setattr(generate, "POLL_S", 0.05)


@pytest.fixture
def sandbox(running: Sandbox) -> Iterator[Sandbox]:
    yield running
    running.faults = Faults()


def clip(count: int = 12) -> Frames:
    """Frames that carry their numbers, and move."""
    y, x = np.mgrid[:176, :320]
    frames = []
    for n in range(count):
        frame = np.stack([(x + 6 * n) % 256, (3 * y) % 256, (x + y) // 2], axis=-1).astype(np.uint8)
        frames.append(frame)
    return Frames(frames, fps=10)


def swept(prompts: Any, sandbox: Sandbox, folder: Path, **options: Any) -> explore.Sheet:
    given = {"seconds": 0.6, "model": SMALL, "executor": "batch", **options}
    return explore.sweep(clip(), prompts, folder=folder, endpoint=sandbox, **given)


def jobs(sandbox: Sandbox) -> list[dict[str, Any]]:
    return [entry for entry in sandbox.ledger() if entry["kind"] == "job"]


def test_cells_are_jobs_with_seeds_and_are_compared_frame_by_frame(sandbox, tmp_path) -> None:
    before = len(jobs(sandbox))
    sandbox.faults = Faults(moderated_word="weapon")
    sheet = swept(["a negative", "a weapon"], sandbox, tmp_path / "a", repeats=2, sessions=2)
    assert sheet.plan.billed_s == pytest.approx(2.4)
    sheet.start().wait(LIMIT_S)

    assert sheet.state == "done"
    done = [sheet.results[cell.key] for cell in sheet.select("a negative")]
    refused = [sheet.results[cell.key] for cell in sheet.select("a weapon")]
    control = sheet.results[sheet.select("control")[0].key]
    assert [each.status for each in (*done, *refused, control)] == [
        "done",
        "done",
        "refused",
        "refused",
        "done",
    ]
    assert {each.indices for each in (*done, control)} == {tuple(range(6))}
    assert control.scores["change"] < 3
    assert done[0].scores["structure"] > 0.9
    assert done[0].scores == pytest.approx(done[1].scores)
    assert done[0].model_id == "lucy-2.6"
    assert "moderation" in refused[0].reason
    entries = jobs(sandbox)[before:]
    assert sorted(entry["seed"] for entry in entries) == [0, 1]
    assert sum(each.billed_s for each in sheet.results.values()) == pytest.approx(
        sum(entry["seconds"] for entry in entries), abs=0.2
    )
    # Run again, nothing is run twice; and as sessions it would be another sweep.
    assert swept(["a negative", "a weapon"], sandbox, tmp_path / "a", repeats=2).plan.cells == 0
    with pytest.raises(Exception, match="another sweep"):
        swept(["a negative", "a weapon"], sandbox, tmp_path / "a", repeats=2, executor=None)
    assert len(jobs(sandbox)) == before + 2


def test_a_budget_is_never_exceeded_and_a_refused_key_ends_the_run(sandbox, tmp_path) -> None:
    with pytest.raises(InvalidOptionError, match="pays for 1 of the 2 cells"):
        swept(["a", "b"], sandbox, tmp_path / "b", budget=0.7)
    before = len(jobs(sandbox))
    sheet = swept(["a", "b"], sandbox, tmp_path / "b")
    sandbox.faults = Faults(refuse_key=True)
    sheet.start()
    with pytest.raises(Exception, match="key"):
        sheet.wait(LIMIT_S)
    assert len(jobs(sandbox)) == before


@pytest.mark.parametrize(
    ("prompts", "options", "error"),
    [
        (["a" * 1001], {}, InvalidPromptError),
        (["a"], {"speed": "fast", "model": "lucy-2.6"}, InvalidOptionError),
        (["a"], {"executor": "batches"}, InvalidOptionError),
    ],
)
def test_what_a_batch_job_cannot_do_is_refused_before(
    sandbox, tmp_path, prompts, options, error
) -> None:
    with pytest.raises(error):
        swept(prompts, sandbox, tmp_path / "c", **options)


def test_frames_that_came_back_belong_to_the_nearest_in_time() -> None:
    sent = read_clip(clip(), Target(320, 176, 10), first_s=0.2, seconds=0.6, moments=None)
    assert sent.indices == (2, 3, 4, 5, 6, 7)
    back = returned(encoded(sent), sent)
    assert [at for at, _ in back] == list(range(6))
    for (_, planes), given in zip(back, sent.pictures.planes, strict=True):
        assert np.abs(planes.astype(int) - given).mean() < 3
    # A clip at half the rate, and one with a frame at its end that didn't come back.
    half = replace(sent, pictures=sent.pictures[::2], times=sent.times[::2], fps=5.0)
    assert [at for at, _ in returned(encoded(half), sent)] == [0, 2, 4]
    some = replace(sent, wanted=(1, 4))
    assert [at for at, _ in returned(encoded(sent), some)] == [1, 4]
    with pytest.raises(MediaError, match="can't be decoded"):
        returned(b"#EXTM3U", sent)
