"""Video for many subscribers: encoded once; a keyframe for new ones, fewer frames for slow ones."""

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
from aiortc.rtcrtpreceiver import TimestampMapper
from av import VideoFrame

from decart_widget.rtc import trailers
from decart_widget.rtc.bitrates import Bitrates
from decart_widget.rtc.trailers import FrameMetadata, ReceivedTrailers
from decart_widget.sandbox.faults import Faults
from decart_widget.sandbox.rooms import video_feed
from decart_widget.sandbox.rooms.video_feed import (
    FIRST_TIMESTAMP,
    WAITING_LIMIT,
    VideoFeed,
    VideoSubscription,
)

RATES = Bitrates(start=1_000_000, floor=100_000, ceiling=5_000_000)
STEP = 3000


class Frames(MediaStreamTrack):
    """A camera: `show` makes its next frame."""

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

    @property
    def stamp(self) -> int:
        """Timestamp of the next frame."""
        return self._stamp

    def skip(self) -> None:
        """Leave a frame out."""
        self._stamp += STEP

    def finish(self) -> None:
        self._next.put_nowait(None)

    async def recv(self) -> VideoFrame:
        frame = await self._next.get()
        if frame is None:
            raise MediaStreamError
        return frame


class Screen:
    """Decodes what a subscriber gets."""

    def __init__(self, codec: str) -> None:
        self._decoder = H264Decoder() if codec == "h264" else Vp8Decoder()
        self._depayload = h264_depayload if codec == "h264" else vp8_depayload

    async def brightness(self, subscription: VideoSubscription) -> tuple[int, int]:
        """Mean brightness of the next frame, and its timestamp."""
        shown, stamp = await self.frame(subscription)
        return round(float(shown.to_ndarray(format="gray").mean())), stamp

    async def frame(self, subscription: VideoSubscription) -> tuple[VideoFrame, int]:
        """The next frame, and its timestamp."""
        payloads, stamp = await subscription.next()
        data = b"".join(self._depayload(payload) for payload in payloads)
        (shown,) = self._decoder.decode(JitterFrame(data=data, timestamp=stamp))
        assert isinstance(shown, VideoFrame)
        return shown, stamp


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_all_subscribers_get_the_frames_that_are_encoded_once(codec: str) -> None:
    feed, frames = VideoFeed(RATES), Frames()
    feed.start(frames)
    one, screen = feed.subscribe(codec), Screen(codec)
    frames.show(60)
    brightness, stamp = await screen.brightness(one)
    assert abs(brightness - 60) < 12
    assert stamp == FIRST_TIMESTAMP
    # The first frame of a later subscriber is a keyframe.
    two, other = feed.subscribe(codec), Screen(codec)
    frames.show(200)
    assert abs((await other.brightness(two))[0] - 200) < 12
    assert abs((await screen.brightness(one))[0] - 200) < 12
    assert one._channel is two._channel
    assert feed.codecs == [codec]
    for subscription in (one, two, two):
        subscription.close()
    assert feed.codecs == []
    feed.stop()


async def test_subscribers_with_different_codecs_get_the_same_frames() -> None:
    feed, frames = VideoFeed(RATES), Frames()
    feed.start(frames)
    subscriptions = {codec: feed.subscribe(codec) for codec in ("h264", "vp8")}
    shown = {c: asyncio.create_task(Screen(c).brightness(w)) for c, w in subscriptions.items()}
    await asyncio.sleep(0)
    frames.show(90)
    for codec, subscription in subscriptions.items():
        assert subscription.codec == codec
        assert abs((await shown[codec])[0] - 90) < 12
    feed.stop()


async def test_the_frame_of_the_warm_up_is_not_sent() -> None:
    feed, frames = VideoFeed(RATES), Frames()
    await feed.warm_up("h264", 96, 64)
    subscription = feed.subscribe("h264")
    feed.start(frames)
    frames.show(220)
    assert abs((await Screen("h264").brightness(subscription))[0] - 220) < 12
    feed.stop()


async def test_timestamps_continue_when_the_camera_is_replaced() -> None:
    feed, first = VideoFeed(RATES), Frames(first_stamp=4_000_000_000)
    subscription, screen = feed.subscribe("vp8"), Screen("vp8")
    feed.start(first)
    first.show()
    first.show()
    stamps = [(await screen.brightness(subscription))[1] for _ in range(2)]
    assert stamps == [FIRST_TIMESTAMP, FIRST_TIMESTAMP + STEP]
    second = Frames(first_stamp=17)
    feed.start(second)
    second.show(30)
    brightness, stamp = await screen.brightness(subscription)
    assert stamp > stamps[-1]
    assert stamp < stamps[-1] + 90_000 * 20
    assert abs(brightness - 30) < 12
    second.finish()
    feed.stop()
    feed.stop()


async def test_a_slow_subscriber_loses_frames_and_continues_with_a_keyframe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(video_feed, "KEYFRAME_INTERVAL_S", 0.0)
    feed, frames = VideoFeed(RATES), Frames()
    slow, quick = feed.subscribe("vp8"), feed.subscribe("vp8")
    feed.start(frames)
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
    assert quick.frames == WAITING_LIMIT + 5
    # When it reads again, a new decoder can decode its next frame.
    again = asyncio.create_task(Screen("vp8").brightness(slow))
    await asyncio.sleep(0)
    frames.show(200)
    assert abs((await again)[0] - 200) < 12
    feed.stop()


