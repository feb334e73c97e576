"""The jitter buffer: which frames it releases, and when, with and without losses."""

from __future__ import annotations

import warnings
from collections.abc import AsyncIterator
from fractions import Fraction
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.codecs import depayload
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.mediastreams import VideoStreamTrack
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket
from av import VideoFrame

from decart_widget.rtc.bitrates import Bitrates
from decart_widget.rtc.encoders import REALTIME_ENCODERS
from decart_widget.rtc.jitter import LiveJitterBuffer, release_on_marker, starts_keyframe


@pytest.fixture
async def answerer() -> AsyncIterator[RTCPeerConnection]:
    """A connection with a video transceiver."""
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    made.addTransceiver(VideoStreamTrack(), direction="sendrecv")
    yield made
    await made.close()


def packet(sequence: int, timestamp: int, data: bytes = b"x", *, marker: int = 0) -> RtpPacket:
    made = RtpPacket(sequence_number=sequence, timestamp=timestamp, marker=marker)
    made._data = data
    return made


def released(buffer: JitterBuffer, *packets: RtpPacket) -> list[bytes]:
    frames = [buffer.add(each)[1] for each in packets]
    return [frame.data for frame in frames if frame is not None]


def new_buffer() -> LiveJitterBuffer:
    return LiveJitterBuffer(capacity=16)


def test_a_frame_is_released_at_its_last_packet() -> None:
    packets = [packet(0, 9, b"a"), packet(1, 9, b"b", marker=1)]
    assert released(JitterBuffer(capacity=16, is_video=True), *packets) == [], "aiortc's waits"
    assert released(new_buffer(), *packets) == [b"ab"], "aiortc's no longer calls _remove_frame"


def test_packets_can_arrive_in_any_order() -> None:
    buffer = new_buffer()
    assert released(buffer, packet(0, 9, b"a", marker=1)) == [b"a"]
    assert released(buffer, packet(3, 10, b"d", marker=1), packet(1, 10, b"b")) == []
    assert released(buffer, packet(2, 10, b"c")) == [b"bcd"]


def test_without_a_marker_the_next_frame_releases_a_frame() -> None:
    buffer = new_buffer()
    assert released(buffer, packet(0, 9, b"a"), packet(1, 10, b"b")) == [b"a"]
    assert released(buffer, packet(2, 10, b"c", marker=1)) == [b"bc"]


def test_padding_is_no_frame() -> None:
    buffer = new_buffer()
    frames = released(
        buffer,
        packet(0, 9, b"a", marker=1),
        packet(1, 9, b""),
        packet(2, 9, b""),
        packet(3, 10, b"b", marker=1),
    )
    assert frames == [b"a", b"b"]


def test_sequence_numbers_wrap_around() -> None:
    buffer = new_buffer()
    assert released(buffer, packet(65535, 9, b"a"), packet(0, 9, b"b", marker=1)) == [b"ab"]


