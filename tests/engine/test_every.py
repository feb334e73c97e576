"""Each frame that is sent comes back, or is named as lost; the source is held back for that."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import numpy as np
import pytest

from decart_widget.engine.media import EngineMedia
from decart_widget.engine.received import ReceivedFrame
from decart_widget.errors import DecartError
from decart_widget.inputs.sources import marker
from decart_widget.inputs.sources.pattern import TestPattern
from decart_widget.inputs.sources.reader import ReadFrame, Target
from decart_widget.sandbox import Faults, Sandbox
from tests.engine.conftest import Collected, running

CLIP = TestPattern("marker", fps=30, duration=2)
CLIP_FRAMES = 60


def shown(frame: ReceivedFrame) -> int | None:
    return marker.read(frame.picture[: frame.picture.shape[0] * 2 // 3])


class Arrays:
    """A source whose frames are made in this process; they show their number."""

    label = "arrays"

    def __init__(self, count: int, error: Exception | None = None) -> None:
        self.count = count
        self.error = error
        self.given = 0

    def check(self) -> None:
        """Nothing to check."""

    def describe(self) -> dict[str, Any]:
        return {"kind": "frames"}

    def reader(self, target: Target) -> ArraysReader:
        return ArraysReader(self, target)


class ArraysReader:
    label = "arrays"
    is_live = False
    fps: float | None = 30.0
    duration_s: float | None = None
    frame_count: int | None = None

    def __init__(self, source: Arrays, target: Target) -> None:
        self._source = source
        self._target = target
        self._index = 0
        self._closed = False

    def read(self) -> ReadFrame | None:
        source, target = self._source, self._target
        if self._closed:
            return None
        if self._index >= source.count:
            if source.error is not None:
                raise source.error
            return None
        picture = np.full((target.height * 3 // 2, target.width), 128, np.uint8)
        marker.write(picture, self._index)
        self._index += 1
        source.given = self._index
        return ReadFrame(picture, self._index - 1, (self._index - 1) / 30)

    def close(self) -> None:
        self._closed = True


def accounted(sink: Collected, count: int) -> None:
    """Checks that each of so many frames was delivered in order or named as lost, and only once."""
    assert sink.indices == sorted(sink.indices)
    assert sorted([*sink.indices, *sink.lost_indices]) == list(range(count))
    exact = [frame for frame in sink.frames if frame.exact]
    assert all(
        frame.index == number
        for frame, number in zip(sink.frames, sink.kept, strict=True)
        if frame.exact
    )
    assert len(exact) >= len(sink.frames) - 1


@pytest.mark.parametrize("source", [CLIP, Arrays(CLIP_FRAMES)], ids=["file", "arrays"])
async def test_each_frame_of_a_clip_is_delivered_or_named_although_the_service_answers_late(
    sandbox: Sandbox, source: Any
) -> None:
    sandbox.faults = Faults(picture_delay_s=0.6)
    sink = Collected(keep=shown)
    async with running(sandbox, source, every=True, sink=sink) as run:
        await run.until(lambda: sink.ended)
    accounted(sink, CLIP_FRAMES)
    assert sink.frames, "the first frame is repeated until it is back"
    assert sink.frames[0].index == 0
    assert sink.ended == 1


async def test_a_reader_that_takes_its_time_loses_nothing(sandbox: Sandbox) -> None:
    sink = Collected(keep=shown, delay_s=0.06)
    async with running(sandbox, CLIP, every=True, sink=sink) as run:
        await run.until(lambda: sink.ended)
    accounted(sink, CLIP_FRAMES)


async def test_frames_in_flight_when_the_connection_breaks_are_named(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(picture_delay_s=0.3)
    sink = Collected(keep=shown)
    async with running(sandbox, CLIP, every=True, sink=sink) as run:
        await run.until(lambda: len(sink.frames) >= 10)
        sandbox.faults = Faults(drop_control_after_s=0, sessions=1)
        await run.until(lambda: sink.ended)
        assert "reconnecting" in run.states
    accounted(sink, CLIP_FRAMES)
    assert len(sink.frames) > 20


@pytest.mark.parametrize("source", [CLIP, Arrays(CLIP_FRAMES)], ids=["file", "arrays"])
async def test_a_killed_worker_is_replaced_and_its_frames_are_named(
    sandbox: Sandbox, source: Any
) -> None:
    sink = Collected(keep=shown)
    async with running(sandbox, source, every=True, sink=sink) as run:
        await run.until(lambda: len(sink.frames) >= 10)
        first = run.media.pid
        os.kill(first, signal.SIGKILL)
        await run.until(lambda: sink.ended)
        assert run.media.pid not in (0, first)
    accounted(sink, CLIP_FRAMES)
    assert len(sink.frames) > 20


async def test_an_array_source_that_raises_ends_the_session_with_its_error(
    sandbox: Sandbox,
) -> None:
    failing = Arrays(5, ZeroDivisionError("of the user"))
    failures: list[DecartError] = []
    async with running(sandbox, failing, every=True) as run:
        run.media.on_source_failed = failures.append
        await asyncio.wait({run.task})
        error = run.session.error
    assert error is not None
    assert error.code == "invalid-source"
    assert isinstance(failures[0].__cause__, ZeroDivisionError)


async def test_another_source_takes_over_while_the_session_runs(sandbox: Sandbox) -> None:
    sink = Collected()
    async with running(sandbox, TestPattern("marker"), sink=sink) as run:
        await run.until(lambda: len(sink.frames) >= 5)
        run.media.replace_source(Arrays(100))
        await run.until(lambda: sum(f.generation > 2 and f.exact for f in sink.frames) >= 5)
    generations = [frame.generation for frame in sink.frames]
    assert generations == sorted(generations)
    later = [frame.index for frame in sink.frames if frame.generation > 2]
    assert later[0] < 20
    assert "reconnecting" not in run.states


async def test_a_second_session_of_one_engine_begins_its_source_anew(sandbox: Sandbox) -> None:
    media = EngineMedia(TestPattern("marker", duration=0.5))
    try:
        for _ in range(2):
            async with running(sandbox, media=media, every=True) as run:
                await run.until_source_ended()
            assert run.sink.indices[0] == 0
    finally:
        await media.close()
