"""Runs a job on the workers of an executor: parcels of cells, each in one worker at a time."""

from __future__ import annotations

import math
import pickle
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from decart_widget.errors import DecartError, InvalidOptionError
from decart_widget.explore.planning.jobs import Job
from decart_widget.explore.planning.looped_clip import target_of
from decart_widget.explore.running.board import Board
from decart_widget.explore.running.estimates import estimate
from decart_widget.explore.running.parcels import Parcel, Posted, checked_session
from decart_widget.explore.running.work import settings_of

if TYPE_CHECKING:
    from decart_widget.explore.planning.jobs import Reports
    from decart_widget.explore.planning.looped_clip import Clip
    from decart_widget.explore.records import Cell
    from decart_widget.inputs.sources.reader import Target

POLL_S: Final = 0.1
"""Seconds between two looks at the workers."""

MOST_CELLS: Final = 12
"""Cells of a parcel at most: as many are lost with a worker."""

SPARE: Final = 1.25
"""By how much a parcel may cost more than its estimate."""

END_S: Final = 30.0
"""Seconds that the workers may take to end after a stop."""


class Workers(Protocol):
    """The workers of an executor."""

    @property
    def count(self) -> int:
        """How many parcels may run at once."""

    def submit(self, parcel: Parcel) -> Any:
        """Has a worker run a parcel; returns a handle."""

    def is_over(self, handle: Any) -> bool:
        """Whether a parcel is over, or its worker is lost."""

    def billed_s(self, handle: Any) -> float:
        """Seconds that a parcel which is over was billed.

        Raises:
            DecartError: Its worker is lost, or could not begin.
        """

    def received(self) -> list[bytes]:
        """The reports that have come."""

    def stop(self) -> None:
        """Tells the workers to end."""

    def close(self) -> None:
        """Frees what was opened."""


@dataclass
class Running:
    """A parcel on its way.

    Attributes:
        parcel: It.
        handle: Of the workers.
        open: Its cells that are not reported yet, by their keys.
        billed_s: Seconds that it was billed so far, as far as is known.
    """

    parcel: Parcel
    handle: Any
    open: dict[str, Cell] = field(default_factory=dict)
    billed_s: float = 0.0


def run_elsewhere(job: Job, reports: Reports, stop: threading.Event) -> None:
    """Runs a job with its executor.

    Args:
        job: As for ``run``.
        reports: As for ``run``.
        stop: As for ``run``.

    Raises:
        InvalidOptionError: The executor is none, or an argument can't be sent to its workers.
        DecartError: No session can be started.
    """
    session = checked_session(job.session)
    sender = Sender(job, session, reports)
    workers = workers_of(job)
    try:
        sender.run(workers, stop)
    finally:
        workers.close()
    if sender.failure is not None:
        raise sender.failure


def workers_of(job: Job) -> Workers:
    """Returns the workers of a job's executor.

    Raises:
        InvalidOptionError: It is none.
    """
    executor = job.executor
    if hasattr(executor, "scheduler_info"):
        from decart_widget.explore.running.dask_workers import DaskWorkers

        return DaskWorkers(executor)
    if callable(getattr(executor, "submit", None)):
        from decart_widget.explore.running.pool import PoolWorkers

        return PoolWorkers(executor, job.sessions)
    raise InvalidOptionError(
        f"executor is a {type(executor).__name__}.",
        remedy="Give a concurrent.futures executor or a dask.distributed.Client; None runs here.",
    )