class RenamedJitterBuffer(JitterBuffer):
    """A release of aiortc whose buffer has its packets under another name."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._renamed = vars(self).pop("_packets")

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        self._renamed[packet.sequence_number % self._capacity] = packet
        if self._origin is None:
            self._origin = packet.sequence_number
        return False, self._remove_frame(packet.sequence_number)

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        self._packets = self._renamed
        try:
            return super()._remove_frame(sequence_number)
        finally:
            del self._packets


def test_without_the_private_names_the_buffer_is_aiortcs_own() -> None:
    class Buffer(LiveJitterBuffer, RenamedJitterBuffer):
        """`LiveJitterBuffer` as it is on top of such a release."""

    buffer = Buffer(capacity=16)
    with pytest.warns(RuntimeWarning, match="release_on_marker is skipped"):
        assert released(buffer, packet(0, 9, b"a", marker=1)) == []
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # it warns once
        assert released(buffer, packet(1, 10, b"b", marker=1)) == [b"a"], "as aiortc releases it"


async def test_without_the_method_to_override_the_buffer_is_kept(
    answerer: RTCPeerConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = answerer.getTransceivers()[0].receiver
    monkeypatch.delattr(JitterBuffer, "_remove_frame")
    with pytest.warns(RuntimeWarning, match="release_on_marker is skipped"):
        assert release_on_marker(receiver) is False
    assert type(receiver._RTCRtpReceiver__jitter_buffer) is JitterBuffer


async def test_a_receiver_gets_the_buffer_with_the_same_capacity(
    answerer: RTCPeerConnection,
) -> None:
    receiver = answerer.getTransceivers()[0].receiver
    capacity = receiver._RTCRtpReceiver__jitter_buffer.capacity
    assert release_on_marker(receiver)
    assert receiver._RTCRtpReceiver__jitter_buffer.capacity == capacity
    assert isinstance(receiver._RTCRtpReceiver__jitter_buffer, LiveJitterBuffer)


# --- losses ---------------------------------------------------------------------------------------

KEY = b"\x00\x00\x00\x01\x67key"
"""The first packet of an H.264 keyframe: its sequence parameters."""


def test_a_complete_keyframe_is_released_although_packets_before_it_are_missing() -> None:
    buffer = new_buffer()
    assert released(buffer, packet(0, 9, b"a", marker=1), packet(2, 10, b"c", marker=1)) == [b"a"]
    assert buffer.is_blocked
    assert released(buffer, packet(3, 11, KEY), packet(5, 11, b"5", marker=1)) == []
    assert released(buffer, packet(4, 11, b"4"), packet(6, 12, b"d", marker=1)) == [
        KEY + b"45",
        b"d",
    ]
    assert not buffer.is_blocked


def test_without_a_keyframe_frames_wait_for_the_missing_packet() -> None:
    buffer = new_buffer()
    released(buffer, packet(0, 9, b"a", marker=1))
    waiting = [packet(n, 8 + n, b"%d" % n, marker=1) for n in range(2, 9)]
    assert released(buffer, *waiting) == []
    assert released(buffer, packet(1, 9, b"1", marker=1)) == [b"1"]
    more = [frame.data for frame in iter(buffer.release, None)]
    assert more == [b"%d" % n for n in range(2, 9)], "one packet has completed all of them"


def test_a_frame_that_is_still_arriving_blocks_nothing() -> None:
    buffer = new_buffer()
    released(buffer, packet(0, 9, b"a"), packet(1, 9, b"b"))
    assert not buffer.is_blocked


def test_a_full_buffer_drops_frames_up_to_the_next_keyframe() -> None:
    buffer = new_buffer()
    released(buffer, packet(0, 9, b"a", marker=1))
    needs_keyframe = [buffer.add(packet(n, 8 + n, b"p", marker=1)) for n in range(2, 18)]
    assert needs_keyframe[-1][0]
    assert [frame for _, frame in needs_keyframe if frame is not None] == []
    assert buffer.lacks_keyframe
    assert released(buffer, packet(18, 30, b"p", marker=1), packet(19, 31, KEY, marker=1)) == [KEY]
    assert released(buffer, packet(20, 32, b"p", marker=1)) == [b"p"]


@pytest.mark.parametrize("codec", ["video/H264", "video/VP8"])
def test_keyframes_are_recognized(codec: str) -> None:
    encoder = REALTIME_ENCODERS[codec.lower()](Bitrates.fixed(1_000_000))
    kinds = []
    for number in range(4):
        frame = VideoFrame(320, 192, "yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, 30)
        payloads, _ = encoder.encode(frame, number == 2)
        data = [depayload(RTCRtpCodecParameters(codec, 90_000), one) for one in payloads]
        kinds.append(starts_keyframe(data[0]))
        assert starts_keyframe(b"".join(data)) == kinds[-1]
    assert kinds == [True, False, True, False]
