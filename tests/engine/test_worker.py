"""Both sides of the messages between an engine and its worker, and what a worker does with them."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from decart_widget.engine.commands import COMMANDS, EVENTS, decode, encode
from decart_widget.engine.connection import ConnectionSettings, FrameExchange, OutgoingFrame
from decart_widget.engine.exchange import FIRST_STALL_CHECKS
from decart_widget.engine.ring import FrameInfo, RingReader, RingWriter
from decart_widget.engine.ring_memory import RingDescriptors
from decart_widget.engine.webcam_media import WebcamMedia
from decart_widget.engine.worker import Worker
from decart_widget.errors import MediaError, SourceError
from decart_widget.inputs.sources.reader import ReadFrame, Target

TARGET = asdict(Target(16, 8, 30.0))
SETTINGS = asdict(ConnectionSettings("webrtc"))


def parameters(function: Any) -> set[str]:
    return {
        p.name
        for p in inspect.signature(function).parameters.values()
        if p.name != "self" and p.kind is not p.VAR_KEYWORD
    }


@pytest.mark.parametrize("kind", COMMANDS)
def test_the_worker_carries_out_each_command_with_its_fields(kind: str) -> None:
    handler = getattr(Worker, f"_do_{kind}")
    taken = parameters(handler) - {"part"}
    assert taken == set(COMMANDS[kind]) or (kind == "webcam_frame" and not taken)


@pytest.mark.parametrize("kind", sorted(set(EVENTS) - {"hello"}))
def test_the_engine_handles_each_event_with_its_fields(kind: str) -> None:
    handler = getattr(WebcamMedia, f"_on_{kind}")
    takes_rest = any(
        p.kind is p.VAR_KEYWORD for p in inspect.signature(handler).parameters.values()
    )
    taken = parameters(handler) - {"part"}
    assert taken <= set(EVENTS[kind])
    assert takes_rest or taken == set(EVENTS[kind])


class Reader:
    """A source of so many frames."""

    label = "reader"
    is_live = False
    fps: float | None = 30.0
    duration_s: float | None = None
    frame_count: int | None = None

    def __init__(self, count: int) -> None:
        self.count = count
        self.index = 0
        self.closed = False

    def read(self) -> ReadFrame | None:
        if self.index >= self.count:
            return None
        self.index += 1
        picture = np.full((12, 16), self.index - 1, np.uint8)
        return ReadFrame(picture, self.index - 1, (self.index - 1) / 100)

    def close(self) -> None:
        self.closed = True


class Fake:
    """A connection that the test plays."""

    def __init__(self, settings: ConnectionSettings, exchange: FrameExchange) -> None:
        self.settings = settings
        self.exchange = exchange
        self.calls: list[tuple[Any, ...]] = []

    def start(self) -> None:
        self.calls.append(("start",))

    async def join(self, url: str, token: str) -> None:
        self.calls.append(("join", url, token))

    async def answer(self, sdp: str) -> None:
        if sdp == "bad":
            raise ValueError(sdp)
        self.calls.append(("answer", sdp))

    async def add_candidate(self, candidate: dict[str, Any] | None) -> None:
        self.calls.append(("candidate", candidate))

    async def figures(self) -> dict[str, Any]:
        return {"codec": "FAKE"}

    async def close(self) -> None:
        self.calls.append(("close",))

    def back(self, frame: OutgoingFrame, *, exact: bool = True) -> None:
        picture = np.full((12, 16), frame.index % 256, np.uint8)
        self.exchange.frame_received([picture], 16, 8, frame if exact else None, exact=exact)


class Stage:
    """A worker whose parent is the test."""

    def __init__(self, up: RingDescriptors, down: RingDescriptors) -> None:
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.connections: list[Fake] = []
        self.sources: list[Any] = []
        self.up = RingWriter(up.memory, up.writer_bell)
        self.down = RingReader(down.memory, down.reader_bell)
        self.refuses = False
        self.worker = Worker(
            lambda line: self.events.append(decode(EVENTS, line)),
            RingReader(up.memory, up.reader_bell),
            RingWriter(down.memory, down.writer_bell),
            connect=self._connect,
            open_source=self._open,
        )

    def _connect(self, settings: ConnectionSettings, exchange: FrameExchange) -> Fake:
        if self.refuses:
            raise MediaError("No codec.", code="no-codec")
        self.connections.append(Fake(settings, exchange))
        return self.connections[-1]

    def _open(self, description: Mapping[str, Any], target: Target) -> Any:
        if description.get("broken"):
            raise SourceError("No such file.", remedy="Give another.")
        self.sources.append(Reader(description["count"]))
        return self.sources[-1]

    def do(self, kind: str, **fields: Any) -> None:
        self.worker.carry_out(encode(COMMANDS, kind, **fields))

    def open(self, generation: int = 1, after: int = -1, **description: Any) -> None:
        self.do(
            "source",
            generation=generation,
            description=description,
            is_live=False,
            label="",
            fps=None,
            target=TARGET,
            after=after,
        )

    def prepare(self, attempt: int = 1) -> Fake:
        self.do("prepare", attempt=attempt, connection=SETTINGS)
        return self.connections[-1]

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [fields for own, fields in self.events if own == kind]

    async def until(self, true: Callable[[], Any]) -> None:
        async with asyncio.timeout(20):
            while not true():
                self.worker._link.flush()
                await asyncio.sleep(0.001)

    def taken(self) -> list[FrameInfo]:
        infos = []
        while (frame := self.down.take(every=True)) is not None:
            infos.append(frame.info)
        return infos


@pytest.fixture
async def stage() -> Any:
    rings = RingDescriptors.create(4096), RingDescriptors.create(4096)
    stage = Stage(*rings)
    yield stage
    stage.worker._end(keep_source=False)
    for task in list(stage.worker._background):
        await task
    for end in (stage.up, stage.down):
        end.close()
    for ring in rings:
        ring.close()


async def test_frames_come_back_with_their_identity(stage: Stage) -> None:
    stage.open(count=3)
    connection = stage.prepare(attempt=7)
    sent = await connection.exchange.next_frame()
    connection.back(sent)
    (info,) = stage.taken()
    assert (info.index, info.source_time, info.attempt, info.exact) == (0, 0.0, 7, True)
    assert info.received_ns >= info.captured_ns > 0
    assert {"attempt": 7, "state": "first-frame"} in stage.told("state")


async def test_calls_reach_the_connection_in_order(stage: Stage) -> None:
    connection = stage.prepare()
    stage.do("answer", attempt=1, sdp="v=0")
    stage.do("candidate", attempt=1, candidate={"candidate": "x"})
    stage.do("candidate", attempt=1, candidate=None)
    await stage.until(lambda: len(connection.calls) == 4)
    assert [call[0] for call in connection.calls] == ["start", "answer", "candidate", "candidate"]
    stage.do("answer", attempt=2, sdp="of another attempt")
    stage.do("end", attempt=1, keep_source=True)
    await stage.until(lambda: ("close",) in connection.calls)
    assert connection.calls[-1] == ("close",)


async def test_an_answer_that_fails_is_a_failed_connection(stage: Stage) -> None:
    stage.prepare()
    stage.do("answer", attempt=1, sdp="bad")
    await stage.until(lambda: {"attempt": 1, "state": "failed"} in stage.told("state"))


async def test_a_connection_that_can_not_be_made_is_refused(stage: Stage) -> None:
    stage.refuses = True
    stage.do("prepare", attempt=1, connection=SETTINGS)
    (refused,) = stage.told("refused")
    assert refused["error"]["code"] == "no-codec"


async def test_a_source_that_can_not_be_opened_says_so(stage: Stage) -> None:
    stage.open(broken=True)
    await stage.until(lambda: stage.told("source_failed"))
    assert stage.told("source_failed")[0]["error"]["remedy"] == "Give another."


async def test_an_ended_attempt_reports_nothing_and_takes_no_frame(stage: Stage) -> None:
    stage.open(count=2)
    old = stage.prepare(attempt=1)
    waiting = asyncio.ensure_future(old.exchange.next_frame())
    first = await waiting
    second = asyncio.ensure_future(old.exchange.next_frame())
    await asyncio.sleep(0)  # it waits for the next frame to be due
    assert not second.done()
    stage.prepare(attempt=2)
    count = len(stage.events)
    old.exchange.changed("failed")
    old.exchange.offer_made("v=0")
    old.back(first)
    assert len(stage.events) == count
    assert stage.taken() == []
    assert (await stage.connections[-1].exchange.next_frame()).index == 1
    second.cancel()


async def test_every_frame_comes_back_in_order_or_is_named(stage: Stage) -> None:
    stage.do("every", on=True)
    stage.open(count=6)
    connection = stage.prepare()
    first = await connection.exchange.next_frame()
    again = await connection.exchange.next_frame()
    assert (first.index, again.index) == (0, 0), "repeated until one is back"
    connection.back(first)
    connection.back(again)
    for _ in range(2):
        sent = await connection.exchange.next_frame()
    connection.back(sent)
    assert (sent.index, stage.told("lost")[0]["indices"]) == (2, [1])
    for _ in range(3):
        sent = await connection.exchange.next_frame()
    assert sent.index == 5
    repeating = asyncio.ensure_future(connection.exchange.next_frame())
    assert (await repeating).index == 5, "the last one is repeated until it is back"
    assert stage.told("source_ended") == []
    connection.back(sent)
    assert stage.told("source_ended") == [{"generation": 1, "number": stage.down.newest}]
    assert [info.index for info in stage.taken()] == [0, 2, 5]
    assert [index for told in stage.told("lost") for index in told["indices"]] == [1, 3, 4]


async def test_a_reader_that_does_not_read_holds_the_source_back(stage: Stage) -> None:
    stage.do("every", on=True)
    stage.open(count=30)
    connection = stage.prepare()
    first = await connection.exchange.next_frame()
    connection.back(first)
    waiting = asyncio.ensure_future(connection.exchange.next_frame())
    sent = 1
    while not stage.worker._link.is_full:
        frame = await waiting
        sent += frame.index > 0
        connection.back(frame)
        waiting = asyncio.ensure_future(connection.exchange.next_frame())
        await asyncio.sleep(0)
    for _ in range(50):
        await asyncio.sleep(0.001)
    assert not waiting.done()
    got = [info.index for info in stage.taken()]
    stage.worker._link.flush()
    got += [info.index for info in stage.taken()]
    assert got == list(range(sent))
    await waiting


async def test_frames_in_flight_are_named_when_the_attempt_ends(stage: Stage) -> None:
    stage.do("every", on=True)
    stage.open(count=5)
    connection = stage.prepare()
    connection.back(await connection.exchange.next_frame())
    await connection.exchange.next_frame()
    await connection.exchange.next_frame()
    stage.prepare(attempt=2)
    assert stage.told("lost")[0]["indices"] == [1, 2]


async def test_a_source_goes_on_behind_the_frames_that_were_sent_before(stage: Stage) -> None:
    stage.open(count=5, after=2)
    connection = stage.prepare()
    assert (await connection.exchange.next_frame()).index == 3


async def test_frames_of_the_parent_arrive_through_the_ring(stage: Stage) -> None:
    stage.do("every", on=True)
    stage.do(
        "source",
        generation=4,
        description=None,
        is_live=False,
        label="arrays",
        fps=30.0,
        target=TARGET,
        after=-1,
    )
    connection = stage.prepare()
    stage.up.write(16, 8, FrameInfo(9, 0.0, 5, generation=3), lambda into: into.fill(1))
    number = stage.up.write(16, 8, FrameInfo(0, 0.0, 5, generation=4), lambda into: into.fill(7))
    sent = await connection.exchange.next_frame()
    assert (sent.index, sent.generation, int(sent.picture[0, 0])) == (0, 4, 7)
    stage.do("source_end", generation=4, number=number)
    ending = asyncio.ensure_future(connection.exchange.next_frame())
    connection.back(sent)
    await stage.until(lambda: stage.told("source_ended"))
    ending.cancel()


async def test_a_service_that_keeps_no_identity_gives_estimates(stage: Stage) -> None:
    stage.open(count=3)
    connection = stage.prepare()
    sent = await connection.exchange.next_frame()
    connection.back(sent, exact=False)
    connection.back(sent, exact=False)
    first, second = stage.taken()
    assert (first.index, first.exact) == (0, False)
    assert (second.index, second.exact) == (-1, False)


async def test_figures_are_those_of_connection_and_process(stage: Stage) -> None:
    stage.prepare()
    stage.do("figures", request=3)
    await stage.until(lambda: stage.told("figures"))
    (answer,) = stage.told("figures")
    assert answer["request"] == 3
    assert answer["figures"]["codec"] == "FAKE"
    assert answer["figures"]["cpu_s"] > 0


async def test_a_silent_service_is_a_stalled_connection(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("decart_widget.engine.exchange.CHECK_S", 0.001)
    stage.open(count=10_000)
    connection = stage.prepare()
    async with asyncio.timeout(30):
        while not stage.told("stalled"):
            await connection.exchange.next_frame()
    assert stage.told("stalled") == [{"attempt": 1}]
    assert FIRST_STALL_CHECKS > 1


def test_what_is_no_command_is_logged_and_nothing_else_happens(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def go() -> None:
        rings = RingDescriptors.create(4096), RingDescriptors.create(4096)
        stage = Stage(*rings)
        stage.worker.carry_out(b"nonsense")
        for end in (stage.up, stage.down):
            end.close()
        for ring in rings:
            ring.close()

    asyncio.run(go())
    assert "refused" in caplog.text
