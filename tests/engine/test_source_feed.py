"""Which frames of a live source the feed gives."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import numpy as np

from decart_widget.engine.source_feed import SourceFeed
from decart_widget.inputs.sources.reader import ReadFrame

FRAMES = 5


class Listener:
    def source_opened(self, generation: int, reader: Any) -> None:
        """Not needed."""

    def source_failed(self, generation: int, error: Exception) -> None:
        raise error


class LiveReader:
    """Has frames at once.

    Attributes:
        reads: How many frames were read.
    """

    label = "live"
    is_live = True
    fps: float | None = None
    duration_s: float | None = None
    frame_count: int | None = None

    def __init__(self, *, holds_back: bool) -> None:
        self.holds_back = holds_back
        self.reads = 0
        self._closed = threading.Event()

    def read(self) -> ReadFrame | None:
        if self.reads == FRAMES:
            self._closed.wait()
            return None
        self.reads += 1
        return ReadFrame(np.zeros((3, 2), np.uint8), self.reads - 1, self.reads / 30)

    def close(self) -> None:
        self._closed.set()


async def until_read(reader: LiveReader, frames: int) -> None:
    async with asyncio.timeout(30):
        while reader.reads < frames:
            await asyncio.sleep(0.01)


async def test_the_newest_frame_of_a_live_source_is_given() -> None:
    feed, reader = SourceFeed(Listener()), LiveReader(holds_back=False)
    feed.replace(1, lambda: reader)
    await until_read(reader, FRAMES)
    async with asyncio.timeout(30):
        while feed.skipped < FRAMES - 1:
            await asyncio.sleep(0.01)
    frame = await feed.next_frame(every=False)
    assert frame is not None
    assert frame.index == FRAMES - 1
    feed.close()


async def test_a_source_that_is_held_back_is_read_only_when_a_frame_was_given() -> None:
    feed, reader = SourceFeed(Listener()), LiveReader(holds_back=True)
    feed.replace(1, lambda: reader)
    given = []
    for number in range(FRAMES):
        await until_read(reader, min(number + 2, FRAMES))  # one waits, one can't be kept yet
        assert reader.reads <= number + 2
        frame = await feed.next_frame(every=False)
        assert frame is not None
        given.append(frame.index)
    assert given == list(range(FRAMES))
    assert feed.skipped == 0
    feed.close()
