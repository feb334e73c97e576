"""One session with the service that carries cells: changes the prompt, and takes the frames."""

from __future__ import annotations

import logging
import math
import time
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from decart_widget.errors import BudgetSpentError, DecartError, MediaError, no_session_error
from decart_widget.explore.planning.pictures import Pictures
from decart_widget.explore.records import Captured
from decart_widget.explore.running.lead_in import FIRST_S, SESSION_S
from decart_widget.explore.running.purse import MARGIN_S
from decart_widget.explore.running.reel import Script
from decart_widget.explore.running.taking import Taker

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from decart_widget.explore.planning.jobs import Phase
    from decart_widget.explore.planning.looped_clip import Clip
    from decart_widget.explore.records import Cell
    from decart_widget.explore.running.reel import Reel
    from decart_widget.explore.running.settling import Settling
    from decart_widget.explore.running.work import Work
    from decart_widget.headless.session import Session
    from decart_widget.session.background import Operation

logger = logging.getLogger(__name__)

POLL_S: Final = 0.2
"""Seconds between two looks at stop, budget and session, and between two reports of progress."""

ROUNDS: Final = 3
"""How often the clip, or a part of it, is played again for one cell, because frames were lost or
its look had not come in."""

BEFORE_LOST: Final = 5
"""Frames that are played before one that is taken again."""

DELAY_S: Final = 0.15
"""Seconds that the service bills before the first frame is back here, about."""

END_S: Final = 20.0
"""Seconds that the end of a session may take."""


class StoppedError(Exception):
    """The job was stopped, or its budget has nothing left for another cell."""


