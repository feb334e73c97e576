"""Frames requested by the kernel from a scripted page."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from decart_widget.capture.frames import STALE_S, Frames
from decart_widget.capture.taps import MAX_TAPS
from decart_widget.errors import MediaError
from decart_widget.protocol import flow
from decart_widget.session.frame import Frame
from tests.pure.capture.scripted_page import Page, png


class FakeBackground:
    """A background on the test's event loop, with a clock that the test sets."""

    def __init__(self) -> None:
        self.loop = self
        self.now = 0.0
        self._soon = asyncio.get_running_loop().call_soon

    def time(self) -> float:
        return self.now

    def call(self, function: Any, *args: Any) -> None:
        self._soon(function, *args)


def frames_of(page: Page, background: FakeBackground | None = None, **options: Any) -> Frames:
    given = {"which": "output", "fps": None, "size": None, **options}
    return Frames(page.taps, background or FakeBackground(), **given)  # type: ignore[arg-type]


def granted(page: Page) -> int:
    return sum(count for what, count in page.calls if what == "credit")


async def waiting(page: Page, background: FakeBackground) -> tuple[Frames, asyncio.Future[Frame]]:
    """A reader that waits, and whose page has its first credits."""
    page.on_tap = lambda _request: page.say("began")
    frames = frames_of(page, background)
    first = asyncio.ensure_future(anext(frames))
    while not granted(page):
        await asyncio.sleep(0)
    return frames, first


async def test_frames_arrive_in_order_and_never_more_than_the_credits_allow(page: Page) -> None:
    clock = iter(range(1, 1000))
    page.on_tap = lambda _request: page.say("began")
    out = 0

    def send_frames(_number: int, count: int) -> None:
        nonlocal out
        out += count
        assert out <= flow.FIRST
        for _ in range(count):
            out -= 1
            page.piece(png(), at=1000 * next(clock), dropped=0)

    page.on_credit = send_frames
    frames = frames_of(page, fps=10.0, size=(6, 4))
    seen = []
    async for image, time in frames:
        assert image.shape == (4, 6, 3)
        seen.append(time)
        if len(seen) == 20:
            break
    await frames.aclose()
    assert seen == sorted(set(seen))
    await asyncio.sleep(0)
    assert len(page.taps) == 0
    with pytest.raises(StopAsyncIteration):
        await anext(frames)


async def test_a_slow_reader_gets_the_newest_frame_and_missed_ones_are_counted(page: Page) -> None:
    page.on_tap = lambda _request: page.say("began")
    frames = frames_of(page)
    first = asyncio.ensure_future(anext(frames))
    await asyncio.sleep(0.01)
    page.piece(png(10), at=1000)
    assert (await first).image[0, 0, 0] == 10
    page.piece(png(20), at=2000)
    page.piece(png(30), at=3000, dropped=5)
    frame = await anext(frames)
    assert (frame.image[0, 0, 0], frame.time) == (30, 3.0)
    assert frames.dropped == 6
    assert granted(page) <= 3 + flow.FIRST, "frames that arrived, and those in flight"


async def test_pictures_that_the_page_dropped_for_want_of_credit_raise_the_number(
    page: Page,
) -> None:
    background = FakeBackground()
    frames, first = await waiting(page, background)
    assert granted(page) == flow.FIRST
    for number in range(1, 20):
        background.now += 0.1
        page.piece(png(), at=100 * number, dropped=2 * number)
        await first
        first = asyncio.ensure_future(anext(frames))
        for _ in range(3):
            await asyncio.sleep(0)  # the reader waits before the next frame comes
    assert granted(page) - 19 > 2 * flow.FIRST
    first.cancel()


async def test_a_frame_that_waited_too_long_for_its_reader_is_dropped(page: Page) -> None:
    background = FakeBackground()
    frames, first = await waiting(page, background)
    page.piece(png(10), at=1000)
    await first
    page.piece(png(20), at=2000)
    background.now += STALE_S + 0.01
    second = asyncio.ensure_future(anext(frames))
    while frames.dropped < 1:
        await asyncio.sleep(0)
    page.piece(png(30), at=3000)
    assert (await second).time == 3.0


async def test_the_taps_of_frames_that_are_no_longer_read_are_closed(page: Page) -> None:
    def send_frames(number: int, count: int) -> None:
        for _ in range(count):
            page.piece(png(), number, at=1000)

    page.on_tap = lambda request: page.say("began", request["id"])
    page.on_credit = send_frames
    # One more than may be open at once: if the taps stayed open, the last one would be refused.
    for _ in range(MAX_TAPS + 1):
        async for image, _time in frames_of(page):
            assert image.size
            break
        await asyncio.sleep(0)
        if len(page.taps) == MAX_TAPS:
            await _collect()
    await _collect()
    assert len(page.taps) <= 1


async def _collect() -> None:
    """Collects unreferenced iterators; their taps are closed on the loop's next turn."""
    gc.collect()
    await asyncio.sleep(0)


async def test_frames_need_a_session_and_end_with_it(page: Page) -> None:
    page.on_tap = lambda _request: page.taps.end_all()
    with pytest.raises(StopAsyncIteration):
        await anext(frames_of(page))
    page.is_active = False
    with pytest.raises(MediaError, match="no session"):
        await anext(frames_of(page))
