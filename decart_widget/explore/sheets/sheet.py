"""``Sheet``: the cells of a sweep, planned, running or done."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from decart_widget.diagnostics.hidden_arguments import hides_arguments
from decart_widget.errors import DecartError, InvalidOptionError
from decart_widget.explore.folders.folder import SweepFolder
from decart_widget.explore.interface import Listener, State
from decart_widget.explore.planning.budget import check_budget
from decart_widget.explore.planning.definition import Definition
from decart_widget.explore.planning.plan import Estimator, Plan, Planner
from decart_widget.explore.records import CellResult
from decart_widget.explore.sheets.sheet_contents import SheetContents
from decart_widget.explore.sheets.sweep_run import Runner, RunSettings, SweepRun

POLL_S: Final = 0.2
"""Seconds between two looks at a run that is waited for, so that Ctrl-C is heard everywhere."""

STOP_TIMEOUT_S: Final = 60.0
"""Seconds that a stopped run may take to end its sessions and to write what is done."""


class Sheet(SheetContents):
    """The cells of a sweep; made by ``explore.sweep`` and ``explore.load``.

    Nothing is billed before `start`. The cells run on threads of their own; every method may be
    called while they do.

    Args:
        definition: What the sweep is.
        folder: Where its results are.
        sessions: Sessions at once, at most.
        executor: As in ``explore.sweep``.
        budget: Seconds, or US dollars as in ``"$2"``; None: half as much again as the plan.
        scores: The user's score functions by name.
        overwrite: Whether the folder of another sweep may be taken.
        runner: Runs the cells.
        estimate: Says what they take.
        prepare: Returns the definition that can be started, of a sheet that was loaded; None: the
            given one can.

    Raises:
        InvalidPathError: The folder can't be used.
        InvalidOptionError: The budget is none.
    """

    def __init__(
        self,
        definition: Definition,
        folder: SweepFolder,
        *,
        sessions: int,
        executor: Any,
        budget: float | str | None,
        scores: Mapping[str, Callable[..., float]],
        overwrite: bool,
        runner: Runner,
        estimate: Estimator,
        prepare: Callable[[], Definition] | None = None,
    ) -> None:
        super().__init__(definition, folder, scores)
        self._sessions = sessions
        self._executor = executor
        self._overwrite = overwrite
        self._runner = runner
        self._estimate = estimate
        self._prepare = prepare
        self._run: SweepRun | None = None
        self._lock = threading.RLock()
        self._budget = check_budget(budget, definition.options.settings, definition.options.prices)
        results = self._state.results
        if results and not self._planner.open_cells(results):
            self._state.end("done")

    # --- what it does -------------------------------------------------------------------------

    @property
    def state(self) -> State:
        """``"planned"``, ``"running"``, ``"stopped"``, ``"done"`` or ``"failed"``."""
        return self._state.state

    @property
    def error(self) -> dict[str, str]:
        """Code, message and remedy of what ended the last run; empty without an error."""
        return self._state.error

    @property
    def running(self) -> Mapping[str, tuple[float, str]]:
        """Share (0 to 1) and phase of the cells that run now, by their keys."""
        return self._state.running

    @property
    def billed_s(self) -> float:
        """Seconds billed in the last run."""
        return self._state.billed_s

    @property
    def cost(self) -> float | None:
        """US dollars of the last run; None where no price is known."""
        return self._state.cost

    @property
    def left_s(self) -> float | None:
        """Seconds that the run still takes, estimated; None when nothing runs."""
        return self._state.left_s

    @property
    def took_s(self) -> float | None:
        """Seconds that the last run took; None before its end."""
        return self._state.took_s

    @property
    def planned(self) -> frozenset[str]:
        """Keys of the cells of the last run."""
        return self._state.planned

    @property
    def limit_s(self) -> float | None:
        """Seconds for which the budget pays, of the first model; None without a budget."""
        return None if self._budget is None else next(iter(self._budget.seconds.values()))

    @property
    def plan(self) -> Plan:
        """What a start would run, now: cells that are done are not run again."""
        results = self._state.results
        return self._planner.plan_of(self._planner.choose(results), results)

    def plan_for(self, cells: int) -> Plan:
        """Returns the plan of a start that is limited.

        Args:
            cells: How many cells, controls not counted.
        """
        results = self._state.results
        return self._planner.plan_of(self._planner.choose(results, cells), results)

    @property
    def fitting(self) -> int:
        """How many of the open cells the budget pays for, controls not counted."""
        return self._planner.fitting(self._planner.choose(self._state.results))

    def check(self) -> None:
        """Checks that the budget pays for all cells that have no result yet.

        Raises:
            InvalidOptionError: It doesn't; the message says for how many it does.
        """
        planner = self._planner
        planner.check_budget(planner.choose(self._state.results))

    @hides_arguments
    def start(self, cells: int | None = None, *, budget: float | str | None = None) -> Sheet:
        """Runs the cells that have no result yet; returns at once.

        Args:
            cells: How many at most, spread over the sheet; None: all.
            budget: A new limit; None: as before.

        Returns:
            The sheet itself.

        Raises:
            InvalidOptionError: The budget pays for fewer cells, or an argument is none.
            InvalidPathError: The folder can't be written to, or a sweep is running in it.
            SourceError: The clip of a loaded sheet is missing or another one.
        """
        if cells is not None and (isinstance(cells, bool) or not isinstance(cells, int)):
            raise InvalidOptionError(f"cells is {cells!r}.", remedy="Give a number, or None.")
        with self._lock:
            if self.state == "running":
                raise InvalidOptionError(
                    "The sheet is running.", remedy="Wait for its end, or call stop() first."
                )
            self._make_ready()
            if budget is not None:
                self._budget = check_budget(
                    budget, self._definition.options.settings, self._definition.options.prices
                )
            planner, results = self._planner, self._state.results
            chosen = planner.choose(results, cells)
            planner.check_budget(chosen)
            if not chosen:
                if not planner.open_cells(results):
                    self._state.end("done")
                return self
            names = tuple(self._scores)
            self._folder.open(self._definition, scores=names, overwrite=self._overwrite)
            self._state.begin((cell.key for cell in chosen), planner.plan_of(chosen, {}).wall_s)
            self._run = SweepRun(
                self._definition,
                chosen,
                self._folder,
                self._state,
                RunSettings(
                    self._runner,
                    self._sessions,
                    self._executor,
                    planner.limit_of(chosen),
                    self._scores,
                ),
            )
            self._run.start()
        return self

    def stop(self) -> None:
        """Ends the run; cells that are done stay. Returns at once."""
        run = self._run
        if run is not None:
            run.stop()

    def wait(self, timeout: float | None = None, *, progress: bool | None = None) -> State:
        """Waits for the end of the run. Ctrl-C stops it and keeps what is done.

        Args:
            timeout: Seconds; None: as long as it takes.
            progress: Whether a bar is shown on standard error, with the time and the money that
                are left; None: where that is a terminal.

        Returns:
            The state.

        Raises:
            DecartError: No more cells could run; what is done is kept.
        """
        from decart_widget.explore.sheets.progress_bar import ProgressBar

        run = self._run
        if run is not None:
            is_shown = sys.stderr.isatty() if progress is None else progress
            with ProgressBar(self, is_shown=is_shown) as bar:
                self._wait(run, timeout, bar.update)
        if self.state == "failed":
            error = self.error
            raise DecartError(error["message"], remedy=error["remedy"], code=error["code"])
        return self.state

    def retry(self, *cells: Any, start: bool = True) -> Sheet:
        """Runs cells again, which is billed again.

        Args:
            *cells: Which ones, as for `select`; none: all that were refused or failed.
            start: Whether they run at once; False: with the next `start`.

        Returns:
            The sheet itself.

        Raises:
            InvalidOptionError: There is no such cell, the sheet is running, or the budget doesn't
                pay for them.
            InvalidPathError: The folder can't be written to.
        """
        if self.state == "running":
            raise InvalidOptionError("The sheet is running.", remedy="Wait for its end.")
        if cells:
            chosen = [cell for selector in cells for cell in self.select(selector)]
        else:
            bad = {key for key, result in self.results.items() if result.status != "done"}
            chosen = [cell for cell in self.cells if cell.key in bad]
        before = self.results
        self._state.forget(cell.key for cell in chosen)
        try:
            return self.start() if start and chosen else self
        except DecartError:
            self._with_results({c.key: before[c.key] for c in chosen if c.key in before})
            raise

    def on_change(self, callback: Listener) -> Callable[[], None]:
        """Calls back with the keys of cells that changed; with none when the sheet itself did.

        Args:
            callback: Called on whichever thread makes the change; must return quickly.

        Returns:
            A function that ends this.
        """
        return self._state.listen(callback)

    def save(self, folder: Any) -> Path:
        """Writes the sheet into a folder: pictures, clips, one HTML file, tables and the manifest.

        Args:
            folder: Where; made if it isn't there.

        Returns:
            Its absolute path.

        Raises:
            InvalidPathError: It can't be written to.
        """
        from decart_widget.explore.folders import manifest
        from decart_widget.explore.sheets.saving import save

        target = SweepFolder(folder).path
        return save(self, target, manifest.written(self._definition, target, tuple(self._scores)))

    # --- inside -------------------------------------------------------------------------------

    @property
    def _planner(self) -> Planner:
        return Planner(
            self._definition,
            self._estimate,
            sessions=self._sessions,
            budget=self._budget,
            folder=_shown(self.folder),
            damaged=self._damaged,
        )

    def _make_ready(self) -> None:
        if self._prepare is not None:
            self._definition = self._prepare()
            self._prepare = None

    def _wait(self, run: SweepRun, timeout: float | None, update: Callable[[], None]) -> None:
        left_s = float("inf") if timeout is None else timeout
        try:
            while left_s > 0 and not run.wait(min(POLL_S, left_s)):
                left_s -= POLL_S
                update()
        except KeyboardInterrupt:
            run.stop()
            run.wait(STOP_TIMEOUT_S)
        update()

    def _with_results(self, results: Mapping[str, CellResult]) -> None:
        """Replaces results, for instance after they were scored again."""
        for result in results.values():
            self._state.ended(replace(result))

    def rank(self) -> Any:
        """Shows pairs of cells without their names, until it is known which are preferred.

        Returns:
            The view of the sheet, with the first pair; the answers are in `ranking`.

        Raises:
            InvalidOptionError: Fewer than two cells are done.
        """
        from decart_widget.explore.views.view import begin_ranking

        _ = self.ranking  # raises where there is nothing to rank
        return begin_ranking(self)

    def _repr_mimebundle_(self, **options: Any) -> Any:
        from decart_widget.explore.views.view import mimebundle

        return mimebundle(self, **options)

    def __repr__(self) -> str:
        axes = " × ".join(f"{len(axis.labels)} {axis.name}" for axis in self.axes)
        done = sum(result.status == "done" for result in self.results.values())
        return f"Sheet({self.title!r}, {axes}: {done} of {len(self.cells)} done, {self.state})"


def _shown(folder: Path) -> str:
    """Returns a folder as it is shown: relative to where the process runs, if it is there."""
    try:
        return folder.relative_to(Path.cwd()).as_posix()
    except (ValueError, OSError):
        return str(folder)
