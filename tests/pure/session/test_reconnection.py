"""When a session tries again, and when not: with attempts that go as a test says, and no clock."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from decart_widget.diagnostics.secrets import Secret
from decart_widget.errors import (
    AuthenticationError,
    ConnectionLostError,
    DecartError,
    TransportError,
)
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


class End:
    """How an attempt goes: it stands for so many seconds, or never, and then this happens."""

    def __init__(self, error: DecartError, *, stood: float | None = None) -> None:
        self.error = error
        self.stood = stood


class Attempts:
    """Takes the place of ``Attempt``: goes as told, and stands for good when nothing is told."""

    def __init__(self, *ends: End) -> None:
        self.ends = list(ends)
        self.began: list[float] = []
        self.broke: list[float] = []

    @property
    def waits(self) -> list[float]:
        """Seconds between an attempt's end and the next one."""
        return [b - a for a, b in zip(self.broke, self.began[1:], strict=False)]

    def __call__(
        self, number: int, _config: Any, machine: SessionMachine, _media: Any, drive: Any
    ) -> _Attempt:
        return _Attempt(number, machine, drive, self)


class _Attempt:
    initial_sent_at = 0.0

    def __init__(
        self, number: int, machine: SessionMachine, drive: Callable[[], None], told: Attempts
    ) -> None:
        self.number = number
        self._machine = machine
        self._drive = drive
        self._told = told
        self._broken: asyncio.Future[DecartError] = asyncio.get_running_loop().create_future()

    async def run(self, stop: asyncio.Event, _budget: Any, stands: Any) -> DecartError | None:
        loop, told = asyncio.get_running_loop(), self._told
        told.began.append(loop.time())
        end = told.ends.pop(0) if told.ends else End(LOST, stood=float("inf"))
        if end.stood is not None:
            self._machine.socket_opened()
            self._machine.receive(ROOM)
            self._machine.media_established()
            self._drive()
            stands()
        stopped = asyncio.ensure_future(stop.wait())
        seconds = None if end.stood == float("inf") else end.stood or 0.1
        waiting: set[asyncio.Future[Any]] = {stopped, self._broken}
        await asyncio.wait(waiting, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        told.broke.append(loop.time())
        if stop.is_set():
            return None
        return self._broken.result() if self._broken.done() else end.error

    def break_off(self, error: DecartError) -> None:
        if not self._broken.done():
            self._broken.set_result(error)

    def send(self, _messages: object) -> None: ...

    def moved(self) -> None: ...


class Page:
    """Implements ``Media`` as far as it is asked here: a page that is there, or away."""

    server_codec = None
    waiting_for_person = False

    def __init__(self) -> None:
        self.listener: Any = None
        self.there = asyncio.Event()
        self.there.set()
        self.ended: list[tuple[int, str, bool]] = []

    async def attended(self) -> None:
        await self.there.wait()

    def join(self, _attempt: int, _room: m.RoomInfo) -> None: ...

    def end(self, attempt: int, reason: str, *, keep_source: bool) -> None:
        self.ended.append((attempt, reason, keep_source))


class Run:
    """A session under way, on a clock that jumps."""

    def __init__(self, attempts: Attempts) -> None:
        self.attempts = attempts
        self.media = Page()
        config = SessionConfig(
            realtime_model("lucy-latest"),
            parse_endpoint("http://127.0.0.1:9"),
            Secret("dct_nobody"),
            transport="livekit",
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


Story = Callable[[Run], Awaitable[None]]


@pytest.fixture
def tell(in_no_time: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Runs a session whose attempts end like this, with a story beside it, to its end."""

    def tell(*ends: End, story: Story | None = None) -> Run:
        attempts = Attempts(*ends)
        monkeypatch.setattr(sessions, "Attempt", attempts)

        async def work() -> Run:
            run = Run(attempts)
            if story is not None:
                await story(run)
            await run.task
            return run

        result: Run = in_no_time(work())
        return result

    return tell


def test_five_attempts_after_1_2_4_8_and_10_seconds_and_then_the_error_with_its_cause(
    tell: Callable[..., Run],
) -> None:
    last = TransportError("Nobody is there.")
    run = tell(End(LOST, stood=60), *[End(LOST)] * 4, End(last))
    for waited, most in zip(run.attempts.waits, (1, 2, 4, 8, 10), strict=True):
        assert most * (1 - sessions.JITTER) <= waited + 1e-3
        assert waited <= most + 1e-3
    assert run.states == ["connecting", "connected", "reconnecting", "error"]
    error = run.session.error
    assert isinstance(error, ConnectionLostError)
    assert "5 attempts" in error.message
    assert "Nobody is there." in error.message
    assert run.media.ended[0] == (1, "reconnecting", True)
    assert run.media.ended[-1] == (6, "error", False)


def test_a_start_that_fails_is_not_tried_again(tell: Callable[..., Run]) -> None:
    run = tell(End(LOST))
    assert len(run.attempts.began) == 1
    assert run.states[-1] == "error"
    assert run.session.error is LOST


def test_an_error_that_no_retry_mends_ends_it_at_once(tell: Callable[..., Run]) -> None:
    refused = AuthenticationError("The key is gone.")
    for ends in ([End(refused, stood=60)], [End(LOST, stood=60), End(LOST), End(refused)]):
        run = tell(*ends)
        assert len(run.attempts.began) == len(ends)
        assert run.session.error is refused
        assert run.states[-1] == "error"


def test_nothing_is_tried_after_a_stop(tell: Callable[..., Run]) -> None:
    async def story(run: Run) -> None:
        await run.reconnecting()
        await run.end()
        await asyncio.sleep(3600)

    run = tell(End(LOST, stood=60), story=story)
    assert len(run.attempts.began) == 1
    assert run.states[-1] == "disconnected"
    assert run.session.error is None


def test_a_session_that_stood_for_long_counts_anew(tell: Callable[..., Run]) -> None:
    async def story(run: Run) -> None:
        while len(run.attempts.began) < 31:
            await asyncio.sleep(1)
        await run.end()

    run = tell(*[End(LOST, stood=sessions.SETTLED)] * 30, story=story)
    assert max(run.attempts.waits) <= 1 + 1e-3


def test_what_breaks_right_after_it_stood_is_not_restored(tell: Callable[..., Run]) -> None:
    run = tell(End(LOST, stood=60), *[End(LOST, stood=2)] * 5)
    assert len(run.attempts.began) == 6
    assert run.states[-1] == "error"
    assert "5 attempts" in str(run.session.error)


def test_when_the_network_is_back_the_rest_of_the_delay_is_skipped(
    tell: Callable[..., Run],
) -> None:
    async def story(run: Run) -> None:
        while len(run.attempts.broke) < 4:
            await asyncio.sleep(0.01)
        await asyncio.sleep(3)  # of 8
        run.session.wake()
        await asyncio.sleep(0.01)
        assert len(run.attempts.began) == 5
        await run.end()

    tell(End(LOST, stood=60), *[End(LOST)] * 3, story=story)


def test_a_page_that_cries_wolf_is_heard_once_a_second(tell: Callable[..., Run]) -> None:
    async def story(run: Run) -> None:
        await run.reconnecting()
        while not run.task.done():
            run.session.wake()
            await asyncio.sleep(0.01)

    run = tell(End(LOST, stood=60), *[End(LOST)] * 5, story=story)
    assert run.attempts.began[-1] - run.attempts.broke[0] >= 4


def test_good_news_while_all_is_well_shorten_no_later_delay(tell: Callable[..., Run]) -> None:
    async def story(run: Run) -> None:
        await asyncio.sleep(30)
        run.session.wake()
        while len(run.attempts.began) < 2:
            await asyncio.sleep(0.01)
        await run.end()

    run = tell(End(LOST, stood=60), story=story)
    assert run.attempts.waits[0] >= 1 - sessions.JITTER


def test_nothing_is_tried_while_the_page_is_away(tell: Callable[..., Run]) -> None:
    async def story(run: Run) -> None:
        await asyncio.sleep(30)
        run.media.there.clear()
        run.session.media_lost(LOST)
        await asyncio.sleep(3600)
        assert len(run.attempts.began) == 1
        run.media.there.set()
        await asyncio.sleep(0.01)
        assert len(run.attempts.began) == 2
        await run.end()

    tell(End(LOST, stood=float("inf")), story=story)


def test_a_stop_is_heard_while_the_page_is_away(tell: Callable[..., Run]) -> None:
    async def story(run: Run) -> None:
        run.media.there.clear()
        await run.reconnecting()
        await asyncio.sleep(60)
        await run.end()

    run = tell(End(LOST, stood=60), story=story)
    assert run.states[-1] == "disconnected"


def test_a_picture_that_moves_to_another_page_is_there_at_once(tell: Callable[..., Run]) -> None:
    async def story(run: Run) -> None:
        await asyncio.sleep(30)
        run.session.media_moved(LOST)
        await asyncio.sleep(0.01)
        assert len(run.attempts.began) == 2
        assert run.media.ended == [(1, "reconnecting", True)]
        await run.end()

    tell(End(LOST, stood=float("inf")), story=story)
