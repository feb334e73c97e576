"""Sweeps on the local server: a small model, cells, and reports that are kept."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from decart_widget.errors import DecartError
from decart_widget.explore.planning.jobs import Job
from decart_widget.explore.records import Captured, Cell
from decart_widget.explore.running import run
from decart_widget.inputs.sources import marker
from decart_widget.inputs.sources.pattern import TestPattern
from decart_widget.sandbox import Faults, Sandbox, serve
from tests.explore.workers import KEY, MODEL, know_model

LIMIT_S = 240.0
CLIP = TestPattern("texture")


@pytest.fixture(scope="session", autouse=True)
def _small_model() -> None:
    know_model()


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with serve(api_key=KEY, marker=True) as local:
        yield local


@pytest.fixture
def sandbox(shared: Sandbox) -> Iterator[Sandbox]:
    shared.faults = Faults()
    yield shared
    shared.faults = Faults()


def cell(prompt: str | None, number: int = 0, *, fresh: bool = False, repeat: int = 0) -> Cell:
    key = hashlib.sha256(f"{prompt} {fresh} {repeat}".encode()).hexdigest()[:16]
    return Cell(prompt, False, None, MODEL, fresh, repeat, (number,), prompt is None, key)


def cells(*prompts: str | None, fresh: bool = False) -> tuple[Cell, ...]:
    return tuple(cell(prompt, at, fresh=fresh) for at, prompt in enumerate(prompts))


@dataclass
class Kept:
    """Implements ``Reports``: keeps them, and calls a hook after each."""

    done: dict[str | None, Captured] = field(default_factory=dict)
    refusals: dict[str | None, DecartError] = field(default_factory=dict)
    failures: dict[str | None, DecartError] = field(default_factory=dict)
    begun: list[str | None] = field(default_factory=list)
    phases: list[str] = field(default_factory=list)
    billed: list[float] = field(default_factory=list)
    threads: set[int] = field(default_factory=set)
    hook: Callable[[str, Kept], Any] = lambda name, kept: None

    def _note(self, name: str) -> None:
        self.threads.add(threading.get_ident())
        self.hook(name, self)

    def began(self, cell: Cell) -> None:
        self.begun.append(cell.prompt)
        self._note("began")

    def progress(self, cell: Cell, share: float, phase: str) -> None:
        assert 0 <= share <= 1
        self.phases.append(phase)
        self._note("progress")

    def captured(self, cell: Cell, captured: Captured) -> None:
        assert cell.prompt not in self.done, "a cell is handed over once"
        self.done[cell.prompt] = captured
        self._note("captured")

    def refused(self, cell: Cell, error: DecartError, billed_s: float) -> None:
        self.refusals[cell.prompt] = error
        self._note("refused")

    def failed(self, cell: Cell, error: DecartError, billed_s: float) -> None:
        self.failures[cell.prompt] = error
        self._note("failed")

    def spent(self, billed_s: float, cost: float | None) -> None:
        self.billed.append(billed_s)
        self._note("spent")


def run_job(
    sandbox: Any,
    wanted: Sequence[Cell],
    *,
    hook: Callable[[str, Kept], Any] = lambda name, kept: None,
    stop: threading.Event | None = None,
    transport: str = "webrtc",
    seconds: float = 0.6,
    **options: Any,
) -> Kept:
    """Runs cells on the local server; returns what was reported."""
    kept = Kept(hook=hook)
    session = {"endpoint": sandbox, "transport": transport}
    job = Job(CLIP, tuple(wanted), session, seconds=seconds, **options)
    run(job, kept, stop or threading.Event())
    return kept


def numbers(captured: Captured) -> list[int | None]:
    """What the marker in each frame says, which the local server keeps."""
    planes = captured.frames.planes  # type: ignore[attr-defined]
    return [marker.read(plane[: plane.shape[0] * 2 // 3]) for plane in planes]


def billed_s(sandbox: Any) -> float:
    """What the local server has billed in all."""
    return sum(float(entry["seconds"]) for entry in sandbox.ledger())
