"""A sweep whose process is killed at any moment, and run again until it is done."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from decart_widget import explore
from decart_widget.explore.folders import ledger
from decart_widget.sandbox import Sandbox
from tests.explore.conftest import LIMIT_S

ROOT = Path(__file__).parents[2]


def begin(folder: Path, sandbox: Sandbox, prompts: int) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "tests.explore.sweep_program", str(folder), str(prompts)]
    return subprocess.Popen(
        [*program, sandbox.base_url, sandbox.realtime_base_url],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def finished(folder: Path) -> set[str]:
    """Keys of the cells whose lines are in the folder's ledger."""
    return set(ledger.read(folder / "ledger.jsonl")[0])


def kill_sometime(folder: Path, sandbox: Sandbox, prompts: int, rng: random.Random) -> None:
    """Kills a run: when it has opened its session, or some time after it has finished a cell."""
    process = begin(folder, sandbox, prompts)
    before, admitted = len(finished(folder)), sandbox.stats()["admitted"]
    wanted = before + rng.choice([0, 1])
    until_s = time.monotonic() + LIMIT_S
    while process.poll() is None and time.monotonic() < until_s:
        if len(finished(folder)) >= wanted and sandbox.stats()["admitted"] > admitted:
            break
        time.sleep(0.02)
    time.sleep(rng.uniform(0, 0.9))  # any moment of a cell
    with contextlib.suppress(ProcessLookupError):  # it was done
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def until_no_session_is_open(sandbox: Sandbox) -> None:
    until_s = time.monotonic() + LIMIT_S
    while sandbox.stats()["sessions"] and time.monotonic() < until_s:
        time.sleep(0.05)
    assert not sandbox.stats()["sessions"], "the service sees that the process is gone"


def check_kills(folder: Path, sandbox: Sandbox, kills: int, count: int, seed: int) -> None:
    """Kills a sweep so often, runs it to its end, and looks for cells that ran twice."""
    rng = random.Random(seed)
    done_before: list[tuple[int, set[str]]] = []
    for _ in range(kills):
        kill_sometime(folder, sandbox, count, rng)
        until_no_session_is_open(sandbox)
        done_before.append((len(sandbox.ledger()), finished(folder)))
    last = begin(folder, sandbox, count)
    out, _ = last.communicate(timeout=LIMIT_S)
    assert last.returncode == 0, out
    sheet = explore.load(folder)
    assert {result.status for result in sheet.results.values()} == {"done"}
    assert not sheet.damaged
    assert len(sheet.results) == count + 1, "and the control"
    prompts = {cell.key: cell.prompt for cell in sheet.cells}
    entries = sandbox.ledger()
    for count, keys in done_before:
        asked = {own["prompt"] for entry in entries[count:] for own in entry["prompts"]}
        again = {prompts[key] for key in keys} & asked - {None}
        assert not again, "what was finished was not asked for again"


@pytest.mark.timeout(900)  # five programs, one after the other
@pytest.mark.skipif(os.name == "nt", reason="process groups")
def test_a_sweep_that_is_killed_now_and_then_runs_no_finished_cell_twice(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    seed = int.from_bytes(os.urandom(4))
    check_kills(tmp_path / "sweep", sandbox, kills=4, count=6, seed=seed)