class Sender:
    """Sends parcels to workers, and takes their reports.

    Args:
        job: What is to be done.
        session: Its session arguments that travel.
        reports: Gets what happens.

    Attributes:
        failure: Why nothing more can run; None if that isn't so.
    """

    def __init__(self, job: Job, session: dict[str, Any], reports: Reports) -> None:
        self.failure: DecartError | None = None
        self._job = job
        self._session = session
        self._reports = reports
        self._board = Board(job.cells)
        self._running: list[Running] = []
        self._clips: dict[Target, Clip] = {}
        self._billed_s = 0.0
        self._number = 0
        for model in dict.fromkeys(cell.model for cell in job.cells):
            self._clip(model)  # what is wrong with the source is said before anything is billed

    def run(self, workers: Workers, stop: threading.Event) -> None:
        """Returns when all cells are reported, and when the job was stopped.

        Args:
            workers: Run the parcels.
            stop: Ends it.
        """
        ends_s = math.inf
        while True:
            for report in workers.received():
                self._take(pickle.loads(report))
            self._settle(workers)
            if math.isinf(ends_s) and (stop.is_set() or self.failure is not None):
                ends_s = time.monotonic() + END_S
                self._board.close()
                workers.stop()
            self._fill(workers)
            if not self._running or time.monotonic() > ends_s:
                return
            time.sleep(POLL_S)

    # --- parcels ------------------------------------------------------------------------------

    def _fill(self, workers: Workers) -> None:
        while len(self._running) < workers.count and self.failure is None:
            parcel = self._next(workers.count)
            if parcel is None:
                return
            cells = {cell.key: cell for cell in parcel.cells}
            self._running.append(Running(parcel, workers.submit(parcel), cells))

    def _next(self, lanes: int) -> Parcel | None:
        """Returns the next cells of one model that the budget pays for; None without any."""
        first = self._board.first()
        if first is None:
            return None
        cells = [first]
        free = max(1, lanes - len(self._running))
        most = min(MOST_CELLS, math.ceil((1 + len(self._board)) / free))
        while len(cells) < most and (cell := self._board.next(cells[-1])) is not None:
            cells.append(cell)
        budget_s = None
        if self._job.budget_s is not None:
            left_s = self._job.budget_s - self._billed_s - self._reserved_s
            while cells and self._cost_s(cells) > left_s:
                self._board.put_back(cells.pop(), is_tried=False)
            if not cells:
                self._board.close()
                return None
            budget_s = min(left_s, self._cost_s(cells) * SPARE)
        self._number += 1
        images = {cell.image for cell in cells if cell.image is not None}
        return Parcel(
            self._number,
            tuple(cells),
            self._clip(first.model),
            self._session,
            {key: self._job.images[key] for key in images},
            self._job.lead_in_s,
            budget_s,
            self._job.models,
        )

    @property
    def _reserved_s(self) -> float:
        return sum(own.parcel.budget_s or 0.0 for own in self._running)

    def _cost_s(self, cells: Sequence[Cell]) -> float:
        clip = self._clip(cells[0].model)
        job = Job(clip, tuple(cells), seconds=clip.seconds, lead_in_s=self._job.lead_in_s)
        return estimate(job).billed_s

    def _clip(self, model: str) -> Clip:
        target = target_of(
            settings_of(self._job.session, self._job.model(model)), self._job.session
        )
        if target not in self._clips:
            self._clips[target] = self._job.clip(target)
        return self._clips[target]

    def _settle(self, workers: Workers) -> None:
        """Takes the parcels that are over off the list; cells of a lost worker run again."""
        for own in [own for own in self._running if workers.is_over(own.handle)]:
            for report in workers.received():
                self._take(pickle.loads(report))
            self._running.remove(own)
            try:
                own.billed_s = workers.billed_s(own.handle)
            except DecartError as error:
                for cell in reversed(own.open.values()):
                    if not self._board.put_back(cell, is_tried=True):
                        self._reports.failed(cell, error, 0.0)
            self._billed_s += own.billed_s
            self._tell_spent()

    # --- reports ------------------------------------------------------------------------------

    def _take(self, posted: Posted) -> None:
        name, arguments = posted.name, posted.arguments
        if name == "failure":
            self.failure = self.failure or arguments[0].unpacked()
            return
        own = next((each for each in self._running if each.parcel.number == posted.parcel), None)
        if own is None:
            return  # of a worker that counted as lost: its cells run elsewhere
        if name == "spent":
            own.billed_s = arguments[0]
            self._tell_spent()
        elif name in ("refused", "failed"):
            cell, error, billed_s = arguments
            if own.open.pop(cell.key, None) is not None:
                getattr(self._reports, name)(cell, error.unpacked(), billed_s)
        elif name == "captured":
            if own.open.pop(arguments[0].key, None) is not None:
                self._reports.captured(*arguments)
        else:
            getattr(self._reports, name)(*arguments)

    def _tell_spent(self) -> None:
        from decart_widget.runtime.trait_values import price_of

        spent_s = self._billed_s + sum(own.billed_s for own in self._running)
        endpoint = self._session.get("endpoint") or "decart"
        name = endpoint if isinstance(endpoint, str) else ""
        per_s = price_of(
            settings_of(self._job.session, self._job.model(self._job.cells[0].model)), name
        )
        self._reports.spent(spent_s, None if per_s is None else spent_s * per_s)
