"""One session with the service, from the first attempt to the end, reconnects included.

The session runs on one event loop and is used from there only. It binds the pure machine to a
control socket, to client tokens, to media and to the clock: whatever happens goes into the
machine, and ``_drive`` carries out what the machine says.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, Final

from decart_widget.diagnostics.redaction import trace
from decart_widget.errors import (
    AckTimeoutError,
    BudgetSpentError,
    ConnectionLostError,
    DecartError,
    NoFrontEndError,
    SessionExpiredError,
    internal_error,
)
from decart_widget.protocol import machine as core
from decart_widget.protocol.messages import Candidate
from decart_widget.protocol.requests import PromptState, Request
from decart_widget.protocol.retry import ATTEMPTS, FIRST_DELAY, delays, is_permanent
from decart_widget.protocol.states import ACTIVE_STATES, ConnectionState
from decart_widget.session.attempt import Attempt
from decart_widget.session.config import SessionConfig
from decart_widget.session.deadlines import AckDeadline, Budget
from decart_widget.session.media import EndReason, Media, MediaState

log = logging.getLogger(__name__)

JITTER: Final = 0.1
"""Part by which a delay may be shorter, so that a crowd doesn't return at once."""

SETTLED: Final = 10.0
"""Seconds for which a connection must have stood before the count of attempts begins anew."""


