"""Runs the cells of a job in sessions, one session after the other, on a thread of its own."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING, Final

from decart_widget.errors import (
    AuthenticationError,
    BudgetSpentError,
    ConfigurationError,
    DecartError,
    InsufficientCreditsError,
    QuotaExceededError,
    RequestRejectedError,
    SandboxError,
)
from decart_widget.explore.running.reel import Reel
from decart_widget.explore.running.session_run import END_S, SessionRun, StoppedError

if TYPE_CHECKING:
    from decart_widget.explore.records import Cell
    from decart_widget.explore.running.work import Work
    from decart_widget.headless.session import Session

FINAL: Final = (
    AuthenticationError,
    ConfigurationError,
    InsufficientCreditsError,
    QuotaExceededError,
    SandboxError,
)
"""Errors after which no session can be started any more."""


class Carrier:
    """Takes cells from the board until there are none.

    Args:
        number: Of this carrier; its sessions are counted under it.
        work: What all carriers of a job share.
    """

    def __init__(self, number: int, work: Work) -> None:
        self._number = number
        self._work = work
        self._sessions: dict[str, tuple[Session, Reel]] = {}

    def run(self) -> None:
        """Runs cells; returns when there are none left, and when the job is over."""
        try:
            while not self._work.is_over and (cell := self._work.board.first()) is not None:
                self._carry(cell)
        except StoppedError:
            pass
        except Exception as error:  # so that nobody waits for this thread for ever
            self._work.fail(error)
        finally:
            for session, _reel in self._sessions.values():
                with contextlib.suppress(DecartError, TimeoutError):
                    session.close()

    def _carry(self, cell: Cell) -> None:
        """Runs one session, from its first cell to its last one.

        Raises:
            StoppedError: The job is over.
        """
        work = self._work
        try:
            run = self._prepared(cell)
        except BaseException:
            work.board.put_back(cell, is_tried=False)
            raise
        try:
            work.tell("began", cell)
            run.begin()
            following: Cell | None = cell
            while following is not None:
                work.tell("captured", run.cell, run.take())
                following = self._follow(run)
        except (StoppedError, BudgetSpentError):
            self._give_back(run)
            raise StoppedError from None
        except RequestRejectedError as error:  # the first prompt of a session
            work.tell("refused", run.cell, error, run.cell_s())
        except FINAL as error:
            self._give_back(run)
            work.fail(error)
            raise StoppedError from None
        except DecartError as error:
            self._broke(run, error)
        except BaseException:
            self._give_back(run)
            raise
        finally:
            run.end()
            work.tell_spent()

    def _follow(self, run: SessionRun) -> Cell | None:
        """Begins the next cell of a session whose prompt isn't refused.

        Returns:
            That cell; None if there is none left for the session.
        """
        work = self._work
        while (cell := work.board.next(run.cell)) is not None:
            work.tell("began", cell)
            try:
                run.change(cell)
            except (RequestRejectedError, ConfigurationError) as error:
                run.is_done = True
                work.tell("refused", cell, error, 0.0)
            else:
                return cell
        return None

    def _prepared(self, cell: Cell) -> SessionRun:
        from decart_widget.headless.session import Session
        from decart_widget.runtime.destination import SandboxWarning

        work = self._work
        clip = work.clip(cell.model)
        if cell.model not in self._sessions:
            reel = Reel(clip)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", SandboxWarning)  # the plan says it
                session = Session(work.job.model(cell.model), source=reel, **work.job.session)
            self._sessions[cell.model] = session, reel
        session, reel = self._sessions[cell.model]
        image = None if cell.image is None else work.job.images[cell.image]
        session.set(prompt=cell.prompt, enrich=cell.enrich, image=image).result(END_S)
        return SessionRun(self._number, work, session, reel, clip, cell)

    def _give_back(self, run: SessionRun) -> None:
        if not run.is_done:
            self._work.board.put_back(run.cell, is_tried=False)

    def _broke(self, run: SessionRun, error: DecartError) -> None:
        work = self._work
        if not run.has_begun:
            work.could_not_start(error)
        if not run.is_done and not work.board.put_back(run.cell, is_tried=True):
            work.tell("failed", run.cell, error, run.cell_s())
