"""Cells of a sweep in real sessions: what they show, what they cost, and how they end."""

from __future__ import annotations

import contextlib
import threading
from dataclasses import replace

import numpy as np
import pytest

from decart_widget.errors import AuthenticationError, SourceError
from decart_widget.explore.planning.jobs import Job
from decart_widget.explore.records import Captured
from decart_widget.explore.running import run
from decart_widget.inputs.sources.video_file import VideoFile
from decart_widget.sandbox import Faults, Sandbox
from tests.explore.conftest import CLIP, Kept, billed_s, cell, cells, numbers, run_job

FRAMES = 18
"""Frames of the clip."""

GRID = [f"{light} {style}" for style in ("noir", "sepia", "neon") for light in "abcd"]


def difference(one: Captured, other: Captured) -> float:
    pairs = zip(one.frames, other.frames, strict=True)
    return float(np.mean([np.abs(a.astype(int) - b).mean() for a, b in pairs]))


@pytest.mark.parametrize("transport", ["webrtc", "livekit"])
def test_each_cell_shows_the_same_frames_of_the_clip_and_a_refused_one_stops_nothing(
    sandbox: Sandbox, transport: str
) -> None:
    sandbox.faults = Faults(moderated_word="blood")
    grid = [*GRID[:4], "blood", *GRID[4:11]] if transport == "webrtc" else ["noir", "blood", "neon"]
    kept = run_job(sandbox, cells(None, *grid), transport=transport)
    assert kept.refusals.keys() == {"blood"}
    assert "moderation" in kept.refusals["blood"].message
    assert not kept.failures
    assert kept.done.keys() == {None, *grid} - {"blood"}
    for prompt, captured in kept.done.items():
        assert captured.indices == tuple(range(FRAMES)), prompt
        assert numbers(captured) == list(range(FRAMES)), prompt
        assert captured.times == pytest.approx([at / 30 for at in range(FRAMES)])
        assert captured.frames[0].shape == captured.sent[0].shape == (180, 320, 3)
    control = kept.done[None]
    assert difference(control, replace(control, frames=control.sent)) < 6
    assert difference(kept.done["neon" if transport == "livekit" else GRID[8]], control) > 15
    assert len({captured.session for captured in kept.done.values()}) == 1
    assert len(kept.threads) == 1, "reports come on the thread that waits"
    assert kept.billed == sorted(kept.billed)


def test_cells_of_one_session_are_those_of_fresh_ones_although_looks_come_in_slowly(
    sandbox: Sandbox,
) -> None:
    sandbox.faults = Faults(inertia_s=0.5)
    prompts = (None, "noir", "invert", "sepia")
    shared = run_job(sandbox, cells(*prompts), seconds=1.2).done
    fresh = run_job(sandbox, cells("noir", "invert", "sepia", fresh=True), seconds=1.2).done
    assert len({captured.session for captured in fresh.values()}) == 3
    floor = difference(shared[None], fresh["noir"])
    for prompt in prompts[1:]:
        assert difference(shared[prompt], fresh[prompt]) < 4 < floor
        assert shared[prompt].settled_s is not None
        assert shared[prompt].effect_s is not None
        assert fresh[prompt].settled_s is None, "its look was there at once"


def test_only_the_frames_of_moments_are_kept(sandbox: Sandbox) -> None:
    kept = run_job(sandbox, cells("noir", "invert"), moments=(0.1, 0.5))
    for captured in kept.done.values():
        assert captured.indices == (3, 15)
        assert numbers(captured) == [3, 15]
        assert len(captured.sent) == 2


def test_a_connection_that_breaks_costs_no_cell(sandbox: Sandbox) -> None:
    broken: list[int] = []

    def break_once(name: str, kept: Kept) -> None:
        if len(kept.done) == 1 and name == "progress" and not broken:
            broken.append(1)
            sandbox.faults = Faults(drop_control_after_s=0, sessions=1)

    kept = run_job(sandbox, cells("noir", "invert", "sepia"), hook=break_once)
    assert broken
    assert kept.done.keys() == {"noir", "invert", "sepia"}
    assert all(numbers(captured) == list(range(FRAMES)) for captured in kept.done.values())


