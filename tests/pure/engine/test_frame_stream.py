"""Streams of frames: what a slow reader gets, and how a stream ends."""

from __future__ import annotations

import asyncio
import gc
import threading
import time
from typing import Any

import numpy as np
import pytest

from decart_widget.engine import frame_stream
from decart_widget.engine.frame_stream import EVERY_QUEUED, FrameStream
from decart_widget.engine.received import FrameSink, ReceivedFrame
from decart_widget.errors import ConnectionLostError


def received(index: int) -> ReceivedFrame:
    picture = np.full((24, 16), index, np.uint8)
    now = time.monotonic_ns()
    return ReceivedFrame(picture, index, index / 30, now - 20_000_000, now, True, 0, 1)


class Engine:
    """Notes the sinks that are removed."""

    def __init__(self) -> None:
        self.removed: list[FrameSink] = []

    def stream(self, *, every: bool) -> FrameStream:
        return FrameStream(every, self.removed.append)


def test_a_slow_reader_gets_the_newest_frame_and_the_others_are_counted() -> None:
    stream = Engine().stream(every=False)
    for index in range(5):
        stream.sink.frame(received(index))
    assert next(stream).index == 4
    assert stream.dropped == 4


def test_a_reader_of_every_frame_gets_each_in_order_and_holds_the_source_back() -> None:
    stream = Engine().stream(every=True)
    put: list[int] = []

    def engine() -> None:
        for index in range(3 * EVERY_QUEUED):
            stream.sink.frame(received(index))
            put.append(index)
        stream.sink.source_ended()

    thread = threading.Thread(target=engine)
    thread.start()
    first = next(stream)
    assert first.index == 0
    assert len(put) <= EVERY_QUEUED + 1, "the engine waits for the reader"
    assert [frame.index for frame in stream] == list(range(1, 3 * EVERY_QUEUED))
    thread.join()
    assert stream.dropped == 0


async def test_a_coroutine_reads_frames_and_the_end() -> None:
    stream = Engine().stream(every=True)

    async def read() -> list[int | None]:
        return [frame.index async for frame in stream]

    reading = asyncio.create_task(read())
    await asyncio.sleep(0)
    await asyncio.to_thread(stream.sink.frame, received(0))
    await asyncio.to_thread(stream.sink.frame, received(1))
    stream.sink.lost([2, 3])
    stream.over(None)
    assert await reading == [0, 1]
    assert list(stream.lost) == [2, 3]


def test_the_error_of_a_session_is_raised_once_after_the_frames_that_wait() -> None:
    engine = Engine()
    stream = engine.stream(every=True)
    stream.sink.frame(received(0))
    stream.over(ConnectionLostError("It broke."))
    assert next(stream).index == 0
    with pytest.raises(ConnectionLostError, match="It broke"):
        next(stream)
    assert list(stream) == []
    assert engine.removed == [stream.sink]


def test_closing_ends_a_reader_that_waits_on_another_thread() -> None:
    stream = Engine().stream(every=False)
    threading.Timer(0.01, stream.close).start()
    assert list(stream) == []


def test_a_stream_that_nobody_reads_any_more_lets_the_engine_go_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(frame_stream, "WAIT_S", 0.01)
    engine = Engine()
    stream: Any = engine.stream(every=True)
    sink = stream.sink
    for index in range(EVERY_QUEUED):
        sink.frame(received(index))
    del stream
    gc.collect()
    sink.frame(received(99))  # would wait for ever
    assert engine.removed == [sink]


@pytest.mark.parametrize("every", [False, True])
def test_frames_after_the_end_are_ignored(every: bool) -> None:
    stream = Engine().stream(every=every)
    stream.close()
    for index in range(2 * EVERY_QUEUED):
        stream.sink.frame(received(index))
    assert list(stream) == []