async def test_a_subscriber_that_does_not_read_gets_no_frames_and_requests_no_keyframe() -> None:
    feed, frames = VideoFeed(RATES), Frames()
    reader, other = feed.subscribe("vp8"), feed.subscribe("vp8")
    feed.start(frames)
    for brightness in (40, 60, 80):
        frames.show(brightness)
        await reader.next()
    assert other.frames == other.dropped == 0
    assert not other._channel._keyframe_wanted
    reading = asyncio.create_task(Screen("vp8").brightness(other))
    await asyncio.sleep(0)
    frames.show(220)
    assert abs((await reading)[0] - 220) < 12
    feed.stop()


async def test_requested_keyframes_have_a_minimum_interval() -> None:
    feed, frames = VideoFeed(RATES), Frames()
    subscription = feed.subscribe("vp8")
    feed.start(frames)
    sizes = []
    for _ in range(6):
        subscription.request_keyframe()
        frames.show()
        payloads, _ = await subscription.next()
        # Bit 0 of the first byte after the payload descriptor is 0 in a keyframe (RFC 6386).
        sizes.append(vp8_depayload(payloads[0])[0] & 1)
    assert sizes[0] == 0
    assert sizes.count(0) < 6
    feed.stop()


async def test_the_lowest_estimate_sets_the_bitrate() -> None:
    feed = VideoFeed(RATES)
    one, two = feed.subscribe("h264"), feed.subscribe("h264")
    one.target_bitrate = 4_000_000
    assert one.target_bitrate == 4_000_000
    two.target_bitrate = 700_000
    assert one.target_bitrate == two.target_bitrate == 700_000
    two.close()
    assert one.target_bitrate == 4_000_000


# --- packet trailers -----------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_trailers_go_to_those_subscribers_that_read_them(codec: str) -> None:
    feed, frames = VideoFeed(RATES), Frames()
    mapper = TimestampMapper()
    received = ReceivedTrailers(mapper)
    reader = feed.subscribe(codec, reads_trailers=True)
    other = feed.subscribe(codec)
    feed.start(frames, received)
    depayload = h264_depayload if codec == "h264" else vp8_depayload
    for number, is_decoded in ((1, True), (2, False), (3, True), (4, True)):
        trailer = trailers.make(FrameMetadata(frame_id=number)) if number < 4 else b""
        frame = JitterFrame(data=b"frame" + trailer, timestamp=70_000 + frames.stamp)
        received.strip(frame)
        mapper.map(frame.timestamp)
        if not is_decoded:
            frames.skip()
            continue
        reading = asyncio.gather(reader.next(), other.next())
        await asyncio.sleep(0)
        frames.show()
        sent, clean = [
            b"".join(depayload(payload) for payload in payloads) for payloads, _ in await reading
        ]
        assert sent == clean + trailer
        assert trailers.split(clean) == (clean, b"")
    feed.stop()


# --- faults: what a LiveKit server does ----------------------------------------------------------


@pytest.mark.parametrize(("codec", "side"), [("h264", 2), ("vp8", 8)])
async def test_a_track_ends_with_blank_pictures_where_that_fault_is_set(
    codec: str, side: int
) -> None:
    feed, frames = VideoFeed(RATES, lambda: Faults(blank_pictures=True)), Frames()
    feed.start(frames)
    subscription, screen = feed.subscribe(codec), Screen(codec)
    frames.show(200)
    _, before = await screen.frame(subscription)
    ending = asyncio.create_task(feed.end())
    for _ in range(video_feed.BLANK_PICTURES):
        shown, stamp = await screen.frame(subscription)
        assert (shown.width, shown.height) == (side, side)
        assert shown.to_ndarray(format="gray").max() < 20
        assert stamp > before
        before = stamp
    await ending
    # The next track continues in its own size.
    again = Frames()
    feed.start(again)
    again.show(200)
    shown, stamp = await screen.frame(subscription)
    assert (shown.width, shown.height) == (96, 64)
    assert stamp > before
    feed.stop()


async def test_a_track_ends_without_another_picture_where_no_fault_is_set() -> None:
    feed, frames = VideoFeed(RATES), Frames()
    feed.start(frames)
    subscription, screen = feed.subscribe("vp8"), Screen("vp8")
    frames.show()
    await screen.frame(subscription)
    await feed.end()
    assert subscription.frames == 1


async def test_a_track_begins_with_the_lowest_layer_where_that_fault_is_set() -> None:
    faults = [Faults(low_layer_s=3600)]
    feed, frames = VideoFeed(RATES, lambda: faults[0]), Frames()
    feed.start(frames)
    subscription, screen = feed.subscribe("vp8"), Screen("vp8")
    for _ in range(2):
        frames.show(200)
        shown, _ = await screen.frame(subscription)
        assert (shown.width, shown.height) == (24, 16)
    faults[0] = Faults()
    frames.show(200)
    shown, _ = await screen.frame(subscription)
    assert (shown.width, shown.height) == (96, 64)
    feed.stop()
