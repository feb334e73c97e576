"""The plan of a sweep: what a start would run, how long it would take, and what it would cost."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Final

from decart_widget.errors import InvalidOptionError
from decart_widget.explore.planning.budget import Budget
from decart_widget.explore.planning.definition import Definition, in_order, spread_over
from decart_widget.explore.records import Cell, CellResult
from decart_widget.prices import PRICES_AS_OF

if TYPE_CHECKING:
    from decart_widget.explore.planning.jobs import Estimate, Job

SPARE_FACTOR: Final = 1.5
"""By how much a run may exceed its plan where no budget is given."""

SPARE_S: Final = 10.0
"""Seconds that are added to that, for starts and frames that have to be taken again."""

Estimator = Callable[["Job"], "Estimate"]
"""Says what a job takes: ``explore.running.estimate``."""


@dataclass(frozen=True)
class Plan:
    """What a start would do.

    Attributes:
        axes: Name and number of labels of each axis.
        places: Places on the sheet.
        repeats: Runs of each place.
        cells: Cells that would run, the controls included.
        controls: How many of them are controls: the untouched clip on the same way.
        done: Cells that the folder has already.
        kept: Cells that were refused or failed, which run only when asked (``sheet.retry()``).
        merged: Prompts that were given again, and run once.
        sessions: Sessions that would be opened.
        at_once: How many of them at the same time, at most.
        seconds: Seconds of the clip that each cell covers.
        lead_in_s: Seconds before each cell, in which its look comes in; they are billed too.
        billed_s: Seconds that would be billed.
        cost: US dollars for them; None where no price is known.
        prices: US dollars per second by model; None where no price is known.
        prices_as_of: Year and month of the list prices.
        wall_s: Seconds until the end.
        budget: The limit, for people; empty without one.
        budget_s: The limit in seconds; of several models that of the first. None without one.
        moments: Times in the clip at which the sheet shows its cells, in seconds.
        models: Names of the models.
        is_local: Whether the local server's effects stand in for the models.
        folder: Where the results go.
        notes: What else is to be known, a sentence each.
    """

    axes: tuple[tuple[str, int], ...]
    places: int
    repeats: int
    cells: int
    controls: int
    done: int
    kept: int
    merged: int
    sessions: int
    at_once: int
    seconds: float
    lead_in_s: float
    billed_s: float
    cost: float | None
    prices: Mapping[str, float | None]
    prices_as_of: str
    wall_s: float
    budget: str
    budget_s: float | None
    moments: tuple[float, ...]
    models: tuple[str, ...]
    is_local: bool
    folder: str
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Returns the plan as JSON values."""
        return asdict(self)

    def rows(self) -> list[tuple[str, str]]:
        """Returns the plan for people: names, and what is to be said of each."""
        axes = " × ".join(f"{count} {name}" for name, count in self.axes)
        already = f", {self.done} done already" if self.done else ""
        runs = f", {self.repeats} runs each" if self.repeats > 1 else ""
        control = f"{self.controls} untouched for comparison"
        rows = [
            ("Cells", f"{axes}{runs}: {self.cells - self.controls} to run and {control}{already}"),
            ("Sessions", f"{self.sessions}, {self.at_once} at a time"),
            (
                "Takes",
                f"{self.seconds:g} s of the clip and {self.lead_in_s:.2g} s before, per cell",
            ),
            ("Billed", self.price_text()),
            ("Time", f"about {duration(self.wall_s)}"),
            ("Model", ", ".join(self.models)),
            ("Folder", self.folder),
        ]
        if self.budget:
            rows.insert(4, ("Budget", self.budget))
        return rows + [("Note", note) for note in self.notes]

    def price_text(self) -> str:
        """Returns seconds and money in one line."""
        seconds = f"{self.billed_s:.1f} s"
        if self.is_local:
            return f"{seconds} of local effects: nothing is billed"
        if self.cost is None:
            return f"{seconds}; the price is not known"
        return f"{seconds} · ${self.cost:.2f} (prices of {self.prices_as_of})"

    def __str__(self) -> str:
        width = max(len(name) for name, _ in self.rows())
        return "\n".join(f"{name:<{width}}  {text}" for name, text in self.rows())

    def _repr_pretty_(self, printer: Any, cycle: bool) -> None:
        """Shows the plan as text at the end of a notebook's cell."""
        printer.text("..." if cycle else str(self))


