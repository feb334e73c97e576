"""One run of a sweep: its sessions on one thread, scores and files on another.

The runner hands a cell over when its frames are there, and goes on with the next one, which is
billed meanwhile; so frames are scored and written beside it. A cell counts when its line in the
ledger is on the disk.
"""

from __future__ import annotations

import atexit
import queue
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

from decart_widget.errors import DecartError, InvalidPathError, internal_error
from decart_widget.explore.folders.folder import SENT, SweepFolder
from decart_widget.explore.planning.budget import Budget
from decart_widget.explore.planning.definition import Definition
from decart_widget.explore.records import Captured, Cell, CellResult
from decart_widget.explore.sheets.sheet_state import SheetState
from decart_widget.files import FULL_DISK

if TYPE_CHECKING:
    from decart_widget.explore.planning.jobs import Job, Reports

WAITING: Final = 2
"""Cells whose frames may wait to be scored; then the runner waits too, for memory is bounded."""

EXIT_TIMEOUT_S: Final = 15.0
"""Seconds that the end of the process waits for a run that it stops."""

Runner = Callable[["Job", "Reports", threading.Event], None]
"""Runs the cells of a job: ``explore.running.run``."""

_active: weakref.WeakSet[SweepRun] = weakref.WeakSet()


@dataclass(frozen=True)
class RunSettings:
    """How cells are run.

    Attributes:
        runner: Runs a job.
        sessions: How many run at once, at most.
        executor: As in ``Job``.
        budget: The limit of this run; always one.
        scores: The user's score functions by name.
    """

    runner: Runner
    sessions: int
    executor: Any
    budget: Budget
    scores: Mapping[str, Callable[..., float]] = field(default_factory=dict)


class SweepRun:
    """Runs cells once; `start` returns at once.

    Args:
        definition: The sweep.
        cells: What is run, in this order.
        folder: Open for writing; closed at the end of the run.
        state: Gets results and progress.
        settings: How it is run.
    """

    def __init__(
        self,
        definition: Definition,
        cells: Sequence[Cell],
        folder: SweepFolder,
        state: SheetState,
        settings: RunSettings,
    ) -> None:
        self._definition = definition
        self._cells = tuple(cells)
        self._folder = folder
        self._state = state
        self._settings = settings
        self._stop = threading.Event()
        self._over = threading.Event()
        self._captured: queue.Queue[tuple[Cell, Captured] | None] = queue.Queue(WAITING)
        self._failure: DecartError | None = None
        self._costs: dict[str, float | None] = {}
        self._has_sent = False

    def start(self) -> None:
        """Starts the threads."""
        _active.add(self)
        threading.Thread(target=self._run, name="decart-sweep", daemon=True).start()

    def stop(self) -> None:
        """Asks for the end; cells that are done stay. Returns at once."""
        self._stop.set()

    def wait(self, timeout: float | None) -> bool:
        """Waits for the end of the run.

        Args:
            timeout: Seconds; None: as long as it takes.

        Returns:
            Whether it is over.
        """
        return self._over.wait(timeout)

    # --- on the sweep's thread ----------------------------------------------------------------

    def _run(self) -> None:
        scoring = threading.Thread(target=self._score_all, name="decart-scores", daemon=True)
        scoring.start()
        try:
            for model in dict.fromkeys(cell.model for cell in self._cells):
                if not self._stop.is_set():
                    self._run_model(model)
        except DecartError as error:
            self._failure = self._failure or error.bare()
        except Exception as error:  # a bug must not leave the sheet running for ever
            self._failure = self._failure or internal_error(error)
        self._captured.put(None)
        scoring.join()
        self._folder.close()
        self._end()
        self._over.set()

    def _run_model(self, model: str) -> None:
        from decart_widget.explore.planning.jobs import Job

        definition, settings = self._definition, self._settings
        job = Job(
            source=definition.clip.source,
            cells=tuple(cell for cell in self._cells if cell.model == model),
            session=definition.options.arguments,
            images=definition.images,
            first_s=definition.span.first_s,
            seconds=definition.span.seconds,
            budget_s=settings.budget.left_s(model, self._state.billed),
            sessions=settings.sessions,
            executor=settings.executor,
            models=definition.models,
        )
        settings.runner(job, _Reports(self, model), self._stop)

    def _end(self) -> None:
        results = self._state.results
        missing = [cell for cell in self._cells if cell.key not in results]
        if self._failure is not None:
            self._state.end("failed", self._failure)
        elif missing and not self._stop.is_set():
            text = f"{len(missing)} cells were not run: the budget doesn't pay for them."
            remedy = "Start it again with a larger budget=; what is done is not run again."
            self._state.end("stopped", DecartError(text, remedy=remedy, code="budget-spent"))
        else:
            self._state.end("stopped" if missing else "done")

    # --- reports ------------------------------------------------------------------------------

    def captured(self, cell: Cell, captured: Captured) -> None:
        """Hands a cell's frames over to be scored."""
        self._state.progress(cell.key, 1.0, "scoring")
        self._captured.put((cell, captured))

    def ended(self, result: CellResult) -> None:
        """Writes a result, and stops the run where the disk can't have it."""
        try:
            self._folder.append(result)
        except OSError as error:
            self._cannot_write(error)
            result = replace(
                result, status="failed", reason="It can't be written.", files={}, sizes={}
            )
        self._state.ended(result)

    def spent(self, model: str, billed_s: float, cost: float | None) -> None:
        """Adds up what the models have cost."""
        self._costs[model] = cost
        known = [value for value in self._costs.values() if value is not None]
        self._state.spent(model, billed_s, sum(known) if len(known) == len(self._costs) else None)

    def progress(self, cell: Cell, share: float, phase: str) -> None:
        """Shows the progress of a cell."""
        self._state.progress(cell.key, share, phase)

    # --- on the scoring thread ----------------------------------------------------------------

    def _score_all(self) -> None:
        while (item := self._captured.get()) is not None:
            cell, captured = item
            try:
                self.ended(self._scored(cell, captured))
            except OSError as error:
                self._cannot_write(error)
            except DecartError as error:
                self.ended(_unscored(cell, captured, error))
            except Exception as error:  # a bug; the others may work
                self.ended(_unscored(cell, captured, internal_error(error)))
            del item, captured  # frames, which are large

    def _scored(self, cell: Cell, captured: Captured) -> CellResult:
        from decart_widget.explore.scores import score_all

        scores, errors = score_all(
            captured.frames, captured.sent, captured.times, self._settings.scores
        )
        moments = nearest(captured.times, self._definition.span.moments)
        if not self._has_sent:
            self._folder.write_cell(SENT, captured.sent, captured.times, moments)
            self._has_sent = True
        files, sizes = self._folder.write_cell(cell.key, captured.frames, captured.times, moments)
        return CellResult(
            **_common(cell, captured),
            status="done",
            scores=scores,
            score_errors=errors,
            files=files,
            sizes=sizes,
        )

    def _cannot_write(self, error: OSError) -> None:
        self._failure = self._failure or InvalidPathError(
            f"The sweep's folder can't be written to ({error.strerror or type(error).__name__}).",
            remedy=f"{FULL_DISK} Then start it again: what is done is not run again.",
        )
        self._stop.set()


