"""When a session reconnects, and when it doesn't; with scripted attempts and a simulated clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from decart_widget.errors import (
    AuthenticationError,
    BudgetSpentError,
    ConnectionLostError,
    DecartError,
    SessionExpiredError,
    TransportError,
)
from decart_widget.inputs.secrets import Secret
from decart_widget.models import realtime_model
from decart_widget.protocol import messages as m
from decart_widget.protocol.machine import SessionMachine
from decart_widget.protocol.requests import PromptState
from decart_widget.protocol.states import ConnectionState
from decart_widget.session import session as sessions
from decart_widget.session.config import SessionConfig
from decart_widget.session.endpoints import parse_endpoint
from decart_widget.session.session import Session

LOST = ConnectionLostError("It broke.")
ROOM = m.RoomInfo("wss://rooms.example", "eyJ", "room-1", "s-1")


class ScriptedAttempt:
    """An attempt that fails with ``error``, ``established_s`` seconds after it was established.

    Args:
        error: Why it ends.
        established_s: None for an attempt that is never established.
    """

    def __init__(self, error: DecartError, *, established_s: float | None = None) -> None:
        self.error = error
        self.established_s = established_s


class Attempts:
    """Replaces ``Attempt``: follows the script; an attempt after its end stays established."""

    def __init__(self, *ends: ScriptedAttempt) -> None:
        self.ends = list(ends)
        self.began: list[float] = []
        self.broke: list[float] = []

    @property
    def waits(self) -> list[float]:
        """Seconds between the end of each attempt and the next one."""
        return [b - a for a, b in zip(self.broke, self.began[1:], strict=False)]

    def __call__(
        self, number: int, _config: Any, machine: SessionMachine, _media: Any, drive: Any
    ) -> _Attempt:
        return _Attempt(number, machine, drive, self)


class _Attempt:
    initial_sent_at = 0.0

    def __init__(
        self, number: int, machine: SessionMachine, drive: Callable[[], None], script: Attempts
    ) -> None:
        self.number = number
        self._machine = machine
        self._drive = drive
        self._script = script
        self._broken: asyncio.Future[DecartError] = asyncio.get_running_loop().create_future()

    async def run(
        self, stop: asyncio.Event, _budget: Any, on_established: Any
    ) -> DecartError | None:
        loop, script = asyncio.get_running_loop(), self._script
        script.began.append(loop.time())
        end = (
            script.ends.pop(0) if script.ends else ScriptedAttempt(LOST, established_s=float("inf"))
        )
        if end.established_s is not None:
            self._machine.socket_opened()
            self._machine.receive(ROOM)
            self._machine.media_established()
            self._drive()
            on_established()
        stopped = asyncio.ensure_future(stop.wait())
        seconds = None if end.established_s == float("inf") else end.established_s or 0.1
        waiting: set[asyncio.Future[Any]] = {stopped, self._broken}
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        script.broke.append(loop.time())
        if stop.is_set():
            return None
        return self._broken.result() if self._broken.done() else end.error

    def break_off(self, error: DecartError) -> None:
        if not self._broken.done():
            self._broken.set_result(error)

    def send(self, _messages: object) -> None: ...

    def notify_changed(self) -> None: ...


class Page:
    """The part of ``Media`` that ``Session`` needs: a page that is present or away."""

    server_codec = None
    frame_timing = False
    in_browser = True
    waiting_for_person = False

    def __init__(self) -> None:
        self.listener: Any = None
        self.present = asyncio.Event()
        self.present.set()
        self.ended: list[tuple[int, str, bool]] = []

    async def attended(self) -> None:
        await self.present.wait()

    def join(self, _attempt: int, _room: m.RoomInfo) -> None: ...

    def end(self, attempt: int, reason: str, *, keep_source: bool) -> None:
        self.ended.append((attempt, reason, keep_source))


class Run:
    """A running session, on a simulated clock."""

    def __init__(self, attempts: Attempts, budget: float | None = None) -> None:
        self.attempts = attempts
        self.media = Page()
        config = SessionConfig(
            realtime_model("lucy-latest"),
            parse_endpoint("http://127.0.0.1:9"),
            Secret("dct_nobody"),
            transport="livekit",
            budget=budget,
        )
        self.states: list[str] = []
        self.session = Session(config, self.media, self._changed)  # type: ignore[arg-type]
        self.task = asyncio.ensure_future(self.session.run(PromptState()))

    def _changed(self, session: Session) -> None:
        state = session.machine.state.value
        if not self.states or self.states[-1] != state:
            self.states.append(state)

    async def reconnecting(self) -> None:
        while self.session.machine.state is not ConnectionState.RECONNECTING:
            await asyncio.sleep(0.01)

    async def end(self) -> None:
        self.session.stop()
        await self.task


Scenario = Callable[[Run], Awaitable[None]]


@pytest.fixture
def run_session(on_simulated_clock: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Runs a session with scripted attempts to its end, and a scenario at the same time."""

    def run_session(
        *ends: ScriptedAttempt, scenario: Scenario | None = None, budget: float | None = None
    ) -> Run:
        attempts = Attempts(*ends)
        monkeypatch.setattr(sessions, "Attempt", attempts)

        async def work() -> Run:
            run = Run(attempts, budget)
            if scenario is not None:
                await scenario(run)
            await run.task
            return run

        result: Run = on_simulated_clock(work())
        return result

    return run_session


