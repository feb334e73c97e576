"""Sweeps: what a cell costs besides its clip, what a second session gives, scores, and file sizes.

All run on a local server in a process of its own, with 640x360 at 30 frames/s. `lost_per_cell_s`
are the seconds that the server's ledger has besides the clips, for each cell of one session, and
`fresh_lost_per_cell_s` the same with a session for each cell. `speedup_2` is how much sooner two
sessions are done. `inertia_ratio` and `settled_error_s` are of a model whose sessions take 4 s to
start and whose looks take 0.8 s: billed seconds by clip seconds for nine cells, and the largest
error of the time that was measured; `fresh_difference` is by how many levels of 255 these cells
differ more from fresh ones than fresh ones do from each other. `sheet_mb` is the file of 5 x 5
cells of 3 s, `quota_ratio` the time with a quota of 3 and others who take and leave places, by that
of one session without others; `refused_starts` are starts of ours that were refused meanwhile.
"""

from __future__ import annotations

import hashlib
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import Figures
from decart_widget import explore
from decart_widget.errors import DecartError
from decart_widget.explore.planning.jobs import Job
from decart_widget.explore.records import Captured, Cell
from decart_widget.explore.running import run as run_job
from decart_widget.explore.scores import score_all
from decart_widget.inputs.sources.pattern import TestPattern
from decart_widget.models import MODELS, RealtimeModel
from decart_widget.sandbox import ChildSandbox, Faults, Sandbox, serve, start_child

LIMITS: Final = {
    "lost_per_cell_s": 0.5,
    "score_ms_per_frame": 10.0,
    "sheet_mb": 8.0,
    "inertia_ratio": 1.4,
    "settled_error_s": 0.15,
    "fresh_difference": 1.0,
    "refused_starts": 0.0,
    "quota_ratio": 1.15,
}
LEAST: Final = {"speedup_2": 1.6}

MODEL: Final = "sweep-benchmark"
CLIP: Final = TestPattern("texture")
SECONDS: Final = 3.0
INERTIA_S, START_S = 0.8, 4.0
STYLES: Final = (
    "noir",
    "sepia",
    "watercolour",
    "pencil sketch",
    "thermal",
    "mosaic",
    "neon",
    "comic",
)
"""Prompts of eight cells; the control is the ninth."""


@dataclass
class Kept:
    """Implements ``Reports``."""

    done: dict[str, Captured] = field(default_factory=dict)

    def began(self, cell: Cell) -> None:
        """Nothing."""

    def progress(self, cell: Cell, share: float, phase: str) -> None:
        """Nothing."""

    def captured(self, cell: Cell, captured: Captured) -> None:
        self.done[cell.key] = captured

    def refused(self, cell: Cell, error: DecartError, billed_s: float) -> None:
        raise error

    def failed(self, cell: Cell, error: DecartError, billed_s: float) -> None:
        raise error

    def spent(self, billed_s: float, cost: float | None) -> None:
        """Nothing."""


def run() -> Figures:
    MODELS[MODEL] = RealtimeModel(MODEL, fps=30, width=640, height=360)
    figures: Figures = {}
    with start_child() as local:
        one = swept(local, cells())
        figures["lost_per_cell_s"] = one.lost_s
        figures["fresh_lost_per_cell_s"] = swept(local, cells(fresh=True)[:4]).lost_s
        figures["score_ms_per_frame"] = score_ms(next(iter(one.done.values())))
        figures["speedup_2"] = one.took_s / swept(local, cells(), sessions=2).took_s
        figures["sheet_mb"] = sheet_mb(local)
    figures |= with_inertia()
    return figures | with_quota()


def cells(*, fresh: bool = False) -> list[Cell]:
    made = []
    for number, prompt in enumerate((None, *STYLES)):
        key = hashlib.sha256(f"{prompt}".encode()).hexdigest()[:16]
        made.append(Cell(prompt, False, None, MODEL, fresh, 0, (number,), prompt is None, key))
    return made


