"""Cells of a sweep in the processes of executors: a pool's, and a Dask cluster's workers."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import pytest

from decart_widget.errors import InvalidKeyError, InvalidOptionError
from decart_widget.sandbox import Faults, Sandbox
from tests.explore.conftest import Kept, billed_s, cells, numbers, run_job
from tests.explore.workers import begin_worker, know_model

FRAMES = 18
PROMPTS = ("noir", "invert", "sepia", "neon")


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPoolExecutor]:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, context, initializer=begin_worker) as executor:
        yield executor


def test_a_pool_s_processes_run_cells_and_send_their_frames_back(
    sandbox: Sandbox, pool: ProcessPoolExecutor
) -> None:
    sandbox.faults = Faults(moderated_word="blood")
    kept = run_job(sandbox, cells(None, *PROMPTS, "blood"), executor=pool, sessions=2)
    assert kept.done.keys() == {None, *PROMPTS}
    assert kept.refusals.keys() == {"blood"}
    assert kept.refusals["blood"].remedy
    assert not kept.failures
    for captured in kept.done.values():
        assert numbers(captured) == list(range(FRAMES))
        assert len(captured.sent) == FRAMES
    assert 1 <= len({captured.session for captured in kept.done.values()}) <= 3
    assert len(kept.threads) == 1


def test_a_stop_and_a_budget_hold_in_other_processes(
    sandbox: Sandbox, pool: ProcessPoolExecutor
) -> None:
    before = billed_s(sandbox)
    kept = run_job(
        sandbox,
        cells(*PROMPTS, *(f"{p} again" for p in PROMPTS)),
        executor=pool,
        sessions=1,
        budget_s=5,
    )
    assert 1 <= len(kept.done) < len(PROMPTS) * 2
    assert billed_s(sandbox) - before <= 5
    stop = threading.Event()

    def stop_after_one(name: str, kept: Kept) -> None:
        if name == "captured":
            stop.set()

    kept = run_job(sandbox, cells(*PROMPTS), executor=pool, hook=stop_after_one, stop=stop)
    assert 1 <= len(kept.done) < len(PROMPTS)
    assert not kept.failures


def test_a_key_never_travels(sandbox: Sandbox, pool: ProcessPoolExecutor) -> None:
    from decart_widget.explore.planning.jobs import Job
    from decart_widget.explore.running import run
    from tests.explore.conftest import CLIP

    for session in ({"api_key": "dct_secret"}, {"endpoint": lambda frame, prompt, image: frame}):
        job = Job(CLIP, cells("noir"), session, executor=pool)
        with pytest.raises(InvalidOptionError, match="workers"):
            run(job, Kept(), threading.Event())


def test_a_worker_without_a_key_says_which_variable_it_needs(sandbox: Sandbox) -> None:
    context = multiprocessing.get_context("spawn")
    with (
        ProcessPoolExecutor(1, context, initializer=know_model) as keyless,
        pytest.raises(InvalidKeyError, match="DECART_WIDGET_SANDBOX_KEY"),
    ):
        run_job(sandbox, cells("noir"), executor=keyless)


@pytest.mark.filterwarnings("ignore")
def test_the_cells_of_a_lost_dask_worker_run_on_another_one_once(sandbox: Sandbox) -> None:
    distributed: Any = pytest.importorskip("distributed")
    killed: list[int] = []
    former = len(sandbox.ledger())
    with (
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        distributed.Client(cluster) as client,
    ):
        client.run(begin_worker)
        client.register_worker_callbacks(begin_worker)
        pids = client.run(os.getpid)

        def kill_one(name: str, kept: Kept) -> None:
            if len(kept.done) == 1 and not killed:
                killed.append(next(iter(pids.values())))
                os.kill(killed[0], signal.SIGKILL)

        kept = run_job(
            sandbox, cells(*PROMPTS, "thermal", "mosaic"), executor=client, hook=kill_one
        )
    assert killed
    assert not kept.failures
    assert kept.done.keys() == {*PROMPTS, "thermal", "mosaic"}
    for captured in kept.done.values():
        assert numbers(captured) == list(range(FRAMES))
    sessions = sandbox.ledger()[former:]
    asked = [own["prompt"] for entry in sessions for own in entry["prompts"]]
    assert len(asked) <= 6 + 3, "only what the lost worker had not handed over ran again"