class _Reports:
    """What the runner is given: the reports of one model's job."""

    def __init__(self, run: SweepRun, model: str) -> None:
        self._run = run
        self._model = model

    def began(self, cell: Cell) -> None:
        self._run.progress(cell, 0.0, "opening")

    def progress(self, cell: Cell, share: float, phase: str) -> None:
        self._run.progress(cell, share, phase)

    def captured(self, cell: Cell, captured: Captured) -> None:
        self._run.captured(cell, captured)

    def refused(self, cell: Cell, error: DecartError, billed_s: float) -> None:
        self._run.ended(_not_done(cell, "refused", error, billed_s))

    def failed(self, cell: Cell, error: DecartError, billed_s: float) -> None:
        self._run.ended(_not_done(cell, "failed", error, billed_s))

    def spent(self, billed_s: float, cost: float | None) -> None:
        self._run.spent(self._model, billed_s, cost)


def nearest(times: Sequence[float], moments: Sequence[float]) -> list[int]:
    """Returns for each moment which of the frames is nearest to it.

    Args:
        times: Of the frames, in seconds; at least one.
        moments: In seconds.
    """
    return [min(range(len(times)), key=lambda i: abs(times[i] - moment)) for moment in moments]


def _common(cell: Cell, captured: Captured) -> dict[str, Any]:
    names = ("indices", "times", "settled_s", "effect_s", "billed_s", "cost", "session", "model_id")
    return {"key": cell.key, **{name: getattr(captured, name) for name in names}}


def _not_done(cell: Cell, status: Any, error: DecartError, billed_s: float) -> CellResult:
    return CellResult(
        key=cell.key, status=status, reason=str(error), code=error.code, billed_s=billed_s
    )


def _unscored(cell: Cell, captured: Captured, error: DecartError) -> CellResult:
    return CellResult(
        **_common(cell, captured), status="failed", reason=str(error), code=error.code
    )


def _stop_at_exit() -> None:
    """Stops what runs when the process ends: nothing more is billed, and what is done stays."""
    runs = list(_active)
    for run in runs:
        run.stop()
    for run in runs:
        run.wait(EXIT_TIMEOUT_S)


atexit.register(_stop_at_exit)