class Session:
    """One session. Use it on one event loop; ``run`` it once.

    Args:
        config: What to connect to.
        media: What carries the picture; its listener becomes this session.
        changed: Called after each change, on the loop, with the session; must not block.
        first_attempt: Number of the first attempt; numbers never repeat within a widget.
    """

    def __init__(
        self,
        config: SessionConfig,
        media: Media,
        changed: Callable[[Session], None],
        *,
        first_attempt: int = 1,
    ) -> None:
        self.config = config
        self.machine = core.SessionMachine()
        self.error: DecartError | None = None
        """Why the session ended, or what the service last complained of."""
        self._complaint: DecartError | None = None
        self.attempt = first_attempt - 1
        self.retry: dict[str, Any] = {}
        """While reconnecting: ``attempt``, ``of`` and ``in_s``."""
        self.applied_in: float | None = None
        """Seconds that the last acknowledged request took."""
        self.last_outcome = "idle"
        """``"applied"`` or ``"rejected"``, once a request was answered."""
        self.end_reason: EndReason = "stopped"
        self._media = media
        media.listener = self
        self._changed = changed
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._at_once = asyncio.Event()  # what is waited for before an attempt has come
        self._woken_at = float("-inf")
        self._stood_at: float | None = None
        self._requests: dict[int, tuple[asyncio.Future[str], float]] = {}
        self._ack = AckDeadline(config.connection.ack_timeout, self._ack_late)
        self._budget = Budget(config.budget, self._budget_spent, lambda: changed(self))
        # Attempt 0 never runs; it stands in for the first until that is made.
        self._current = Attempt(self.attempt, config, self.machine, media, self._drive)

    # --- verbs --------------------------------------------------------------------------------

    async def run(self, prompt_state: PromptState) -> None:
        """Connects, stays connected and returns when the session is over; never raises.

        ``error`` and the machine's state say how it ended. Cancelling ends the session cleanly.
        """
        try:
            self.machine.connect(prompt_state, room=self.config.transport == "livekit")
            self._drive()
            error = await self._attempts()
        except asyncio.CancelledError:
            self._finish(None)
            raise
        except Exception as unexpected:  # a bug of ours must not leave a session running
            log.error("The session failed.\n%s", trace(unexpected))
            error = internal_error(unexpected)
        self._finish(error)

    def stop(self, reason: EndReason = "stopped", error: DecartError | None = None) -> None:
        """Ends the session; ``run`` returns soon after. May be called twice."""
        if not self._stop.is_set():
            self.end_reason = reason
            self.error = error
            self._stop.set()

    def submit(self, prompt_state: PromptState, *, with_image: bool) -> asyncio.Future[str]:
        """Asks for a prompt state. The future becomes ``"applied"`` or ``"superseded"``.

        It raises ``RequestRejectedError`` or ``AckTimeoutError`` when awaited.
        """
        future: asyncio.Future[str] = self._loop.create_future()
        # Whoever doesn't await it has the traits to look at: no "never retrieved" noise.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        request = self.machine.submit(prompt_state, with_image=with_image)
        self._requests[request.number] = (future, self._loop.time())
        self._drive()
        return future

    @property
    def pending(self) -> bool:
        """Whether a request waits for its answer."""
        return bool(self._requests) or self.machine.awaiting_ack is not None

    @property
    def remaining(self) -> float | None:
        """Seconds left of the budget; None without one."""
        return self._budget.remaining

    @property
    def budget_low(self) -> bool:
        """Whether 80 % of the budget is used up."""
        return self._budget.low

    def complain(self, error: DecartError) -> None:
        """Something that was wished could not be had; the session goes on."""
        self.error = self._complaint = error
        self._changed(self)

    def verify(self) -> None:
        """The machine slept for a moment: a connection that did not survive is found out now."""
        self._current.verify()

    # --- attempts -----------------------------------------------------------------------------

    async def _attempts(self) -> DecartError | None:
        error = await self._attempt()
        number, waits = 0, list(delays())
        while error is not None and not self._stop.is_set():
            if self.machine.state not in ACTIVE_STATES or not self._worth_retrying(error):
                return error
            number = 1 if self._settled() else number + 1
            if number > ATTEMPTS:
                return ConnectionLostError(
                    f"The connection was lost and {ATTEMPTS} attempts to restore it failed. "
                    f"Last: {error.message}"
                )
            error = await self._reconnect(error, number, waits[number - 1])
        return error

    def _settled(self) -> bool:
        # What breaks again and again right after it stood is not restored.
        return self._stood_at is not None and self._loop.time() - self._stood_at >= SETTLED

    def _worth_retrying(self, error: DecartError) -> bool:
        # A start that fails says so at once: the person is there and can decide. What once
        # stood comes back by itself.
        return not is_permanent(error) and self.machine.state is not ConnectionState.CONNECTING

    async def _reconnect(self, error: DecartError, number: int, delay: float) -> DecartError | None:
        self.machine.lost()
        self._media.end(self.attempt, "reconnecting", keep_source=True)
        spread = delay * (1 - random.uniform(0, JITTER))
        self.retry = {"attempt": number, "of": ATTEMPTS, "in_s": round(delay, 1)}
        self.error = error
        self._drive()
        log.debug("Connection lost (%s); attempt %d in %.1f s.", error.code, number, spread)
        await self._pause(spread)
        if self._stop.is_set():
            return None
        self.retry = {"attempt": number, "of": ATTEMPTS, "in_s": 0}
        self.machine.reconnect()
        self._drive()
        try:
            await self._find()
        except DecartError as nowhere:
            return nowhere
        return await self._attempt()

    async def _find(self) -> None:
        if self.config.renew is not None:
            endpoint, key = await self.config.renew()
            self.config = replace(self.config, endpoint=endpoint, key=key)

    async def _pause(self, seconds: float) -> None:
        """Waits before an attempt: for its time, or a sign that it may work; then for the page."""
        await _first(self._stop.wait(), self._at_once.wait(), timeout=seconds)
        await _first(self._stop.wait(), self._media.attended())
        self._at_once.clear()

    async def _attempt(self) -> DecartError | None:
        self._stood_at = None
        self._current = Attempt(
            self.attempt + 1, self.config, self.machine, self._media, self._drive
        )
        self.attempt = self._current.number
        budget = self._budget.left(self.machine.generation_tick)
        try:
            error = await self._current.run(self._stop, budget, self._stands)
        finally:
            self._ack.watch(None)
        if isinstance(error, SessionExpiredError) and self.config.budget is not None:
            # The service counts from the admission on, and so may be the first of us to say it.
            self._budget_spent()
            return None
        return error

    def _stands(self) -> None:
        self._stood_at = self._loop.time()
        self._at_once.clear()
        self.retry = {}
        if self.error is not self._complaint:
            self.error = None
        self._drive()

    def _finish(self, error: DecartError | None) -> None:
        if error is not None and not self._stop.is_set():
            self.end_reason = "error"
            self.error = error
            if isinstance(error, NoFrontEndError):
                self.machine.cancel()  # nothing was reached, nothing failed: as if not asked
            else:
                self.machine.fail()
        else:
            self.machine.disconnect()
        self.retry = {}
        self._budget.close()
        self._media.end(self.attempt, self.end_reason, keep_source=False)
        self._drive()
        for future, _ in self._requests.values():
            if future.done():
                continue
            if error is not None and not self._stop.is_set():
                future.set_exception(error)
            else:
                future.set_result("superseded")
        self._requests.clear()
        log.debug("Session ended (%s).", self.end_reason if error is None else error.code)

    # --- what media reports (MediaListener) ---------------------------------------------------

    def offer_made(self, attempt: int, sdp: str) -> None:
        """The offer goes out as soon as the initial state is acknowledged."""
        if attempt == self.attempt:
            self.machine.offer_made(sdp)
            self._drive()

    def candidate_found(self, attempt: int, candidate: Candidate | None) -> None:
        """Trickles on."""
        if attempt == self.attempt:
            self.machine.local_candidate(candidate)
            self._drive()

    def media_changed(self, attempt: int, state: MediaState) -> None:
        """Connected media makes the session stand; failed media breaks it."""
        if attempt != self.attempt:
            return
        if state in ("connected", "first-frame"):
            self.machine.media_established()
        elif state == "reconnecting":
            self.machine.media_interrupted()
        elif state == "failed":
            self._current.break_off(
                ConnectionLostError("The picture's connection broke.")
                if self.machine.established
                else self._current.unreachable()
            )
        elif state == "ended":
            self._current.break_off(
                ConnectionLostError("The camera's or the service's track ended.")
            )
        self._drive()

    def media_refused(self, attempt: int, error: DecartError) -> None:
        """No camera, no session: it would be billed for nothing."""
        if attempt == self.attempt:
            self._current.break_off(error)

    def media_lost(self, error: DecartError) -> None:
        """What carried the picture is gone; a reconnect finds what has come in its place."""
        self._current.break_off(error)

    def media_moved(self, error: DecartError) -> None:
        """Something else carries the picture now: a reconnect finds it there at once."""
        self._current.break_off(error)
        self._at_once.set()

    def wake(self) -> None:
        """The network may be back: while reconnecting, the rest of the delay is skipped.

        Not more often than once a second, whoever says so.
        """
        now = self._loop.time()
        waiting = self.machine.state is ConnectionState.RECONNECTING
        if waiting and now - self._woken_at >= FIRST_DELAY:
            self._woken_at = now
            self._at_once.set()

    # --- carrying out what the machine says ---------------------------------------------------

    def _drive(self) -> None:
        for notice in self.machine.take_notices():
            self._act(notice)
        self._current.send(self.machine.take_outgoing())
        self._ack.watch(self.machine.awaiting_ack)
        generating = self.machine.state is ConnectionState.GENERATING
        self._budget.watch(self.machine.generation_tick, generating)
        self._current.moved()
        self._changed(self)

    def _act(self, notice: core.Notice) -> None:
        match notice:
            case core.AnswerReceived():
                self._media.answer(self.attempt, notice.sdp)
            case core.CandidateReceived():
                self._media.add_candidate(self.attempt, notice.candidate)
            case core.Applied():
                self._settle(notice.request, None)
                if self.machine.established:
                    self.error = None
            case core.Rejected():
                self._settle(notice.request, notice.error)
                if notice.initial:
                    self._current.break_off(notice.error)
                else:
                    self.error = notice.error
            case core.RoomReceived():
                self._media.join(self.attempt, notice.room)
            case core.Superseded():
                future, _ = self._requests.pop(notice.request.number, (None, 0.0))
                if future is not None and not future.done():
                    future.set_result("superseded")
            case core.Complaint():
                self.error = notice.error
                if is_permanent(notice.error) or not self.machine.established:
                    self._current.break_off(notice.error)
            case core.Ended():
                log.debug("Generation ended (%s).", notice.reason or "no reason given")
            case core.InitialApplied():
                pass

    def _settle(self, request: Request, error: DecartError | None) -> None:
        future, asked_at = self._requests.pop(request.number, (None, self._current.initial_sent_at))
        self.last_outcome = "applied" if error is None else "rejected"
        if error is None:
            self.applied_in = self._loop.time() - asked_at
        if future is not None and not future.done():
            if error is None:
                future.set_result("applied")
            else:
                future.set_exception(error)

    def _ack_late(self) -> None:
        if self.machine.queued:
            self._ack.watch(self.machine.awaiting_ack)  # queued time doesn't count: wait again
        elif self.machine.awaiting_initial:
            self._current.break_off(
                AckTimeoutError("The service did not acknowledge the first prompt.")
            )
        else:
            self.machine.ack_timed_out()
            self._drive()

    def _budget_spent(self) -> None:
        budget = self.config.budget
        self.stop("budget", BudgetSpentError(f"The budget of {budget:g} s is used up."))


async def _first(*waits: Coroutine[Any, Any, Any], timeout: float | None = None) -> None:
    """Runs until the first of these is over, or the time is; cancels the others."""
    tasks = {asyncio.ensure_future(wait) for wait in waits}
    try:
        await asyncio.wait(tasks, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
