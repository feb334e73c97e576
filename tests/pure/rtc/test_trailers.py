"""Packet trailers: written and read as LiveKit's clients do, added to packets, taken off frames."""

from __future__ import annotations

from collections.abc import AsyncIterator
from fractions import Fraction

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.codecs.h264 import PACKET_MAX, h264_depayload
from aiortc.codecs.vpx import vp8_depayload
from aiortc.mediastreams import VideoStreamTrack
from aiortc.rtcrtpreceiver import TimestampMapper
from aiortc.rtp import RtpPacket
from av import VideoFrame
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.rtc import trailers
from decart_widget.rtc.bitrates import Bitrates
from decart_widget.rtc.encoders import REALTIME_ENCODERS
from decart_widget.rtc.jitter import LiveJitterBuffer, release_on_marker
from decart_widget.rtc.trailers import KEPT_TRAILERS, FrameMetadata, ReceivedTrailers

FRAME = b"\x00\x00\x00\x01\x41frame"
TRAILER = trailers.make(FrameMetadata(timestamp_us=1, frame_id=2))


# --- the format -----------------------------------------------------------------------------------


def test_a_trailer_has_the_bytes_that_livekits_clients_write() -> None:
    # appendPacketTrailer(data, 1n, 2) of livekit-client
    written = bytes.fromhex("fef7fffffffffffffffe fdfbfffffffd ea") + b"LKTS"
    assert trailers.make(FrameMetadata(timestamp_us=1, frame_id=2)) == written


@given(
    st.builds(
        FrameMetadata,
        timestamp_us=st.integers(0, 2**64 - 1),
        frame_id=st.integers(0, 2**32 - 1),
        user_data=st.binary(max_size=200),
    ),
    st.binary(min_size=1, max_size=50),
)
def test_what_is_appended_is_split_off_and_read(metadata: FrameMetadata, frame: bytes) -> None:
    trailer = trailers.make(metadata)
    if metadata == FrameMetadata():
        assert trailer == b""
    else:
        assert trailers.split(frame + trailer) == (frame, trailer)
        assert trailers.read(trailer) == metadata


@pytest.mark.parametrize(
    "metadata",
    [
        FrameMetadata(timestamp_us=2**64),
        FrameMetadata(timestamp_us=-1),
        FrameMetadata(frame_id=2**32),
        FrameMetadata(user_data=bytes(249)),
    ],
)
def test_what_no_trailer_can_hold_is_refused(metadata: FrameMetadata) -> None:
    with pytest.raises(ValueError, match="no trailer can hold"):
        trailers.make(metadata)


def test_the_longest_trailer_is_read() -> None:
    longest = trailers.make(FrameMetadata(user_data=bytes(248)))
    assert len(longest) == trailers.LONGEST_TRAILER
    assert trailers.split(FRAME + longest) == (FRAME, longest)


def inverted(*values: int) -> bytes:
    return bytes(255 - value for value in values)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"LKTS",
        FRAME,
        FRAME + TRAILER[:-1],
        pytest.param(TRAILER, id="no frame"),
        pytest.param(FRAME + inverted(4) + b"LKTS", id="shorter than itself"),
        pytest.param(FRAME + inverted(200) + b"LKTS", id="longer than the frame"),
        pytest.param(FRAME + inverted(5) + b"LKTS", id="empty"),
        pytest.param(FRAME + inverted(9, 1, 0, 8) + b"LKTS", id="unknown element"),
        pytest.param(FRAME + inverted(1, 4, 0, 0, 0, 1, 11) + b"LKTS", id="short timestamp"),
        pytest.param(FRAME + inverted(1, 8, 0, 0, 0, 1, 11) + b"LKTS", id="element cut off"),
    ],
)
def test_what_is_no_trailer_stays_part_of_the_frame(data: bytes) -> None:
    assert trailers.split(data) == (data, b"")


def test_unknown_and_damaged_elements_are_ignored() -> None:
    elements = inverted(9, 1, 7, 2, 4, 0, 0, 0, 5, 3, 200, 1)
    trailer = elements + inverted(len(elements) + 5) + b"LKTS"
    assert trailers.split(FRAME + trailer) == (FRAME, trailer)
    assert trailers.read(trailer) == FrameMetadata(frame_id=5)


@given(st.binary(max_size=300), st.integers(0, 255))
def test_any_bytes_are_split_without_loss(data: bytes, length: int) -> None:
    ended = data + inverted(length) + b"LKTS"
    for each in (data, ended):
        frame, trailer = trailers.split(each)
        assert frame + trailer == each
        assert len(trailer) <= trailers.LONGEST_TRAILER
    trailers.read(ended)


# --- sending --------------------------------------------------------------------------------------


def encoded(codec: str, *, side: int, frames: int) -> list[list[bytes]]:
    """The payloads of frames with noise, of which the first is a keyframe."""
    encoder = REALTIME_ENCODERS[f"video/{codec}"](Bitrates.fixed(2_000_000))
    noise = np.random.default_rng(1)
    made = []
    for number in range(frames):
        picture = noise.integers(0, 255, (side, side, 3), np.uint8)
        frame = VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="yuv420p")
        frame.pts, frame.time_base = number, Fraction(1, 30)
        made.append(encoder.encode(frame)[0])
    return made


