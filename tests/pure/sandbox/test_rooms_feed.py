"""A picture for many: encoded once, whole for whoever is new, dropped for whoever is slow."""

from __future__ import annotations

import asyncio
from fractions import Fraction

import numpy as np
import pytest
from aiortc import MediaStreamTrack
from aiortc.codecs.h264 import H264Decoder, h264_depayload
from aiortc.codecs.vpx import Vp8Decoder, vp8_depayload
from aiortc.jitterbuffer import JitterFrame
from aiortc.mediastreams import MediaStreamError
from av import VideoFrame

from decart_widget.rtc.bitrates import Bitrates
from decart_widget.sandbox.rooms import feed as room_feed
from decart_widget.sandbox.rooms.feed import FIRST_STAMP, WAITING_LIMIT, Feed, Watcher

RATES = Bitrates(start=1_000_000, floor=100_000, ceiling=5_000_000)
STEP = 3000


class Frames(MediaStreamTrack):
    """Hands out a picture whenever a test says so."""

    kind = "video"

    def __init__(self, first_stamp: int = 0) -> None:
        super().__init__()
        self._next: asyncio.Queue[VideoFrame | None] = asyncio.Queue()
        self._stamp = first_stamp

    def show(self, brightness: int = 128) -> None:
        picture = np.full((64, 96, 3), brightness, np.uint8)
        frame = VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = self._stamp, Fraction(1, 90_000)
        self._stamp += STEP
        self._next.put_nowait(frame)

    def finish(self) -> None:
        self._next.put_nowait(None)

    async def recv(self) -> VideoFrame:
        frame = await self._next.get()
        if frame is None:
            raise MediaStreamError
        return frame


class Screen:
    """Decodes what a watcher gets."""

    def __init__(self, codec: str) -> None:
        self._decoder = H264Decoder() if codec == "h264" else Vp8Decoder()
        self._depayload = h264_depayload if codec == "h264" else vp8_depayload

    async def brightness(self, watcher: Watcher) -> tuple[int, int]:
        """Of the next picture, and its time stamp."""
        payloads, stamp = await watcher.next()
        data = b"".join(self._depayload(payload) for payload in payloads)
        (shown,) = self._decoder.decode(JitterFrame(data=data, timestamp=stamp))
        assert isinstance(shown, VideoFrame)
        return round(float(shown.to_ndarray(format="gray").mean())), stamp


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_everybody_sees_the_picture_that_is_encoded_once(codec: str) -> None:
    feed, frames = Feed(RATES), Frames()
    feed.show(frames)
    one, screen = feed.watch(codec), Screen(codec)
    frames.show(60)
    brightness, stamp = await screen.brightness(one)
    assert abs(brightness - 60) < 12
    assert stamp == FIRST_STAMP
    # A second one comes later and still begins with a whole picture.
    two, other = feed.watch(codec), Screen(codec)
    frames.show(200)
    assert abs((await other.brightness(two))[0] - 200) < 12
    assert abs((await screen.brightness(one))[0] - 200) < 12
    assert one._channel is two._channel
    assert feed.codecs == [codec]
    for watcher in (one, two, two):
        watcher.close()
    assert feed.codecs == []
    feed.hide()


async def test_watchers_in_two_codecs_see_the_same() -> None:
    feed, frames = Feed(RATES), Frames()
    feed.show(frames)
    watchers = {codec: feed.watch(codec) for codec in ("h264", "vp8")}
    shown = {c: asyncio.create_task(Screen(c).brightness(w)) for c, w in watchers.items()}
    await asyncio.sleep(0)
    frames.show(90)
    for codec, watcher in watchers.items():
        assert watcher.codec == codec
        assert abs((await shown[codec])[0] - 90) < 12
    feed.hide()


async def test_a_warmed_up_feed_shows_the_real_picture_first() -> None:
    feed, frames = Feed(RATES), Frames()
    await feed.warm_up("h264", 96, 64)
    watcher = feed.watch("h264")
    feed.show(frames)
    frames.show(220)
    assert abs((await Screen("h264").brightness(watcher))[0] - 220) < 12
    feed.hide()


async def test_time_goes_on_when_the_camera_is_replaced() -> None:
    feed, first = Feed(RATES), Frames(first_stamp=4_000_000_000)
    watcher, screen = feed.watch("vp8"), Screen("vp8")
    feed.show(first)
    first.show()
    first.show()
    stamps = [(await screen.brightness(watcher))[1] for _ in range(2)]
    assert stamps == [FIRST_STAMP, FIRST_STAMP + STEP]
    second = Frames(first_stamp=17)
    feed.show(second)
    second.show(30)
    brightness, stamp = await screen.brightness(watcher)
    assert stamp > stamps[-1]
    assert stamp < stamps[-1] + 90_000 * 20
    assert abs(brightness - 30) < 12
    second.finish()
    feed.hide()
    feed.hide()


async def test_a_slow_watcher_loses_pictures_and_then_gets_a_whole_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(room_feed, "KEYFRAME_INTERVAL_S", 0.0)
    feed, frames = Feed(RATES), Frames()
    slow, quick = feed.watch("vp8"), feed.watch("vp8")
    feed.show(frames)
    screen = Screen("vp8")
    reading = asyncio.gather(slow.next(), screen.brightness(quick))
    await asyncio.sleep(0)
    frames.show()
    await reading
    for _ in range(WAITING_LIMIT + 4):
        frames.show()
        await screen.brightness(quick)
    assert slow.dropped >= WAITING_LIMIT
    assert quick.dropped == 0
    assert quick.pictures == WAITING_LIMIT + 5
    # It reads again, and what comes can be decoded with nothing before it.
    again = asyncio.create_task(Screen("vp8").brightness(slow))
    await asyncio.sleep(0)
    frames.show(200)
    assert abs((await again)[0] - 200) < 12
    feed.hide()


async def test_who_does_not_read_yet_gets_nothing_old_and_asks_for_nothing() -> None:
    feed, frames = Feed(RATES), Frames()
    reader, other = feed.watch("vp8"), feed.watch("vp8")
    feed.show(frames)
    for brightness in (40, 60, 80):
        frames.show(brightness)
        await reader.next()
    assert other.pictures == other.dropped == 0
    assert not other._channel._keyframe_wanted
    reading = asyncio.create_task(Screen("vp8").brightness(other))
    await asyncio.sleep(0)
    frames.show(220)
    assert abs((await reading)[0] - 220) < 12
    feed.hide()


async def test_whole_pictures_on_request_have_an_interval() -> None:
    feed, frames = Feed(RATES), Frames()
    watcher = feed.watch("vp8")
    feed.show(frames)
    sizes = []
    for _ in range(6):
        watcher.request_keyframe()
        frames.show()
        payloads, _ = await watcher.next()
        # Bit 0 of the first byte after the payload descriptor is 0 in a keyframe (RFC 6386).
        sizes.append(vp8_depayload(payloads[0])[0] & 1)
    assert sizes[0] == 0
    assert sizes.count(0) < 6
    feed.hide()


async def test_the_narrowest_road_sets_the_bitrate() -> None:
    feed = Feed(RATES)
    one, two = feed.watch("h264"), feed.watch("h264")
    one.target_bitrate = 4_000_000
    assert one.target_bitrate == 4_000_000
    two.target_bitrate = 700_000
    assert one.target_bitrate == two.target_bitrate == 700_000
    two.close()
    assert one.target_bitrate == 4_000_000
