"""A runner that is driven by the test instead of by sessions, and sweeps on it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np

from decart_widget.errors import RequestRejectedError
from decart_widget.explore.planning.jobs import Estimate, Job, Reports
from decart_widget.explore.records import Captured, Cell
from decart_widget.explore.sheets.sheet import Sheet
from decart_widget.explore.sweeps import sweep
from decart_widget.inputs.sources.pattern import TestPattern
from decart_widget.models import RealtimeModel

SMALL: Final = RealtimeModel("made-small", fps=10, width=64, height=48)
"""A model whose cells are scored and written in milliseconds."""

CLIP: Final = TestPattern("bars", fps=10, duration=2)

REFUSED: Final = "forbidden"
"""A prompt with this word in it is refused."""

BILLED_S: Final = 1.5
"""What a cell costs."""


class Runs:
    """Runs jobs at once, and keeps what was asked of it.

    Args:
        before: Called before each cell, with its number and the job's stop event; may raise.
    """

    def __init__(self, before: Callable[[int, threading.Event], None] | None = None) -> None:
        self.jobs: list[Job] = []
        self.cells: list[Cell] = []
        self._before = before

    def __call__(self, job: Job, reports: Reports, stop: threading.Event) -> None:
        self.jobs.append(job)
        billed_s = 0.0
        for cell in job.cells:
            if self._before is not None:
                self._before(len(self.cells), stop)
            if stop.is_set():
                return
            if job.budget_s is not None and billed_s + BILLED_S > job.budget_s:
                return
            self.cells.append(cell)
            reports.began(cell)
            reports.progress(cell, 0.5, "taking")
            if cell.prompt is not None and REFUSED in cell.prompt:
                reports.refused(cell, RequestRejectedError("No.", remedy="Say it again."), 0.0)
                continue
            billed_s += BILLED_S
            reports.captured(cell, captured(cell))
            reports.spent(billed_s, billed_s * 0.02)


def captured(cell: Cell) -> Captured:
    """Six frames of a picture that the cell's key decides."""
    rng = np.random.default_rng(int(cell.key, 16) % 2**32)
    sent = [np.full((48, 64, 3), 20 * i, np.uint8) for i in range(6)]
    look = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
    frames = sent if cell.is_control else [look for _ in sent]
    return Captured(
        indices=tuple(range(6)),
        times=tuple(i / 10 for i in range(6)),
        frames=frames,
        sent=sent,
        settled_s=0.3,
        billed_s=BILLED_S,
        cost=BILLED_S * 0.02,
        session="s-1",
        model_id="made-small-1",
    )


def estimate(job: Job) -> Estimate:
    """One session at a time, and a second of lead-in a cell."""
    billed_s = len(job.cells) * (job.seconds + 1)
    return Estimate(1 if job.cells else 0, 1.0, billed_s, billed_s / job.sessions)


def port(runs: Any = None) -> Any:
    """What runs and estimates the cells of a sweep."""
    return (Runs() if runs is None else runs, estimate)


def planned(
    folder: Path | None, prompts: Any = ("oil", "ink"), runs: Any = None, **more: Any
) -> Sheet:
    """A sweep on the sandbox that has not begun."""
    given = {
        "model": SMALL,
        "seconds": 0.6,
        "folder": folder,
        "endpoint": "sandbox",
        "_port": port(runs),
        **more,
    }
    return sweep(CLIP, prompts, **given)


def finished(sheet: Sheet) -> Sheet:
    """Starts a sheet and waits for its end."""
    sheet.start()
    sheet.wait(progress=False)
    return sheet