class SessionRun:
    """One session, from its start to its end.

    Args:
        number: Under which its seconds are counted.
        work: What all sessions of a job share.
        session: Not connected; its prompt and image are those of the first cell.
        reel: Its source.
        clip: What that plays.
        cell: The first cell.

    Attributes:
        cell: The cell that runs now.
        is_done: Whether that cell was handed over or refused.
        has_begun: Whether the session was established.
    """

    def __init__(
        self, number: int, work: Work, session: Session, reel: Reel, clip: Clip, cell: Cell
    ) -> None:
        self.cell = cell
        self.is_done = self.has_begun = False
        self._number = number
        self._work = work
        self._session = session
        self._clip = clip
        self._script = Script(len(clip), math.ceil(FIRST_S * clip.fps))
        reel.script = self._script
        self._taker = Taker(self._script, clip)
        self._lead_in = work.lead_in(cell.model)
        self._over: Operation[str] | None = None
        self._image = cell.image
        self._has_changed = False
        self._from_s = 0.0
        self._ended_s: float | None = None

    # --- begin and end ------------------------------------------------------------------------

    def begin(self) -> None:
        """Waits for a place, and starts the session with the first cell's prompt.

        Raises:
            StoppedError: The job was stopped, or can't pay for a cell.
            DecartError: The session could not be started; ``RequestRejectedError``: its prompt was
                refused.
        """
        session, work = self._session, self._work
        self._reserve(SESSION_S + self._clip.seconds)
        session.budget = work.purse.left_for(self._number)
        self._taker.begin()
        lead_in = math.ceil(SESSION_S * self._clip.fps)
        self._taker.play(range(len(self._clip)), lead_in=lead_in)
        session.media.add_sink(self._taker, every=True)
        work.purse.open(self._number, self.billed_s)
        self._tell_progress("opening")
        if not work.places.take(session, self._connect, lambda: self._tell_progress("waiting")):
            raise StoppedError
        self.has_begun = True
        work.could_start()
        self._over = session.wait()
        self._over.add_done_callback(lambda _error: self._taker.wake())

    def end(self) -> None:
        """Ends the session and its billing."""
        try:
            self._session.disconnect().result(END_S)
        except (DecartError, TimeoutError):
            pass  # `close` of the session ends it once more
        finally:
            self._session.media.remove_sink(self._taker)
            self._ended_s = self.billed_s()
            self._work.purse.close(self._number)

    def billed_s(self) -> float:
        """Seconds that were billed so far, by our own clock or the service's count."""
        if self._ended_s is not None:
            return self._ended_s
        first_ns = self._taker.first_ns
        own_s = (time.monotonic_ns() - first_ns) / 1e9 + DELAY_S if first_ns else 0.0
        return max(own_s, float(self._session.generation_tick) if self.has_begun else 0.0)

    def cell_s(self) -> float:
        """Seconds that were billed since the former cell was done."""
        return max(0.0, self.billed_s() - self._from_s)

    def _connect(self) -> None:
        starting = self._session.connect()
        starting.add_done_callback(lambda _error: self._taker.wake())
        self._wait(starting.done, "opening")
        state = starting.result(0)
        if state not in ("connected", "generating"):
            raise self._failure()

    def _failure(self) -> DecartError:
        """Why the session is over."""
        try:
            self._session.wait().result(END_S)
        except DecartError as error:
            return error
        shown = self._session.error
        if shown.get("code") == BudgetSpentError.default_code:
            return BudgetSpentError(shown["message"])
        return no_session_error()

    # --- a cell -------------------------------------------------------------------------------

    def change(self, cell: Cell) -> None:
        """Changes the prompt while the lead-in is played, and plays the clip after it.

        Args:
            cell: The next cell.

        Raises:
            StoppedError: The job was stopped, or can't pay for the cell.
            DecartError: The session broke; ``RequestRejectedError``: the prompt was refused, and
                the session goes on.
        """
        self.cell, self.is_done = cell, False
        fps = self._clip.fps
        self._reserve(self._lead_in.cost_s(fps) + self._clip.seconds)
        changes: dict[str, Any] = {"prompt": cell.prompt, "enrich": cell.enrich}
        if cell.image != self._image:
            changes["image"] = None if cell.image is None else self._work.job.images[cell.image]
        self._taker.begin()
        answered: list[int] = []
        setting = self._session.set(**changes)
        setting.add_done_callback(lambda _error: answered.append(time.monotonic_ns()))
        setting.add_done_callback(lambda _error: self._taker.wake())
        self._wait(setting.done, "settling")
        if setting.result(0) != "applied":
            raise self._failure()
        self._image = cell.image
        self._has_changed = True
        self._taker.acknowledged(answered[0])
        self._taker.play(range(len(self._clip)), lead_in=self._lead_in.frames(fps))

    def take(self) -> Captured:
        """Waits until each wanted frame of the cell has come back, with its whole look.

        Returns:
            The cell's frames.

        Raises:
            StoppedError: The job was stopped, or can't pay for a part that is played again.
            MediaError: Frames were lost each time.
            DecartError: The session broke.
        """
        missing: list[int] = []
        for _round in range(ROUNDS + 1):
            if self.cell.changes:
                if _round:
                    self._begin_again(missing[-1])
                self._change_while_played(missing[-1] if _round else len(self._clip) - 1)
            self._wait(self._taker.is_played, "taking")
            missing, settling = self._taker.missing(), self._taker.settled()
            if self.cell.changes:
                if not missing:
                    return self._captured(settling)
            elif not settling.is_settled and not self._lead_in.is_fixed and _round < ROUNDS:
                self._play_again(range(len(self._clip)))
            elif missing:
                self._play_again(with_those_before(missing))
            else:
                return self._captured(settling)
        raise MediaError(
            f"{len(missing)} of {len(self._clip.wanted)} frames did not come back, although they "
            f"were sent {ROUNDS + 1} times.",
            remedy="Run the cell again when the connection is better.",
            code="frames-lost",
        )

    def _begin_again(self, last: int) -> None:
        """Plays a cell with several prompts from its first one again; what has come back is kept.

        Args:
            last: Place of the last frame that is needed.
        """
        fps = self._clip.fps
        self._reserve(self._lead_in.cost_s(fps) + self._clip.seconds)
        self._ask(self.cell.prompt)
        self._taker.play(range(last + 1), lead_in=self._lead_in.frames(fps))

    def _change_while_played(self, last: int) -> None:
        """Changes the prompt when the clip has come to the times of the cell's changes.

        Args:
            last: Place of the last frame that is played.
        """
        for at_s, prompt in self.cell.changes:
            place = next((i for i, time in enumerate(self._clip.times) if time >= at_s), None)
            if place is None or place > last:
                return
            self._wait(partial(self._taker.has_played, place), "taking")
            self._ask(prompt)

    def _ask(self, prompt: str | None) -> None:
        setting = self._session.set(prompt=prompt, enrich=self.cell.enrich)
        setting.add_done_callback(lambda _error: self._taker.wake())
        self._wait(setting.done, "taking")
        if setting.result(0) != "applied":
            raise self._failure()

    def _play_again(self, places: Sequence[int]) -> None:
        logger.debug("cell %s: %d frames are played again", self.cell.key, len(places))
        self._reserve(len(places) / self._clip.fps)
        self._taker.play(places, lead_in=0)

    def _captured(self, settling: Settling) -> Captured:
        clip, taker, session = self._clip, self._taker, self._session
        is_changed = self._has_changed and settling.is_visible and not self.cell.changes
        if is_changed and settling.settled is not None:
            self._lead_in.learn(settling.settled.sent_s)
        settled = settling.settled if is_changed else None
        began = settling.began if is_changed else None
        billed_s, self._from_s = self.cell_s(), self.billed_s()
        per_s = self._work.price(session)
        self.is_done = True
        return Captured(
            tuple(clip.indices[at] for at in clip.wanted),
            tuple(clip.times[at] for at in clip.wanted),
            Pictures([taker.take.pictures[at] for at in clip.wanted]),
            Pictures([clip.pictures.planes[at] for at in clip.wanted]),
            settled_s=None if settled is None else max(0.0, settled.sent_s),
            effect_s=None if began is None else max(0.0, began.sent_s),
            billed_s=billed_s,
            cost=None if per_s is None else billed_s * per_s,
            session=session.session_id or "",
            model_id=session.resolved_model or session.model,
        )

    # --- waiting ------------------------------------------------------------------------------

    def _reserve(self, seconds: float) -> None:
        if not self._work.purse.reserve(self._number, seconds + MARGIN_S):
            self._work.spent_up()
            raise StoppedError

    def _wait(self, until: Callable[[], bool], phase: Phase) -> None:
        """Waits on the session; says how far the cell is."""
        while not self._taker.wait(lambda: until() or self._is_over(), POLL_S):
            if self._work.is_over:
                raise StoppedError
            if self._work.purse.is_used_up:
                self._work.spent_up()
                raise StoppedError
            self._tell_progress(phase)
        if not until() and self._is_over():
            raise self._failure()

    def _is_over(self) -> bool:
        return self._over is not None and self._over.done()

    def _tell_progress(self, phase: Phase) -> None:
        share = self._taker.share()
        if phase == "taking" and not share:
            phase = "settling" if self._taker.first_ns else "opening"
        self._work.tell_progress(self.cell, share, phase)


def with_those_before(places: Sequence[int]) -> list[int]:
    """Returns places of a clip with the `BEFORE_LOST` ones before each, rising."""
    return sorted({at for place in places for at in range(max(0, place - BEFORE_LOST), place + 1)})