def duration(seconds: float) -> str:
    """Returns a time for people, such as ``"2 min 5 s"``.

    Args:
        seconds: The time.
    """
    whole = math.ceil(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s" if rest else f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min"


class Planner:
    """Chooses the cells of the next run, and says what they take.

    Args:
        definition: The sweep.
        estimate: Says what a job takes.
        sessions: Sessions at once, at most.
        budget: The limit; None: none was given.
        folder: Where the results go, for people.
        damaged: What isn't whole in the folder, a sentence each.
    """

    def __init__(
        self,
        definition: Definition,
        estimate: Estimator,
        *,
        sessions: int,
        budget: Budget | None,
        folder: str,
        damaged: Sequence[str] = (),
    ) -> None:
        self._definition = definition
        self._estimate = estimate
        self._sessions = sessions
        self._budget = budget
        self._folder = folder
        self._damaged = tuple(damaged)

    def open_cells(self, results: Mapping[str, CellResult]) -> tuple[Cell, ...]:
        """Returns the cells without a result, in the order of running.

        A control is left out when nothing else of its model is open.

        Args:
            results: What is known already.
        """
        left = [cell for cell in self._definition.cells if cell.key not in results]
        wanted = {cell.model for cell in left if not cell.is_control}
        return in_order((cell for cell in left if cell.model in wanted), self._definition.seed)

    def choose(
        self, results: Mapping[str, CellResult], limit: int | None = None
    ) -> tuple[Cell, ...]:
        """Returns the cells of a run.

        Args:
            results: What is known already.
            limit: How many at most, controls not counted, spread over the sheet; None: all.
        """
        cells = self.open_cells(results)
        return cells if limit is None else spread_over(cells, limit)

    def billed(self, cells: Sequence[Cell]) -> dict[str, float]:
        """Returns the seconds that cells would be billed, by model."""
        return {model: found.billed_s for model, found in self._estimates(cells).items()}

    def fitting(self, cells: Sequence[Cell]) -> int:
        """Returns how many of these cells the budget pays for, controls not counted."""
        most = sum(not cell.is_control for cell in cells)
        if self._budget is None:
            return most
        low, high = 0, most
        while low < high:
            middle = (low + high + 1) // 2
            if self._budget.pays_for(self.billed(spread_over(cells, middle))):
                low = middle
            else:
                high = middle - 1
        return low

    def check_budget(self, cells: Sequence[Cell]) -> None:
        """Checks that the budget pays for all of these cells.

        Raises:
            InvalidOptionError: It doesn't; the message says for how many it does.
        """
        budget = self._budget
        if budget is None or budget.pays_for(self.billed(cells)):
            return
        count, fits = sum(not cell.is_control for cell in cells), self.fitting(cells)
        raise InvalidOptionError(
            f"The budget of {budget} pays for {fits} of the {count} cells "
            f"(all: {self.plan_of(cells, {}).price_text()}).",
            remedy=f"Give a larger budget=, shorter seconds=, or start fewer: "
            f"sheet.start(cells={fits})."
            if fits
            else "Give a larger budget=, or shorter seconds=.",
            code="budget-too-small",
        )

    def limit_of(self, cells: Sequence[Cell]) -> Budget:
        """Returns the limit of a run: the budget, or half as much again as the plan."""
        if self._budget is not None:
            return self._budget
        total = sum(self.billed(cells).values()) * SPARE_FACTOR + SPARE_S
        return Budget(dict.fromkeys(self._definition.models, total))

    def plan_of(self, cells: Sequence[Cell], results: Mapping[str, CellResult]) -> Plan:
        """Returns the plan of running these cells.

        Args:
            cells: What would run.
            results: What is known already.
        """
        definition, options = self._definition, self._definition.options
        known = [results[cell.key] for cell in definition.cells if cell.key in results]
        estimates = self._estimates(cells)
        costs = [
            None if (per_s := options.prices.get(model)) is None else found.billed_s * per_s
            for model, found in estimates.items()
        ]
        priced = [cost for cost in costs if cost is not None]
        budget = self._budget
        return Plan(
            axes=tuple((axis.name, len(axis.labels)) for axis in definition.axes),
            places=math.prod(len(axis.labels) for axis in definition.axes),
            repeats=definition.repeats,
            cells=len(cells),
            controls=sum(cell.is_control for cell in cells),
            done=sum(result.status == "done" for result in known),
            kept=sum(result.status != "done" for result in known),
            merged=definition.duplicates,
            sessions=sum(found.sessions for found in estimates.values()),
            at_once=self._sessions,
            seconds=definition.span.seconds,
            lead_in_s=max((found.lead_in_s for found in estimates.values()), default=0.0),
            billed_s=sum(found.billed_s for found in estimates.values()),
            cost=sum(priced) if len(priced) == len(costs) else None,
            prices=dict(options.prices),
            prices_as_of=PRICES_AS_OF,
            wall_s=sum(found.wall_s for found in estimates.values()),
            budget="" if budget is None else str(budget),
            budget_s=None if budget is None else next(iter(budget.seconds.values())),
            moments=definition.span.moments,
            models=tuple(definition.models),
            is_local=options.is_local,
            folder=self._folder,
            notes=self._notes(results),
        )

    def _notes(self, results: Mapping[str, CellResult]) -> tuple[str, ...]:
        definition, notes = self._definition, []
        if definition.options.is_local:
            notes.append("Local preview: OpenCV effects stand in for Decart's models.")
        if definition.duplicates:
            many = definition.duplicates > 1
            notes.append(
                f"{definition.duplicates} prompts were given again and run once."
                if many
                else "1 prompt was given again and runs once."
            )
        known = [results[cell.key] for cell in definition.cells if cell.key in results]
        if kept := sum(result.status != "done" for result in known):
            notes.append(
                f"{kept} cell{'s' if kept > 1 else ''} refused or failed before; sheet.retry() "
                "runs them again."
            )
        ids = {result.model_id for result in known if result.model_id}
        if len(ids) > len(definition.models):
            notes.append(f"Done by different models: {', '.join(sorted(ids))}.")
        return (*notes, *(f"{what[0].upper()}{what[1:]}." for what in self._damaged))

    def _estimates(self, cells: Sequence[Cell]) -> dict[str, Estimate]:
        from decart_widget.explore.planning.jobs import Job

        definition, estimates = self._definition, {}
        for model in dict.fromkeys(cell.model for cell in cells):
            job = Job(
                source=definition.clip.source,
                cells=tuple(cell for cell in cells if cell.model == model),
                first_s=definition.span.first_s,
                seconds=definition.span.seconds,
                sessions=self._sessions,
            )
            estimates[model] = self._estimate(job)
        return estimates
