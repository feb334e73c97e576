"""Our encoders: options, bitrates, warm-up; a failure says what aiortc does differently."""

from __future__ import annotations

import fractions
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from aiortc.codecs.h264 import H264Decoder, H264PayloadDescriptor, h264_depayload
from aiortc.codecs.vpx import Vp8Decoder, vp8_depayload
from aiortc.jitterbuffer import JitterFrame
from av import VideoFrame

from decart_widget.rtc import encoders
from decart_widget.rtc.bitrates import Bitrates
from decart_widget.rtc.encoders import RealtimeEncoder, RealtimeH264Encoder, RealtimeVp8Encoder
from decart_widget.rtc.jitter import starts_keyframe
from decart_widget.rtc.x264 import BUFFER_S

FIXED = Bitrates.fixed(2_000_000)


def frame(number: int = 0, width: int = 320, height: int = 180) -> VideoFrame:
    rng = np.random.default_rng(number)
    picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    made = VideoFrame.from_ndarray(picture, format="rgb24")
    made.pts, made.time_base = number, fractions.Fraction(1, 30)
    return made


def units_of(payloads: list[bytes]) -> list[int]:
    """Types of the NAL units in RTP payloads (RFC 6184: STAP-A 24, FU-A 28)."""
    types = []
    for payload in payloads:
        _, data = H264PayloadDescriptor.parse(payload)
        types += [unit[0] & 0x1F for unit in data.split(b"\0\0\0\1")[1:]]
    return types


def is_keyframe(encoder: RealtimeEncoder, payloads: list[bytes]) -> bool:
    """Whether RTP payloads of an encoder are a keyframe."""
    depayload = vp8_depayload if isinstance(encoder, RealtimeVp8Encoder) else h264_depayload
    return starts_keyframe(b"".join(depayload(payload) for payload in payloads))


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
    for estimate, expected in ((50_000, 1_000_000), (9_000_000, 4_000_000), (2_000_000, 2_000_000)):
        made.target_bitrate = estimate
        assert made.target_bitrate == expected


def test_our_options_are_added_to_those_of_aiortc() -> None:
    # An open codec context has consumed its options, so this one only stores them.
    context = SimpleNamespace(width=0)
    made: Any = RealtimeVp8Encoder(FIXED)
    extra = made.options()
    made.codec = context
    made.codec.options = {"cpu-used": "-6", "deadline": "realtime"}
    made.codec.width = 640
    assert context.options == {"cpu-used": "-6", "deadline": "realtime", **extra}
    assert context.width == made.codec.width == 640
    made.codec = None
    assert made.encode(frame())[0], "a real context accepts them"
    left = {} if made.codec is None else made.codec.options
    assert not extra.items() & left.items(), "the codec knew every one of them"


@pytest.mark.parametrize("is_keyframe", [True, False])
def test_a_frame_is_one_slice(is_keyframe: bool) -> None:
    encoder = RealtimeH264Encoder(FIXED)
    encoder.encode(frame(0, 1280, 720))
    units = units_of(encoder.encode(frame(1, 1280, 720), is_keyframe)[0])
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
    kinds = [is_keyframe(warm, warm.encode(frame(number))[0]) for number in range(3)]
    assert kinds == [True, False, False]
    cold.encode(frame(9))
    cold.warm_up(640, 360)
    assert not is_keyframe(cold, cold.encode(frame(10))[0]), "after the first frame it does nothing"


class RecordingContext(encoders._ContextWithOptions):
    """Records the options that the codec gets."""

    __slots__ = ()
    options_set: dict[str, str] = {}  # noqa: RUF012

    def __setattr__(self, name: str, value: Any) -> None:
        super().__setattr__(name, value)
        if name == "options":
            type(self).options_set = dict(self._context.options)


@pytest.mark.parametrize("thorough", [False, True])
def test_aiortc_opens_its_codec_with_our_options_and_bitrate(
    thorough: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoders, "_ContextWithOptions", RecordingContext)
    made: Any = RealtimeVp8Encoder(FIXED, thorough=thorough)
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
        assert encoder.encode(one)[1] == pts, "another encoder may take the frame too"
    assert made == given


def test_h264_has_no_keyframes_that_nobody_requested() -> None:
    encoder = RealtimeH264Encoder(FIXED)
    kinds = [5 in units_of(encoder.encode(frame(number))[0]) for number in range(300)]
    assert kinds == [True] + [False] * 299


def texture(frames: int, width: int = 640, height: int = 360) -> list[VideoFrame]:
    """A picture with detail of every size that moves by a fraction of a pixel a frame."""
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    made = []
    for number in range(frames):
        at = x + 2.3 * number, y + 1.4 * number
        waves = [np.sin(at[0] * f + at[1] * g) for f, g in ((0.9, 0.2), (0.1, 0.4), (0.03, 0.02))]
        luma = np.clip(128 + 25 * sum(waves), 16, 235).astype(np.uint8)
        made.append(VideoFrame.from_ndarray(np.stack([luma] * 3, -1), format="rgb24"))
        made[-1].pts, made[-1].time_base = number, fractions.Fraction(1, 30)
    return made


def error_of(encoder: RealtimeEncoder, decoder: Any, depayload: Any) -> float:
    """Mean squared error of luma after a second of a texture."""
    errors = []
    for number, one in enumerate(texture(45)):
        one = one.reformat(format="yuv420p")  # noqa: PLW2901
        luma = one.to_ndarray()[:360].astype(float)
        payloads, timestamp = encoder.encode(one)
        data = b"".join(depayload(payload) for payload in payloads)
        (decoded,) = decoder.decode(JitterFrame(data, timestamp))
        if number >= 30:
            errors.append(((decoded.to_ndarray()[:360] - luma) ** 2).mean())
    return float(np.mean(errors))


@pytest.mark.parametrize(
    ("kind", "decoder", "depayload"),
    [
        (RealtimeVp8Encoder, Vp8Decoder, vp8_depayload),
        (RealtimeH264Encoder, H264Decoder, h264_depayload),
    ],
)
def test_a_thorough_encoder_gives_a_better_picture_at_the_same_bitrate(
    kind: Any, decoder: Any, depayload: Any
) -> None:
    bitrates = Bitrates.fixed(600_000)
    fast = error_of(kind(bitrates), decoder(), depayload)
    thorough = error_of(kind(bitrates, thorough=True), decoder(), depayload)
    assert thorough < 0.95 * fast


def test_a_keyframe_of_h264_is_no_larger_than_the_rate_control_buffer() -> None:
    # aiortc's encoder has no such buffer, and begins with 380 kB, 300 packets, at this bitrate.
    encoder = RealtimeH264Encoder(Bitrates.fixed(3_000_000))
    payloads, _ = encoder.encode(texture(1, 1280, 720)[0])
    assert sum(map(len, payloads)) <= 1.1 * BUFFER_S * 3_000_000 / 8


def test_the_bitrate_of_h264_changes_without_a_keyframe() -> None:
    encoder = RealtimeH264Encoder(Bitrates(1_000_000, 300_000, 2_000_000))
    keyframes = []
    for number in range(30):
        encoder.target_bitrate = 1_000_000 if number < 15 else 400_000
        keyframes.append(5 in units_of(encoder.encode(frame(number))[0]))
    assert keyframes == [True] + [False] * 29