def test_five_attempts_after_1_2_4_8_and_10_seconds_and_then_the_error_with_its_cause(
    run_session: Callable[..., Run],
) -> None:
    last = TransportError("No answer.")
    run = run_session(
        ScriptedAttempt(LOST, established_s=60), *[ScriptedAttempt(LOST)] * 4, ScriptedAttempt(last)
    )
    for waited, most in zip(run.attempts.waits, (1, 2, 4, 8, 10), strict=True):
        assert most * (1 - sessions.JITTER) <= waited + 1e-3
        assert waited <= most + 1e-3
    assert run.states == ["connecting", "connected", "reconnecting", "error"]
    error = run.session.error
    assert isinstance(error, ConnectionLostError)
    assert "5 attempts" in error.message
    assert "No answer." in error.message
    assert run.media.ended[0] == (1, "reconnecting", True)
    assert run.media.ended[-1] == (6, "error", False)


def test_a_start_that_fails_is_not_tried_again(run_session: Callable[..., Run]) -> None:
    run = run_session(ScriptedAttempt(LOST))
    assert len(run.attempts.began) == 1
    assert run.states[-1] == "error"
    assert run.session.error is LOST


def test_an_error_that_no_retry_can_repair_ends_the_session_at_once(
    run_session: Callable[..., Run],
) -> None:
    refused = AuthenticationError("The key is gone.")
    for ends in (
        [ScriptedAttempt(refused, established_s=60)],
        [ScriptedAttempt(LOST, established_s=60), ScriptedAttempt(LOST), ScriptedAttempt(refused)],
    ):
        run = run_session(*ends)
        assert len(run.attempts.began) == len(ends)
        assert run.session.error is refused
        assert run.states[-1] == "error"


def test_no_attempt_is_made_after_a_stop(run_session: Callable[..., Run]) -> None:
    async def scenario(run: Run) -> None:
        await run.reconnecting()
        await run.end()
        await asyncio.sleep(3600)

    run = run_session(ScriptedAttempt(LOST, established_s=60), scenario=scenario)
    assert len(run.attempts.began) == 1
    assert run.states[-1] == "disconnected"
    assert run.session.error is None


def test_after_a_long_established_attempt_the_count_of_attempts_starts_again(
    run_session: Callable[..., Run],
) -> None:
    async def scenario(run: Run) -> None:
        while len(run.attempts.began) < 31:
            await asyncio.sleep(1)
        await run.end()

    run = run_session(
        *[ScriptedAttempt(LOST, established_s=sessions.SETTLED_S)] * 30, scenario=scenario
    )
    assert max(run.attempts.waits) <= 1 + 1e-3


def test_an_attempt_that_breaks_soon_after_it_was_established_counts_as_failed(
    run_session: Callable[..., Run],
) -> None:
    run = run_session(
        ScriptedAttempt(LOST, established_s=60), *[ScriptedAttempt(LOST, established_s=2)] * 5
    )
    assert len(run.attempts.began) == 6
    assert run.states[-1] == "error"
    assert "5 attempts" in str(run.session.error)


