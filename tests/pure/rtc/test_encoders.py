"""Our encoders: options, bitrates, warm-up; a failure says what aiortc does differently."""

from __future__ import annotations

import fractions
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from aiortc.codecs.vpx import Vp8Decoder, vp8_depayload
from aiortc.jitterbuffer import JitterFrame
from av import VideoFrame

from decart_widget.rtc import encoders
from decart_widget.rtc.bitrates import Bitrates
from decart_widget.rtc.encoders import RealtimeH264Encoder, RealtimeVp8Encoder

FIXED = Bitrates.fixed(2_000_000)


def frame(number: int = 0, width: int = 320, height: int = 180) -> VideoFrame:
    rng = np.random.default_rng(number)
    picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    made = VideoFrame.from_ndarray(picture, format="rgb24")
    made.pts, made.time_base = number, fractions.Fraction(1, 30)
    return made


def test_bitrates_are_a_range() -> None:
    assert Bitrates().clamp(1) == 500_000
    assert Bitrates().clamp(10**9) == 6_000_000
    assert FIXED.clamp(1) == FIXED.clamp(10**9) == 2_000_000
    for wrong in ((1, 2, 3), (3, 1, 2), (0, 0, 0)):
        with pytest.raises(ValueError, match="floor"):
            Bitrates(*wrong)


@pytest.mark.parametrize("encoder", [RealtimeVp8Encoder, RealtimeH264Encoder])
def test_the_target_bitrate_starts_high_and_stays_in_its_range(encoder: Any) -> None:
    made = encoder(Bitrates(start=3_000_000, floor=1_000_000, ceiling=4_000_000))
    assert made.target_bitrate == 3_000_000
    made.encode(frame())
    assert made.codec.bit_rate == 3_000_000
    for estimate, expected in ((50_000, 1_000_000), (9_000_000, 4_000_000), (2_000_000, 2_000_000)):
        made.target_bitrate = estimate
        assert made.target_bitrate == expected


@pytest.mark.parametrize("encoder", [RealtimeVp8Encoder, RealtimeH264Encoder])
def test_our_options_are_added_to_those_of_aiortc(encoder: Any) -> None:
    # An open codec context has consumed its options, so this one only stores them.
    context = SimpleNamespace(width=0)
    made = encoder(FIXED)
    extra = made.options()
    made.codec = context
    made.codec.options = {"cpu-used": "-6", "preset": "medium", "level": "31"}
    made.codec.width = 640
    assert context.options == {"cpu-used": "-6", "preset": "medium", "level": "31", **extra}
    assert context.width == made.codec.width == 640
    made.codec = None
    assert made.encode(frame())[0], "a real context accepts them"
    left = {} if made.codec is None else made.codec.options
    assert not extra.items() & left.items(), "the codec knew every one of them"


@pytest.mark.parametrize("is_keyframe", [True, False])
def test_a_frame_is_one_slice(is_keyframe: bool) -> None:
    encoder = RealtimeH264Encoder(FIXED)
    encoder.encode(frame(0, 1280, 720))
    units = [unit[0] & 0x1F for unit in encoder._encode_frame(frame(1, 1280, 720), is_keyframe)]
    assert [unit for unit in units if unit in (1, 5)] == [5 if is_keyframe else 1]


def test_encoded_frames_can_be_decoded() -> None:
    encoder, decoder = RealtimeVp8Encoder(FIXED), Vp8Decoder()
    picture = np.full((180, 320, 3), (200, 60, 40), np.uint8)
    made = VideoFrame.from_ndarray(picture, format="rgb24")
    made.pts, made.time_base = 0, fractions.Fraction(1, 30)
    payloads, timestamp = encoder.encode(made)
    data = b"".join(vp8_depayload(payload) for payload in payloads)
    (decoded,) = decoder.decode(JitterFrame(data, timestamp))
    assert np.abs(decoded.to_ndarray(format="rgb24").astype(int) - picture).mean() < 6


@pytest.mark.parametrize("kind", [RealtimeVp8Encoder, RealtimeH264Encoder])
def test_the_first_frame_after_a_warm_up_is_a_keyframe(kind: Any) -> None:
    warm, cold = kind(FIXED), kind(FIXED)
    warm.warm_up(320, 180)
    context = warm.codec
    assert context is not None
    first, _ = warm.encode(frame(9))
    assert warm.codec is context, "the context of the warm-up is used"
    assert warm.encode(frame(10))[0], "also for the next frame"
    keyframe, _ = cold.encode(frame(9))
    assert sum(map(len, first)) > 0.5 * sum(map(len, keyframe))
    cold.warm_up(640, 360)
    assert cold.codec.width == 320, "a warm-up after the first frame does nothing"


class RecordingContext(encoders._ContextWithOptions):
    """Records the options that the codec gets."""

    __slots__ = ()
    options_set: dict[str, str] = {}  # noqa: RUF012

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "options":
            type(self).options_set = dict(self._context.options)


@pytest.mark.parametrize("encoder", [RealtimeVp8Encoder, RealtimeH264Encoder])
def test_aiortc_opens_its_codec_with_our_options_and_bitrate(
    encoder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoders, "_ContextWithOptions", RecordingContext)
    made = encoder(FIXED)
    made.encode(frame())
    assert made.options().items() <= RecordingContext.options_set.items()
    assert made.codec.bit_rate == 2_000_000


def test_the_rate_control_buffer_of_vp8_is_one_second_of_the_target_bitrate(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # libvpx: rc_buf_sz [ms] = bufsize * 1000 / bit_rate
    monkeypatch.setattr(encoders, "_ContextWithOptions", RecordingContext)
    made = RealtimeVp8Encoder(Bitrates(start=1_000_000, floor=100_000, ceiling=4_000_000))
    for target in (1_000_000, 4_000_000):
        made.target_bitrate = target
        made.encode(frame())
        assert made.codec.bit_rate == int(RecordingContext.options_set["bufsize"]) == target


@pytest.mark.parametrize("kind", [RealtimeVp8Encoder, RealtimeH264Encoder])
def test_a_timestamp_is_not_rounded_to_the_codecs_time_base(kind: Any) -> None:
    encoder = kind(FIXED)
    given = [600, 3801, 7204, 10_809]
    made = []
    for pts in given:
        one = frame(0, 320, 180)
        one.pts, one.time_base = pts, fractions.Fraction(1, 90_000)
        made.append(encoder.encode(one)[1])
    assert made == given


def test_h264_has_no_keyframes_that_nobody_requested() -> None:
    encoder = RealtimeH264Encoder(FIXED)
    kinds = []
    for number in range(300):
        units = [unit[0] & 0x1F for unit in encoder._encode_frame(frame(number), False)]
        kinds.append(5 in units)
    assert kinds == [True] + [False] * 299