@dataclass
class Swept:
    """One run: what came back, seconds on the clock, and billed ones besides the clips, a cell."""

    done: dict[str, Captured]
    took_s: float
    billed_s: float

    @property
    def lost_s(self) -> float:
        return self.billed_s / len(self.done) - SECONDS


def swept(local: ChildSandbox | Sandbox, wanted: Sequence[Cell], sessions: int = 1) -> Swept:
    kept, before = Kept(), billed(local)
    job = Job(CLIP, tuple(wanted), {"endpoint": local}, seconds=SECONDS, sessions=sessions)
    began = time.perf_counter()
    run_job(job, kept, threading.Event())
    took_s = time.perf_counter() - began
    return Swept(kept.done, took_s, billed(local) - before)


def billed(local: ChildSandbox | Sandbox) -> float:
    """Seconds in the server's ledger, once no session is open."""
    seconds = -1.0
    while (now := sum(float(entry["seconds"]) for entry in local.ledger())) != seconds:
        seconds = now
        time.sleep(0.3)
    return seconds


def score_ms(captured: Captured) -> float:
    frames, sent = list(captured.frames), list(captured.sent)
    best = min(timed(lambda: score_all(frames, sent, captured.times)) for _ in range(3))
    return 1000 * best / len(frames)


def timed(call: Callable[[], Any]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def sheet_mb(local: ChildSandbox) -> float:
    prompts = explore.grid(
        "a {style} scene, {light}",
        style=list(STYLES[:5]),
        light=["dawn", "noon", "dusk", "night", "storm"],
    )
    with tempfile.TemporaryDirectory() as folder:
        sheet = explore.sweep(
            CLIP,
            prompts,
            model=MODEL,
            seconds=SECONDS,
            folder=Path(folder, "sweep"),
            endpoint=local,
            budget=900,
            sessions=2,
        )
        sheet.wait(progress=False)
        saved = sheet.save(Path(folder, "saved"))
        return max(file.stat().st_size for file in saved.glob("*.html")) / 1e6


def with_inertia() -> Figures:
    with start_child(faults=Faults(inertia_s=INERTIA_S, start_s=START_S)) as local:
        shared = swept(local, cells())
        one, other = (swept(local, cells(fresh=True)[1:4]).done for _ in range(2))
    settled = [own.settled_s for own in shared.done.values() if own.settled_s is not None]
    beyond = [
        difference(one[key], shared.done[key]) - difference(one[key], other[key]) for key in one
    ]
    return {
        "inertia_ratio": shared.billed_s / (SECONDS * len(shared.done)),
        "settled_error_s": max(abs(own - INERTIA_S) for own in settled) if settled else None,
        "settled_cells": len(settled),
        "fresh_difference": max(beyond),
    }


def difference(one: Captured, other: Captured) -> float:
    pairs = zip(one.frames, other.frames, strict=True)
    return float(np.mean([np.abs(a.astype(int) - b).mean() for a, b in pairs]))


def with_quota() -> Figures:
    """Others hold two of three places, and leave and take one every few seconds."""
    with serve(faults=Faults(quota=3)) as local:
        alone = swept(local, cells(), sessions=1)
        over = threading.Event()
        refusals: list[int] = []
        others = threading.Thread(target=come_and_go, args=(local, over, refusals))
        others.start()
        try:
            crowded = swept(local, cells(), sessions=2)
        finally:
            over.set()
            others.join()
            refused = local.stats()["refused"]
    return {
        # With others in two places at most there is one for us all the time.
        "quota_ratio": crowded.took_s / alone.took_s,
        "refused_starts": refused - sum(refusals),
    }


def come_and_go(local: Sandbox, over: threading.Event, refusals: list[int]) -> None:
    from websockets.sync.client import connect

    url = f"{local.realtime_base_url}/v1/stream?api_key={local.api_key}&model=lucy-2.1"
    with connect(url, proxy=None) as first:
        first.recv()
        while not over.is_set():
            with connect(url, proxy=None) as second:
                refusals.append("error" in str(second.recv()))
                over.wait(2.0)
            over.wait(1.0)