def test_when_the_network_is_back_the_rest_of_the_delay_is_skipped(
    run_session: Callable[..., Run],
) -> None:
    async def scenario(run: Run) -> None:
        while len(run.attempts.broke) < 4:
            await asyncio.sleep(0.01)
        await asyncio.sleep(3)  # of 8
        run.session.wake()
        await asyncio.sleep(0.01)
        assert len(run.attempts.began) == 5
        await run.end()

    run_session(
        ScriptedAttempt(LOST, established_s=60), *[ScriptedAttempt(LOST)] * 3, scenario=scenario
    )


def test_a_page_can_skip_a_delay_at_most_once_a_second(run_session: Callable[..., Run]) -> None:
    async def scenario(run: Run) -> None:
        await run.reconnecting()
        while not run.task.done():
            run.session.wake()
            await asyncio.sleep(0.01)

    run = run_session(
        ScriptedAttempt(LOST, established_s=60), *[ScriptedAttempt(LOST)] * 5, scenario=scenario
    )
    assert run.attempts.began[-1] - run.attempts.broke[0] >= 4


def test_a_wake_while_the_session_is_established_shortens_no_later_delay(
    run_session: Callable[..., Run],
) -> None:
    async def scenario(run: Run) -> None:
        await asyncio.sleep(30)
        run.session.wake()
        while len(run.attempts.began) < 2:
            await asyncio.sleep(0.01)
        await run.end()

    run = run_session(ScriptedAttempt(LOST, established_s=60), scenario=scenario)
    assert run.attempts.waits[0] >= 1 - sessions.JITTER


def test_no_attempt_is_made_while_the_page_is_away(run_session: Callable[..., Run]) -> None:
    async def scenario(run: Run) -> None:
        await asyncio.sleep(30)
        run.media.present.clear()
        run.session.media_lost(LOST)
        await asyncio.sleep(3600)
        assert len(run.attempts.began) == 1
        run.media.present.set()
        await asyncio.sleep(0.01)
        assert len(run.attempts.began) == 2
        await run.end()

    run_session(ScriptedAttempt(LOST, established_s=float("inf")), scenario=scenario)


def test_a_stop_takes_effect_while_the_page_is_away(run_session: Callable[..., Run]) -> None:
    async def scenario(run: Run) -> None:
        run.media.present.clear()
        await run.reconnecting()
        await asyncio.sleep(60)
        await run.end()

    run = run_session(ScriptedAttempt(LOST, established_s=60), scenario=scenario)
    assert run.states[-1] == "disconnected"


def test_a_session_that_moves_to_another_page_reconnects_at_once(
    run_session: Callable[..., Run],
) -> None:
    async def scenario(run: Run) -> None:
        await asyncio.sleep(30)
        run.session.media_moved(LOST)
        await asyncio.sleep(0.01)
        assert len(run.attempts.began) == 2
        assert run.media.ended == [(1, "reconnecting", True)]
        await run.end()

    run_session(ScriptedAttempt(LOST, established_s=float("inf")), scenario=scenario)


def test_nothing_remains_of_a_budget_when_the_service_s_own_limit_comes_first(
    run_session: Callable[..., Run],
) -> None:
    async def scenario(run: Run) -> None:
        await asyncio.sleep(1)
        for message in (m.GenerationStarted(), m.GenerationTick(9), m.GenerationEnded(9, "limit")):
            run.session.machine.receive(message)

    expired = ScriptedAttempt(SessionExpiredError("It is over."), established_s=2)
    session = run_session(expired, scenario=scenario, budget=10).session
    assert isinstance(session.error, BudgetSpentError)
    assert session.remaining == 0
    assert session.budget_low
    assert session.machine.generation_tick == 9, "what the service billed"


def test_a_budget_that_our_own_clock_has_spent_counts_as_billed_without_the_last_tick(
    run_session: Callable[..., Run],
) -> None:
    async def scenario(run: Run) -> None:
        await asyncio.sleep(1)
        session = run.session
        session.machine.receive(m.GenerationTick(1))
        session.submit(PromptState("sepia"), with_image=False)  # handles what was received

    session = run_session(
        ScriptedAttempt(LOST, established_s=float("inf")), scenario=scenario, budget=10
    ).session
    assert isinstance(session.error, BudgetSpentError)
    assert (session.remaining, session.machine.generation_tick) == (0, 10)