def test_a_stop_keeps_what_is_done_and_ends_the_billing(sandbox: Sandbox) -> None:
    stop = threading.Event()

    def stop_after_one(name: str, kept: Kept) -> None:
        if name == "captured":
            stop.set()

    kept = run_job(sandbox, cells("noir", "invert", "sepia"), hook=stop_after_one, stop=stop)
    assert 1 <= len(kept.done) < 3
    assert not kept.failures
    assert not sandbox.stats()["sessions"]


@pytest.mark.parametrize("sessions", [1, 2])
def test_a_budget_is_never_exceeded(sandbox: Sandbox, sessions: int) -> None:
    before = billed_s(sandbox)
    kept = run_job(sandbox, cells(*GRID), budget_s=6, sessions=sessions)
    assert 1 <= len(kept.done) < len(GRID)
    assert not kept.failures
    assert billed_s(sandbox) - before <= 6
    assert kept.billed[-1] <= 6


def test_a_budget_for_no_cell_opens_no_session(sandbox: Sandbox) -> None:
    admitted = sandbox.stats()["admitted"]
    assert not run_job(sandbox, cells("noir"), budget_s=0.5).done
    assert sandbox.stats()["admitted"] == admitted


def test_what_is_wrong_is_raised_before_anything_is_billed(
    sandbox: Sandbox, tmp_path: object
) -> None:
    admitted = sandbox.stats()["admitted"]
    with pytest.raises(SourceError):
        run(Job(VideoFile("none.mp4"), cells("noir")), Kept(), threading.Event())
    sandbox.faults = Faults(refuse_key=True)
    with pytest.raises(AuthenticationError):
        run_job(sandbox, cells("noir", "invert"))
    assert sandbox.stats()["admitted"] == admitted
    assert CLIP.label


def test_sessions_wait_for_places_that_others_have(sandbox: Sandbox) -> None:
    """Others hold the organisation's places, and leave them one after the other."""
    sandbox.faults = Faults(quota=3)
    others = [Holder(sandbox) for _ in range(3)]
    refused = sandbox.stats()["refused"]

    def leave(name: str, kept: Kept) -> None:
        waited = kept.phases.count("waiting")
        if name == "progress" and ((waited >= 2 and len(others) == 3) or len(others) == 2):
            others.pop().leave()

    try:
        kept = run_job(sandbox, cells(*GRID[:4]), sessions=2, hook=leave)
    finally:
        for other in others:
            other.leave()
    assert len(kept.done) == 4
    assert "waiting" in kept.phases
    assert sandbox.stats()["refused"] == refused, "no start was refused"


class Holder:
    """A session of somebody else, without a picture."""

    def __init__(self, sandbox: Sandbox) -> None:
        from websockets.sync.client import connect

        url = f"{sandbox.realtime_base_url}/v1/stream?api_key={sandbox.api_key}&model=lucy-2.1"
        self._open = contextlib.ExitStack()
        self._open.enter_context(connect(url, proxy=None)).recv()

    def leave(self) -> None:
        self._open.close()


def test_a_cell_is_repeated_in_its_session(sandbox: Sandbox) -> None:
    wanted = [cell("noir", repeat=0), cell("invert"), cell("noir", repeat=1)]
    found: list[Captured] = []

    class All(Kept):
        def captured(self, cell: object, captured: Captured) -> None:
            found.append(captured)

    session = {"endpoint": sandbox, "transport": "webrtc"}
    run(Job(CLIP, tuple(wanted), session, seconds=0.6), All(), threading.Event())
    assert len(found) == 3
    assert difference(found[0], found[2]) < 4
