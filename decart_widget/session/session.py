"""One session with the service, from the first attempt to the end, reconnects included.

A session runs on one event loop and is used from there only. It connects the pure state machine to
the control socket, client tokens, media and timers: every event goes into the machine, and
``_drive`` carries out what the machine decides.
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
from decart_widget.protocol import notices
from decart_widget.protocol.machine import SessionMachine
from decart_widget.protocol.messages import Candidate
from decart_widget.protocol.requests import PromptState, Request
from decart_widget.protocol.retry import ATTEMPTS, FIRST_DELAY_S, delays, is_permanent
from decart_widget.protocol.states import ACTIVE_STATES, ConnectionState
from decart_widget.session.attempt import Attempt
from decart_widget.session.config import SessionConfig
from decart_widget.session.deadlines import AckDeadline, Budget
from decart_widget.session.media import EndReason, Media, MediaState
from decart_widget.session.outcomes import Outcomes

logger = logging.getLogger(__name__)

JITTER: Final = 0.1
"""Largest fraction by which a delay is shortened at random, so that clients that were disconnected
at the same time don't reconnect at the same time."""

SETTLED_S: Final = 10.0
"""Seconds that an attempt must have been established for the count of reconnects to start again."""


class Session:
    """One session. Use it on one event loop; call ``run`` once.

    Args:
        config: What to connect to.
        media: What carries the media; its ``listener`` becomes this session.
        on_changed: Called after each change, on the loop, with the session; must not block.
        first_attempt: Number of the first attempt; numbers never repeat within a widget.

    Attributes:
        config: The settings; a reconnect may replace endpoint and key in them.
        machine: The state machine.
        error: Why the session ended, or the last error that the service or a page reported.
        attempt: The number of the current attempt.
        retry: While reconnecting: ``attempt``, ``of`` and ``in_s``; else empty.
        applied_in: Seconds that the last acknowledged request took; None before the first.
        last_outcome: ``"applied"`` or ``"rejected"``; ``"idle"`` before the first answer.
        end_reason: Why the session ended, or will.
    """

    def __init__(
        self,
        config: SessionConfig,
        media: Media,
        on_changed: Callable[[Session], None],
        *,
        first_attempt: int = 1,
    ) -> None:
        self.config = config
        self.machine = SessionMachine()
        self.error: DecartError | None = None
        self.attempt = first_attempt - 1
        self.retry: dict[str, Any] = {}
        self.applied_in: float | None = None
        self.last_outcome = "idle"
        self.end_reason: EndReason = "stopped"
        self._media = media
        media.listener = self
        self._on_changed = on_changed
        self._complaint: DecartError | None = None
        self._loop = asyncio.get_running_loop()
        self._stop = asyncio.Event()
        self._retry_now = asyncio.Event()  # set to skip the rest of the delay before an attempt
        self._woken_at = float("-inf")
        self._established_at: float | None = None
        self._outcomes = Outcomes()
        self._ack = AckDeadline(config.connection.ack_timeout, self._ack_expired)
        self._budget = Budget(config.budget, self._budget_spent, lambda: on_changed(self))
        # Never run; a placeholder until the first attempt is created.
        self._current = Attempt(self.attempt, config, self.machine, media, self._drive)

    # --- calls of the user --------------------------------------------------------------------

    async def run(self, prompt_state: PromptState) -> None:
        """Connects, reconnects when needed, and returns when the session is over.

        It never raises: ``error`` and the machine's state show how the session ended. Cancelling it
        ends the session cleanly. ``prompt_state`` is what the first frame must already show.
        """
        try:
            room, frame_timing = self.config.transport == "livekit", self._media.frame_timing
            self.machine.connect(prompt_state, room=room, frame_timing=frame_timing)
            self._drive()
            error = await self._attempts()
        except asyncio.CancelledError:
            self._finish(None)
            raise
        except Exception as unexpected:  # a bug here must not leave a billed session open
            logger.error("The session failed.\n%s", trace(unexpected))
            error = internal_error(unexpected)
        self._finish(error)

    def stop(self, reason: EndReason = "stopped", error: DecartError | None = None) -> None:
        """Ends the session; ``run`` returns soon after. Further calls change nothing."""
        if not self._stop.is_set():
            self.end_reason = reason
            self.error = error
            self._stop.set()

    def submit(self, prompt_state: PromptState, *, with_image: bool) -> asyncio.Future[str]:
        """Requests a prompt state.

        Args:
            prompt_state: What to show.
            with_image: Whether image and prompt are sent together.

        Returns:
            A future of ``"applied"``, or of ``"superseded"`` when a newer request replaced this one
            or the session ended. Awaiting it raises ``RequestRejectedError`` when the service
            refused the request, ``AckTimeoutError`` when it did not answer, or the error with
            which the session ended.
        """
        request = self.machine.submit(prompt_state, with_image=with_image)
        future = self._outcomes.add(request.number)
        self._drive()
        return future

    @property
    def pending(self) -> bool:
        """Whether a request is still unanswered."""
        return len(self._outcomes) > 0 or self.machine.awaiting_ack is not None

    @property
    def remaining(self) -> float | None:
        """Seconds left of the budget; None without a budget."""
        return self._budget.remaining

    @property
    def budget_low(self) -> bool:
        """Whether 80 % of the budget is used up."""
        return self._budget.low

    def complain(self, error: DecartError) -> None:
        """Shows an error that doesn't affect the session, which continues."""
        self.error = self._complaint = error
        self._on_changed(self)

    def verify(self) -> None:
        """Checks the connection now, for instance after this computer was suspended."""
        self._current.verify()

    # --- attempts -----------------------------------------------------------------------------

    async def _attempts(self) -> DecartError | None:
        error = await self._attempt()
        number, delays_s = 0, list(delays())
        while error is not None and not self._stop.is_set():
            if self.machine.state not in ACTIVE_STATES or not self._worth_retrying(error):
                return error
            number = 1 if self._settled() else number + 1
            if number > ATTEMPTS:
                return ConnectionLostError(
                    f"The connection was lost and {ATTEMPTS} attempts to restore it failed. "
                    f"Last: {error.message}"
                )
            error = await self._reconnect(error, number, delays_s[number - 1])
        return error

    def _settled(self) -> bool:
        # An attempt that breaks right after it was established counts as a failed one.
        established_at = self._established_at
        return established_at is not None and self._loop.time() - established_at >= SETTLED_S

    def _worth_retrying(self, error: DecartError) -> bool:
        # A start that fails is reported at once, because the user is present and can decide. A
        # session that was established is restored without the user.
        return not is_permanent(error) and self.machine.state is not ConnectionState.CONNECTING

    async def _reconnect(
        self, error: DecartError, number: int, delay_s: float
    ) -> DecartError | None:
        self.machine.lost()
        self._media.end(self.attempt, "reconnecting", keep_source=True)
        jittered_s = delay_s * (1 - random.uniform(0, JITTER))
        self.retry = {"attempt": number, "of": ATTEMPTS, "in_s": round(delay_s, 1)}
        self.error = error
        self._drive()
        logger.debug("Connection lost (%s); attempt %d in %.1f s.", error.code, number, jittered_s)
        await self._pause(jittered_s)
        if self._stop.is_set():
            return None
        self.retry = {"attempt": number, "of": ATTEMPTS, "in_s": 0}
        self.machine.reconnect()
        self._drive()
        try:
            if self.config.renew is not None:
                endpoint, key = await self.config.renew()
                self.config = replace(self.config, endpoint=endpoint, key=key)
        except DecartError as unavailable:
            return unavailable
        return await self._attempt()

    async def _pause(self, delay_s: float) -> None:
        """Waits before an attempt: until the delay is over or skipped, then for the media."""
        await _first(self._stop.wait(), self._retry_now.wait(), timeout_s=delay_s)
        await _first(self._stop.wait(), self._media.attended())
        self._retry_now.clear()

    async def _attempt(self) -> DecartError | None:
        self._established_at = None
        self._current = Attempt(
            self.attempt + 1, self.config, self.machine, self._media, self._drive
        )
        self.attempt = self._current.number
        budget_s = self._budget.left(self.machine.generation_tick)
        try:
            error = await self._current.run(self._stop, budget_s, self._established)
        finally:
            self._ack.update(None)
        if isinstance(error, SessionExpiredError) and self.config.budget is not None:
            # The service counts from admission, so its limit may be reached before ours.
            self._budget.use_up()
            return None
        return error

    def _established(self) -> None:
        self._established_at = self._loop.time()
        self._retry_now.clear()
        self.retry = {}
        if self.error is not self._complaint:
            self.error = None
        self._drive()

    def _finish(self, error: DecartError | None) -> None:
        if error is not None and not self._stop.is_set():
            self.end_reason = "error"
            self.error = error
            if isinstance(error, NoFrontEndError):
                self.machine.cancel()  # the service was not contacted: back to idle
            else:
                self.machine.fail()
        else:
            self.machine.disconnect()
        self.retry = {}
        self._budget.close()
        self._media.end(self.attempt, self.end_reason, keep_source=False)
        self._drive()
        self._outcomes.settle_all("superseded" if error is None or self._stop.is_set() else error)
        logger.debug("Session ended (%s).", self.end_reason if error is None else error.code)

    # --- what media reports (MediaListener) ---------------------------------------------------

    def offer_made(self, attempt: int, sdp: str) -> None:
        """Sends the offer as soon as the initial prompt state is acknowledged."""
        if attempt == self.attempt:
            self.machine.offer_made(sdp)
            self._drive()

    def candidate_found(self, attempt: int, candidate: Candidate | None) -> None:
        """Sends a candidate (trickle ICE)."""
        if attempt == self.attempt:
            self.machine.local_candidate(candidate)
            self._drive()

    def media_changed(self, attempt: int, state: MediaState) -> None:
        """Establishes the session when media connects; breaks the attempt off when media fails."""
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
                ConnectionLostError("The track that is sent, or the service's, ended.")
            )
        self._drive()

    def media_refused(self, attempt: int, error: DecartError) -> None:
        """Breaks the attempt off: without a camera, a session would be billed for nothing."""
        if attempt == self.attempt:
            self._current.break_off(error)

    def media_lost(self, error: DecartError) -> None:
        """Breaks the attempt off; the reconnect uses whatever carries the media then."""
        self._current.break_off(error)

    def media_moved(self, error: DecartError) -> None:
        """Breaks the attempt off and reconnects at once: another page carries the media now."""
        self._current.break_off(error)
        self._retry_now.set()

    def wake(self) -> None:
        """Skips the rest of the delay while reconnecting, because the network may be back.

        At most one call a second has an effect, since the report comes from a page.
        """
        now = self._loop.time()
        waiting = self.machine.state is ConnectionState.RECONNECTING
        if waiting and now - self._woken_at >= FIRST_DELAY_S:
            self._woken_at = now
            self._retry_now.set()

    # --- carrying out what the machine decides ------------------------------------------------

    def _drive(self) -> None:
        for notice in self.machine.take_notices():
            self._act(notice)
        self._current.send(self.machine.take_outgoing())
        self._ack.update(self.machine.awaiting_ack)
        generating = self.machine.state is ConnectionState.GENERATING
        self._budget.update(self.machine.generation_tick, generating)
        self._current.notify_changed()
        self._on_changed(self)

    def _act(self, notice: notices.Notice) -> None:
        match notice:
            case notices.AnswerReceived():
                self._media.answer(self.attempt, notice.sdp)
            case notices.CandidateReceived():
                self._media.add_candidate(self.attempt, notice.candidate)
            case notices.Applied():
                self._settle(notice.request, None)
                if self.machine.established:
                    self.error = None
            case notices.Rejected():
                self._settle(notice.request, notice.error)
                if notice.initial:
                    self._current.break_off(notice.error)
                else:
                    self.error = notice.error
            case notices.RoomReceived():
                self._media.join(self.attempt, notice.room)
            case notices.Superseded():
                self._outcomes.settle(notice.request.number, "superseded")
            case notices.Complaint():
                self.error = notice.error
                if is_permanent(notice.error) or not self.machine.established:
                    self._current.break_off(notice.error)
            case notices.Ended():
                logger.debug("Generation ended (%s).", notice.reason or "no reason given")

    def _settle(self, request: Request, error: DecartError | None) -> None:
        submitted_at = self._outcomes.settle(request.number, error or "applied")
        if submitted_at is None:
            submitted_at = self._current.initial_sent_at
        self.last_outcome = "applied" if error is None else "rejected"
        if error is None:
            self.applied_in = self._loop.time() - submitted_at

    def _ack_expired(self) -> None:
        if self.machine.queued:
            self._ack.update(self.machine.awaiting_ack)  # no timeout runs in the queue: start again
        elif self.machine.awaiting_initial:
            self._current.break_off(
                AckTimeoutError("The service did not acknowledge the first prompt.")
            )
        else:
            self.machine.ack_timed_out()
            self._drive()

    def _budget_spent(self) -> None:
        budget = self.config.budget
        if budget is not None and self.machine.state is ConnectionState.GENERATING:
            self.machine.count_at_least(budget)  # the service's last tick is still on its way
        self.stop("budget", BudgetSpentError(f"The budget of {budget:g} s is used up."))


async def _first(*waits: Coroutine[Any, Any, Any], timeout_s: float | None = None) -> None:
    """Waits until one of the coroutines is done or the time is over, and cancels the others."""
    tasks = {asyncio.ensure_future(wait) for wait in waits}
    try:
        await asyncio.wait(tasks, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
