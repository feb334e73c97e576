"""The H.264 encoder for rooms: sizes, keyframes and bitrates."""

from __future__ import annotations

import av
import numpy as np
import pytest

from decart_widget.rtc.bitrates import Bitrates
from decart_widget.rtc.x264 import EncodedPicture, X264Encoder, frame_of

WIDTH, HEIGHT, FPS = 320, 192, 30


def picture(number: int, width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """A picture of noise, which needs any bitrate."""
    noise = np.random.default_rng(number).integers(16, 235, (height * 3 // 2, width), np.uint8)
    noise[height:] = 128
    return noise


def encoder(start: int = 1_000_000) -> X264Encoder:
    return X264Encoder(Bitrates(start, 300_000, 2_000_000), FPS)


def decoded(frames: list[EncodedPicture]) -> list[np.ndarray]:
    decoder = av.CodecContext.create("h264", "r")
    decoder.thread_count = 1
    out = [f for frame in frames for f in decoder.decode(av.Packet(frame.data))]
    out += decoder.decode(None)
    return [frame.to_ndarray(format="yuv420p") for frame in out]


def test_each_picture_is_encoded_at_once_and_can_be_decoded() -> None:
    x264 = encoder()
    grey = [np.full((HEIGHT * 3 // 2, WIDTH), 100 + i, np.uint8) for i in range(5)]
    frames = [x264.encode(one) for one in grey]
    assert all(frame.data.startswith(b"\0\0\0\1") for frame in frames)
    for sent, received in zip(grey, decoded(frames), strict=True):
        assert np.abs(sent.astype(int) - received).max() <= 2


def test_only_the_first_picture_and_requested_ones_are_keyframes() -> None:
    x264 = encoder()
    frames = [x264.encode(picture(i), keyframe=i == 20) for i in range(40)]
    assert [i for i, frame in enumerate(frames) if frame.is_keyframe] == [0, 20]
    assert len(decoded(frames[20:])) == 20


def test_a_picture_of_another_size_begins_anew() -> None:
    x264 = encoder()
    frames = [x264.encode(picture(i)) for i in range(3)]
    frames += [x264.encode(picture(i, HEIGHT, WIDTH)) for i in range(3)]
    assert [frame.is_keyframe for frame in frames] == [True, False, False] * 2
    assert [p.shape[1] for p in decoded(frames)] == [WIDTH] * 3 + [HEIGHT] * 3


def test_the_bitrate_follows_its_target_without_a_keyframe() -> None:
    x264 = encoder()
    sizes = {}
    for target in (1_000_000, 400_000, 1_800_000):
        x264.target_bitrate = target
        frames = [x264.encode(picture(i)) for i in range(3 * FPS)]
        sizes[target] = sum(len(frame.data) for frame in frames[FPS:]) * 8 / 2
        assert not any(frame.is_keyframe for frame in frames[1:])
    for target, bitrate in sizes.items():
        assert bitrate == pytest.approx(target, rel=0.25)


def test_a_target_beyond_the_limits_is_limited() -> None:
    x264 = encoder()
    x264.target_bitrate = 9_000_000
    assert x264.target_bitrate == 2_000_000
    x264.target_bitrate = 1
    assert x264.target_bitrate == 300_000


def test_a_frame_shows_the_array_also_when_its_lines_are_cut_from_longer_ones() -> None:
    whole = np.random.default_rng(1).integers(0, 256, (54, 80), np.uint8)
    for picture in (whole, whole[:, 8:72]):
        assert np.array_equal(frame_of(picture).to_ndarray(), picture)
