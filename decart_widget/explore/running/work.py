"""What the sessions of one job share: cells, clip, money, places, and whom to tell."""

from __future__ import annotations

import queue
import threading
import time
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from decart_widget.errors import DecartError, internal_error
from decart_widget.explore.planning.looped_clip import Clip, target_of
from decart_widget.explore.running.board import Board
from decart_widget.explore.running.lead_in import LeadIn
from decart_widget.explore.running.places import Places
from decart_widget.explore.running.purse import Purse

if TYPE_CHECKING:
    from decart_widget.explore.planning.jobs import Job, Phase
    from decart_widget.explore.records import Cell
    from decart_widget.headless.session import Session
    from decart_widget.inputs.sources.reader import Target
    from decart_widget.models import RealtimeModel
    from decart_widget.runtime.settings import Settings

WAITING: Final = 64
"""Reports that may wait; more reports of progress are left out."""

DONE_WAITING: Final = 4
"""Cells whose frames may wait to be taken over; then the sessions wait."""

STARTS: Final = 4
"""Starts that may fail one after the other, until no further one is tried."""


class Report(NamedTuple):
    """A call of a method of ``Reports``.

    Attributes:
        name: Of the method.
        arguments: Its arguments.
    """

    name: str
    arguments: tuple[Any, ...]


def settings_of(session: Any, model: str | RealtimeModel) -> Settings:
    """Returns the settings of a session with a model.

    Args:
        session: Arguments of ``Session``: a mapping.
        model: The model or its name.

    Raises:
        ConfigurationError: One of them is invalid.
    """
    from decart_widget.widgets.arguments import check_settings

    video = session.get("video")
    settings = check_settings(
        model,
        session.get("transport", "livekit"),
        video,
        session.get("connection"),
        session.get("resolution"),
        session.get("speed"),
    )
    return settings if video is not None else settings.in_kernel()


class Work:
    """The shared state of one job's sessions; from any thread.

    Args:
        job: What is to be done.
        stop: Ends it.

    Attributes:
        job: As given.
        board: The cells that are still to run.
        purse: The budget.
        places: The organisation's free sessions.
        reports: What is to be reported, oldest first.
        failure: Why nothing more can run; None if that isn't so.
    """

    def __init__(self, job: Job, stop: threading.Event) -> None:
        self.job = job
        self.board = Board(job.cells)
        self.purse = Purse(job.budget_s)
        self.failure: DecartError | None = None
        self.reports: queue.Queue[Report] = queue.Queue(WAITING)
        self._stop = stop
        self._ended = threading.Event()
        self.places = Places(self)
        self._lock = threading.Lock()
        self._room = threading.Semaphore(DONE_WAITING)
        self._clips: dict[Target, Clip] = {}
        self._lead_ins: dict[str, LeadIn] = {}
        self._per_s: float | None = 0.0
        self._failed_starts = 0

    # --- the end ------------------------------------------------------------------------------

    @property
    def is_over(self) -> bool:
        """Whether every session has to end."""
        return self._stop.is_set() or self._ended.is_set()

    def pause(self, seconds: float) -> None:
        """Waits, but not longer than until the job is over."""
        until_s = time.monotonic() + seconds
        while not self.is_over and (left_s := until_s - time.monotonic()) > 0:
            self._stop.wait(min(left_s, 0.1))

    def end(self) -> None:
        """Ends every session; what has been taken is kept."""
        self._ended.set()
        self.board.close()

    def fail(self, error: Exception) -> None:
        """Notes that nothing more can run, and ends every session."""
        with self._lock:
            if self.failure is None:
                known = isinstance(error, DecartError)
                self.failure = error if known else internal_error(error)  # type: ignore[assignment]
        self.end()

    def spent_up(self) -> None:
        """Notes that the budget has nothing left for another cell; running cells go on."""
        self.board.close()

    def could_start(self) -> None:
        """Notes that a session was established."""
        with self._lock:
            self._failed_starts = 0

    def could_not_start(self, error: DecartError) -> None:
        """Notes that a session was not established; ends the job if that happens repeatedly."""
        with self._lock:
            self._failed_starts += 1
            is_hopeless = self._failed_starts >= STARTS
        if is_hopeless:
            self.fail(error)

    # --- what sessions need -------------------------------------------------------------------

    def clip(self, model: str) -> Clip:
        """Returns the clip in the size that a model takes; decoded once.

        Args:
            model: Name of the model.

        Raises:
            ConfigurationError: The source can't be read, or an argument is invalid.
        """
        target = target_of(settings_of(self.job.session, self.job.model(model)), self.job.session)
        with self._lock:
            if target not in self._clips:
                self._clips[target] = self.job.clip(target)
            return self._clips[target]

    def lead_in(self, model: str) -> LeadIn:
        """Returns what is known of the time that a model's looks need."""
        with self._lock:
            return self._lead_ins.setdefault(model, LeadIn(self.job.lead_in_s))

    def price(self, session: Session) -> float | None:
        """Returns what a second of a session costs, in US dollars; None: not known."""
        from decart_widget.runtime.trait_values import price_of

        self._per_s = price_of(session.settings, session.endpoint)
        return self._per_s

    # --- whom to tell -------------------------------------------------------------------------

    def tell(self, name: str, *arguments: Any) -> None:
        """Reports something that must not be left out; waits while too much is waiting.

        Args:
            name: Of the method of ``Reports``.
            *arguments: Of the method.
        """
        if name == "captured":
            self._room.acquire()
        self.reports.put(Report(name, arguments))
        if name in ("captured", "refused", "failed"):
            self.tell_spent()

    def taken_over(self) -> None:
        """Notes that the frames of a cell were taken over."""
        self._room.release()

    def tell_progress(self, cell: Cell, share: float, phase: Phase) -> None:
        """Reports progress, unless too much is waiting."""
        if self.reports.qsize() < WAITING // 2:
            self.reports.put(Report("progress", (cell, share, phase)))
            self.tell_spent()

    def tell_spent(self) -> None:
        """Reports what was spent so far, unless too much is waiting."""
        spent_s = self.purse.spent_s
        cost = None if self._per_s is None else spent_s * self._per_s
        if self.reports.qsize() < WAITING - 8:
            self.reports.put(Report("spent", (spent_s, cost)))
