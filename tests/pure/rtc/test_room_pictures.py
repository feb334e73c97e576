"""Pictures that the package `livekit` receives, from a stream of the test's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from livekit import rtc
from livekit.rtc._proto import stats_pb2 as stats

from decart_widget.rtc import room_pictures


class Stream:
    """A stream whose only frame comes when the test sends it."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.frame: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.closed = False

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> str:
        return await self.frame

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize("ticks", range(6))
async def test_a_reader_that_is_cancelled_while_a_frame_comes_ends(
    monkeypatch: pytest.MonkeyPatch, ticks: int
) -> None:
    streams: list[Stream] = []

    def opened(*_: Any, **__: Any) -> Stream:
        streams.append(Stream())
        return streams[-1]

    monkeypatch.setattr(rtc, "VideoStream", opened)
    none: Any = None

    async def read() -> None:
        async for _ in room_pictures.pictures(none, none):
            await asyncio.sleep(0)  # a reader that is slower than the stream
            streams[0].frame = asyncio.get_running_loop().create_future()

    reader = asyncio.create_task(read())
    while not streams:
        await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
    streams[0].frame.set_result("frame")
    for _ in range(ticks):
        await asyncio.sleep(0)
    reader.cancel()
    async with asyncio.timeout(10):
        while not reader.done():
            await asyncio.sleep(0)
    assert reader.cancelled()


class FakeStream:
    """A stream of pictures that yields what `pictures` says, and then nothing."""

    pictures = 0
    closed = 0

    def __init__(self, *_: Any, **__: Any) -> None:
        self._left = FakeStream.pictures

    async def __anext__(self) -> int:
        if self._left == 0:
            await asyncio.Event().wait()
        self._left -= 1
        return self._left

    async def aclose(self) -> None:
        FakeStream.closed += 1


class FakeTrack:
    """A track of which ``step`` more pictures are decoded between two looks at its statistics."""

    def __init__(self, step: int) -> None:
        self._step = step
        self.looks = 0

    async def get_stats(self) -> list[Any]:
        self.looks += 1
        figure = stats.RtcStats()
        figure.inbound_rtp.inbound.frames_decoded = self.looks * self._step
        return [figure]


class FakePublication:
    """A publication that notes when it is subscribed to."""

    def __init__(self) -> None:
        self.calls: list[bool] = []
        self.is_renewed = asyncio.Event()

    def set_subscribed(self, subscribed: bool) -> None:
        self.calls.append(subscribed)
        if subscribed:
            self.is_renewed.set()


@pytest.fixture
def fake_stream(monkeypatch: pytest.MonkeyPatch) -> type[FakeStream]:
    monkeypatch.setattr(rtc, "VideoStream", FakeStream)
    monkeypatch.setattr(room_pictures, "SILENCE_CHECK_S", 0.01)
    monkeypatch.setattr(room_pictures, "LONGEST_CHECK_S", 0.01)
    monkeypatch.setattr(room_pictures, "RESUBSCRIBE_DELAY_S", 0.0)
    monkeypatch.setattr(FakeStream, "closed", 0)
    return FakeStream


@pytest.mark.parametrize("delivered", [0, 1])
async def test_a_track_whose_pictures_are_decoded_but_do_not_arrive_is_subscribed_to_again(
    fake_stream: type[FakeStream], monkeypatch: pytest.MonkeyPatch, delivered: int
) -> None:
    monkeypatch.setattr(fake_stream, "pictures", delivered)
    publication = FakePublication()
    frames: Any = room_pictures.pictures(FakeTrack(15), publication)  # type: ignore[arg-type]
    for _ in range(delivered):
        await anext(frames)
    waiting = asyncio.create_task(anext(frames))
    await publication.is_renewed.wait()
    assert publication.calls[:2] == [False, True]
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    await frames.aclose()
    assert fake_stream.closed == 1


async def test_a_track_of_which_no_picture_is_decoded_stays_subscribed(
    fake_stream: type[FakeStream], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fake_stream, "pictures", 0)
    track, publication = FakeTrack(0), FakePublication()
    frames: Any = room_pictures.pictures(track, publication)  # type: ignore[arg-type]
    waiting = asyncio.create_task(anext(frames))
    while track.looks < 4:
        await asyncio.sleep(0)
    assert publication.calls == []
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)


async def test_pictures_are_read_although_statistics_never_come(
    fake_stream: type[FakeStream], monkeypatch: pytest.MonkeyPatch
) -> None:
    class SilentTrack:
        asked = 0

        async def get_stats(self) -> list[Any]:
            self.asked += 1
            await asyncio.Event().wait()
            raise AssertionError("not reached")

    class LateStream(fake_stream):  # type: ignore[misc, valid-type]
        async def __anext__(self) -> str:
            while track.asked < 2:
                await asyncio.sleep(0.001)
            return "picture"

    monkeypatch.setattr(rtc, "VideoStream", LateStream)
    monkeypatch.setattr(room_pictures, "STATISTICS_LIMIT_S", 0.01)
    track, publication = SilentTrack(), FakePublication()
    frames: Any = room_pictures.pictures(track, publication)  # type: ignore[arg-type]
    async with asyncio.timeout(10):
        assert await anext(frames) == "picture"
    assert publication.calls == []
    await frames.aclose()


@pytest.mark.parametrize(("options", "capacity"), [({}, 1), ({"waiting": 8}, 8)])
async def test_the_number_of_pictures_that_wait_is_bounded(
    monkeypatch: pytest.MonkeyPatch, options: dict[str, int], capacity: int
) -> None:
    made: list[dict[str, Any]] = []

    def opened(*_: Any, **how: Any) -> FakeStream:
        made.append(how)
        return FakeStream()

    monkeypatch.setattr(rtc, "VideoStream", opened)
    monkeypatch.setattr(FakeStream, "pictures", 1)
    none: Any = None
    frames = room_pictures.pictures(none, none, **options)
    await anext(frames)
    await frames.aclose()
    assert made[0]["capacity"] == capacity