@pytest.mark.parametrize("side", [16, 256])
@pytest.mark.parametrize("codec", ["h264", "vp8"])
def test_a_trailer_comes_after_the_frames_data_and_no_packet_gets_longer(
    codec: str, side: int
) -> None:
    depayload = h264_depayload if codec == "h264" else vp8_depayload
    trailer = trailers.make(FrameMetadata(timestamp_us=3, user_data=bytes(200)))
    kinds = set()
    for payloads in encoded(codec, side=side, frames=4):
        before = b"".join(depayload(each) for each in payloads)
        longer = trailers.append(payloads, trailer, codec)
        assert b"".join(depayload(each) for each in longer) == before + trailer
        assert max(map(len, longer)) <= max(PACKET_MAX + 1, *map(len, payloads))
        assert trailers.append(payloads, b"", codec) is payloads
        kinds.add(payloads[-1][0] & 0x1F)
    if codec == "h264":  # fragments; a NAL unit in a packet, or several
        assert kinds & ({28} if side == 256 else {1, 24}), kinds


def test_the_fragments_of_a_nal_unit_have_one_start_and_one_end() -> None:
    for payloads in ([b"\x41slice"], [b"\x5c\x81sl", b"\x5c\x41ice"]):
        marks = [each[1] >> 6 for each in trailers.append(payloads, TRAILER, "h264")]
        assert marks == [0b10, *[0b00] * (len(payloads) - 1), 0b01]


def test_the_last_nal_unit_of_several_in_a_packet_gets_the_trailer() -> None:
    aggregate = b"\x78" + b"\x00\x03\x67sp" + b"\x00\x03\x68pp" + b"\x00\x06\x65slice"
    first, *fragments = trailers.append([aggregate], TRAILER, "h264")
    assert first == b"\x78" + b"\x00\x03\x67sp" + b"\x00\x03\x68pp"
    assert fragments == [b"\x7c\x85slice", b"\x7c\x45" + TRAILER]


# --- receiving ------------------------------------------------------------------------------------


def packet(sequence: int, timestamp: int, data: bytes, *, marker: int = 1) -> RtpPacket:
    made = RtpPacket(sequence_number=sequence, timestamp=timestamp, marker=marker)
    made._data = data
    return made


def test_a_trailer_is_removed_from_the_complete_frame() -> None:
    mapper = TimestampMapper()
    buffer = LiveJitterBuffer(capacity=16)
    buffer.trailers = received = ReceivedTrailers(mapper)
    data = FRAME + TRAILER
    buffer.add(packet(1, 2**32 - 9, data[:-10], marker=0))
    _, frame = buffer.add(packet(2, 2**32 - 9, data[-10:]))
    assert frame is not None
    assert frame.data == FRAME
    first = mapper.map(frame.timestamp)
    # The next timestamp of the stream starts again at 0; the frame after that has no trailer.
    other = trailers.make(FrameMetadata(frame_id=9))
    stamps = []
    for number, suffix in ((3, other), (4, b"")):
        _, frame = buffer.add(packet(number, number, FRAME + suffix))
        assert frame is not None
        assert frame.data == FRAME
        stamps.append(mapper.map(frame.timestamp))
    assert [received.take(stamp) for stamp in (*stamps, first)] == [other, b"", TRAILER]
    assert received.take(first) == b"", "it was taken"


def test_trailers_of_frames_that_are_never_decoded_do_not_accumulate() -> None:
    mapper = TimestampMapper()
    received = ReceivedTrailers(mapper)
    buffer = LiveJitterBuffer(capacity=16)
    buffer.trailers = received
    mapped = []
    for number in range(KEPT_TRAILERS + 3):
        _, frame = buffer.add(packet(number, 10 * number, FRAME + TRAILER))
        assert frame is not None
        mapped.append(mapper.map(frame.timestamp))
    taken = [received.take(stamp) for stamp in mapped]
    assert taken == [b""] * 3 + [TRAILER] * KEPT_TRAILERS


@pytest.fixture
async def receiving() -> AsyncIterator[RTCPeerConnection]:
    """A connection that receives a camera."""
    offerer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    offerer.addTransceiver(VideoStreamTrack(), direction="sendonly")
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    await made.setRemoteDescription(await offerer.createOffer())
    yield made
    await made.close()
    await offerer.close()


async def test_a_track_has_the_trailers_of_its_receiver(receiving: RTCPeerConnection) -> None:
    (receiver,) = receiving.getReceivers()
    assert trailers.trailers_of(receiver.track) is None
    assert trailers.strip_trailers(receiver)
    assert trailers.trailers_of(receiver.track) is None, "it has aiortc's own buffer"
    assert release_on_marker(receiver)
    assert trailers.strip_trailers(receiver)
    received = trailers.trailers_of(receiver.track)
    assert received is not None
    assert receiver._RTCRtpReceiver__jitter_buffer.trailers is received
    assert trailers.strip_trailers(receiver)
    assert trailers.trailers_of(receiver.track) is received, "a second offer changes nothing"


async def test_without_the_private_name_no_trailers_are_removed(
    receiving: RTCPeerConnection,
) -> None:
    (receiver,) = receiving.getReceivers()
    assert release_on_marker(receiver)
    del receiver._RTCRtpReceiver__timestamp_mapper
    with pytest.warns(RuntimeWarning, match="strip_trailers is skipped"):
        assert not trailers.strip_trailers(receiver)
    assert trailers.trailers_of(receiver.track) is None
