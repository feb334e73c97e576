"""Frames that wait to be read: how many, and which are dropped."""

from __future__ import annotations

import asyncio

import pytest

from decart_widget.rtc.newest_queue import SLACK, NewestQueue

INTERVAL_S = 1 / 30


class Road:
    """Frames that come at a rate of 30/s, and a reader, in simulated time.

    Attributes:
        queue: Between the two.
        read: Numbers of the frames that were read.
    """

    def __init__(self, needed_s: float) -> None:
        self.queue = NewestQueue(lambda: self._now_s)
        self.read: list[int] = []
        self._needed_s = needed_s
        self._now_s = 0.0
        self._free_at_s = 0.0
        self._number = 0
        self._reading: asyncio.Future[int] | None = None

    async def run(self, frames: int, *, held_up_s: float = 0.0) -> None:
        """Lets so many frames come; before them, the reader is held up."""
        self._free_at_s += held_up_s
        for _ in range(frames):
            until_s = self._now_s + INTERVAL_S
            while True:
                self._now_s = max(self._now_s, min(self._free_at_s, until_s))
                if self._now_s >= until_s or not await self._read():
                    break
            self._now_s = until_s
            await self.queue.put(self._number)
            self._number += 1
        await asyncio.sleep(0)

    async def _read(self) -> bool:
        if self._reading is None:
            self._reading = asyncio.ensure_future(self.queue.get())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        if not self._reading.done():
            return False
        self.read.append(self._reading.result())
        self._reading = None
        self._free_at_s = self._now_s + self._needed_s
        return True


async def test_the_queue_keeps_the_newest_frame_and_the_end() -> None:
    queue = NewestQueue()
    for number in range(5):
        await queue.put(number)
    assert await queue.get() == 4
    assert queue.dropped == 4
    waiting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    assert not waiting.done(), "there is only one"
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await queue.put(5)
    await queue.put(None)
    assert [await queue.get(), await queue.get()] == [5, None]
    waiting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    await queue.put(6)
    assert await waiting == 6


async def test_a_reader_that_keeps_up_gets_the_frames_that_came_while_it_was_held_up() -> None:
    road = Road(needed_s=0.3 * INTERVAL_S)
    await road.run(30)
    for _ in range(3):
        await road.run(40, held_up_s=5 * INTERVAL_S)
    assert road.read == list(range(len(road.read)))
    assert len(road.read) >= 149
    assert road.queue.dropped == 0


@pytest.mark.parametrize("needed", [0.9, 2.5, 6])
async def test_a_slow_reader_gets_the_newest_frame(needed: float) -> None:
    road = Road(needed_s=needed * INTERVAL_S)
    await road.run(200, held_up_s=5 * INTERVAL_S)
    ages = [before - after for before, after in zip(road.read[1:], road.read, strict=False)]
    assert max(ages[10:]) <= needed + 1, "it never reads what is older than the newest"
    assert len(road.queue._items) <= 1


async def test_a_reader_that_becomes_slow_gets_the_newest_frame_again() -> None:
    road = Road(needed_s=0.3 * INTERVAL_S)
    await road.run(60)
    road._needed_s = 4 * INTERVAL_S
    await road.run(120)
    assert len(road.queue._items) <= 1
    assert road.read[-1] >= 180 - 6


async def test_the_frames_that_wait_are_bounded() -> None:
    road = Road(needed_s=0.3 * INTERVAL_S)
    await road.run(60)
    await road.run(100, held_up_s=100 * INTERVAL_S)
    assert SLACK - 1 <= len(road.queue._items) <= SLACK
    assert road.queue.dropped >= 100 - SLACK - 2
