"""The camera track of a room, with a source of the test's in place of the package's."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import av
import numpy as np
import pytest
from livekit import rtc

from decart_widget.engine import room_encoder
from decart_widget.engine.connection import ConnectionSettings, OutgoingFrame
from decart_widget.engine.room_encoder import LiveKitTrack, X264Track, camera_track

WIDTH, HEIGHT = 64, 48


class FakeSource:
    """Notes what is captured; its next feedback can be set."""

    def __init__(self, *_: object) -> None:
        self.captured: list[Any] = []
        self.keyframe_requested = False
        self.bitrate: int | None = None
        self.is_closed = False

    def take_feedback(self) -> rtc.EncodedVideoSourceFeedback:
        bitrate, self.bitrate = self.bitrate, None
        requested, self.keyframe_requested = self.keyframe_requested, False
        rate = None if bitrate is None else rtc.EncodedRateControl(bitrate, 30.0)
        return rtc.EncodedVideoSourceFeedback(requested, rate)

    def capture_frame(self, frame: Any, **_: Any) -> bool:
        self.captured.append(frame)
        return True

    async def aclose(self) -> None:
        self.is_closed = True


@pytest.fixture(autouse=True)
def fake_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtc, "EncodedVideoSource", FakeSource)
    monkeypatch.setattr(rtc, "VideoSource", FakeSource)


class Sender:
    """A track, and frames for it."""

    def __init__(self, track: Any) -> None:
        self.track = track
        self.source: FakeSource = track._source
        self.index = 0

    async def send(self, *, keyframe: bool = False, bitrate: int | None = None) -> bool:
        """Sends a frame after this feedback; returns what is said of it."""
        self.source.keyframe_requested, self.source.bitrate = keyframe, bitrate
        noise = np.random.default_rng(self.index).integers(16, 235, (72, WIDTH), np.uint8)
        self.index += 1
        frame = OutgoingFrame(noise, self.index, self.index / 30, self.index * 10**7)
        sent = await self.track.send(frame, 1000 + self.index)
        assert isinstance(sent, bool)
        return sent

    @property
    def keyframes(self) -> list[int]:
        key = rtc.EncodedFrameType.ENCODED_FRAME_KEY
        return [i for i, one in enumerate(self.source.captured) if one.frame_type == key]


def settings(codec: str = "AUTO", *, loopback: bool = False) -> ConnectionSettings:
    return ConnectionSettings(
        "livekit", codec, 2_000_000, 300_000, width_px=WIDTH, height_px=HEIGHT, loopback=loopback
    )


@pytest.fixture
def sender() -> Iterator[Sender]:
    track = X264Track(settings())
    yield Sender(track)
    track._executor.shutdown()


@pytest.mark.parametrize(
    ("codec", "kind", "chosen"),
    [("AUTO", X264Track, "H264"), ("H264", X264Track, "H264"), ("VP8", LiveKitTrack, "VP8")],
)
async def test_h264_is_encoded_here_and_every_other_codec_by_the_package(
    codec: str, kind: type, chosen: str
) -> None:
    track = camera_track(settings(codec))
    assert type(track) is kind
    assert track.codec == chosen
    await track.close()
    assert track._source.is_closed  # type: ignore[attr-defined]


async def test_where_libx264_is_missing_the_package_encodes_h264(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(av, "codecs_available", {"libvpx"})
    track = camera_track(settings())
    assert type(track) is LiveKitTrack
    assert track.codec == "H264"


@pytest.mark.parametrize("codec", ["H264", "VP8"])
async def test_the_picture_keeps_its_size_and_has_one_layer(codec: str) -> None:
    track = camera_track(settings(codec))
    options = track.publish_options()
    assert options.degradation_preference == room_encoder.MAINTAIN_RESOLUTION
    assert not options.simulcast
    assert options.video_encoding.max_bitrate == 2_000_000
    assert list(options.frame_metadata_features) == list(room_encoder.METADATA)
    await track.close()


async def test_until_the_package_is_connected_frames_do_not_count_as_sent(sender: Sender) -> None:
    assert not await sender.send()
    assert await sender.send(bitrate=1_000_000)
    assert await sender.send()


async def test_a_keyframe_is_sent_as_soon_as_the_package_is_connected(sender: Sender) -> None:
    await sender.send(keyframe=True)
    await sender.send(keyframe=True)
    await sender.send(keyframe=True, bitrate=1_000_000)
    assert sender.keyframes[-1] == 2


async def test_requests_in_quick_succession_make_one_keyframe(
    sender: Sender, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_encoder, "KEYFRAME_INTERVAL_S", float("inf"))
    await sender.send(bitrate=1_000_000)
    await sender.send(keyframe=True)
    await sender.send(keyframe=True)
    assert sender.keyframes == [0, 1]
    monkeypatch.setattr(room_encoder, "KEYFRAME_INTERVAL_S", 0.0)
    await sender.send()  # the request that had to wait
    await sender.send()
    assert sender.keyframes == [0, 1, 3]


async def test_the_bitrate_follows_what_the_package_estimates(sender: Sender) -> None:
    await sender.send(bitrate=500_000)
    assert sender.track._encoder.target_bitrate == 500_000
    await sender.send(bitrate=50_000_000)
    assert sender.track._encoder.target_bitrate == 2_000_000


async def test_on_one_machine_estimates_are_ignored() -> None:
    sender = Sender(X264Track(settings(loopback=True)))
    await sender.send(bitrate=500_000)
    assert sender.track._encoder.target_bitrate == 2_000_000
    await sender.track.close()


async def test_each_frame_carries_its_stamp_and_a_later_time(sender: Sender) -> None:
    for _ in range(3):
        await sender.send(bitrate=1_000_000)
    frames = sender.source.captured
    assert [frame.metadata.user_timestamp for frame in frames] == [1001, 1002, 1003]
    assert frames[0].timestamp_us < frames[1].timestamp_us < frames[2].timestamp_us
    assert {(frame.width, frame.height) for frame in frames} == {(WIDTH, HEIGHT)}


async def test_after_it_was_prepared_a_track_begins_with_a_keyframe(sender: Sender) -> None:
    picture = np.zeros((72, WIDTH), np.uint8)
    sender.track.prepare(OutgoingFrame(picture, 0, 0.0, 0))
    await sender.send(bitrate=1_000_000)
    assert sender.keyframes == [0]
    assert len(sender.source.captured) == 1


@pytest.mark.parametrize("writeable", [True, False])
async def test_pictures_for_the_package_s_encoder_are_whole(writeable: bool) -> None:
    sender = Sender(LiveKitTrack(settings("VP8"), "VP8"))
    picture = np.arange(72 * WIDTH, dtype=np.uint32).astype(np.uint8).reshape(72, WIDTH)
    picture.flags.writeable = writeable
    await sender.track.send(OutgoingFrame(picture, 0, 0.0, 0), 1)
    (frame,) = sender.source.captured
    assert (frame.width, frame.height) == (WIDTH, HEIGHT)
    assert bytes(frame.data) == picture.tobytes()
