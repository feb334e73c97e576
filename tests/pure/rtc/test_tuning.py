"""Each cure for aiortc on its own. One that fails here says which private name has moved."""

from __future__ import annotations

import asyncio
import fractions
import warnings
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.codecs.vpx import Vp8Decoder, Vp8Encoder
from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.mediastreams import VideoStreamTrack
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket
from av import VideoFrame

from decart_widget.rtc import encoders as encoder_tuning
from decart_widget.rtc import tuning
from decart_widget.rtc.bitrates import _RTPMAP, Bitrates, with_start_bitrate

FIXED = Bitrates.fixed(2_000_000)


def frame(number: int = 0, width: int = 320, height: int = 180) -> VideoFrame:
    rng = np.random.default_rng(number)
    picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    made = VideoFrame.from_ndarray(picture, format="rgb24")
    made.pts, made.time_base = number, fractions.Fraction(1, 30)
    return made


@pytest.fixture
async def pc() -> AsyncIterator[RTCPeerConnection]:
    """A connection that sends and receives video, not connected to anything."""
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    made.addTransceiver(VideoStreamTrack(), direction="sendrecv")
    yield made
    await made.close()


@pytest.fixture
async def answerer(pc: RTCPeerConnection) -> AsyncIterator[RTCPeerConnection]:
    """Another one that has the first one's offer."""
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    await made.setRemoteDescription(await pc.createOffer())
    yield made
    await made.close()


# --- as a whole -----------------------------------------------------------------------------------


def test_the_installed_versions_are_the_tested_ones() -> None:
    assert tuning.check_versions() == []


def test_untested_versions_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "version", lambda name: "9.9.1")
    told = tuning.check_versions()
    assert told == ["aiortc 9.9.1 (tested: 1.16)", "aioice 9.9.1 (tested: 0.13)"]
    with pytest.warns(RuntimeWarning, match=r"never tested"):
        tuning._warn_untested.__wrapped__()


async def test_tuning_touches_one_connection_only(answerer: RTCPeerConnection) -> None:
    offer = answerer.remoteDescription
    tuning.tune(answerer, bitrates=FIXED, loopback=True)
    other = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    try:
        await other.setRemoteDescription(offer)
        receiver = other.getTransceivers()[0].receiver
        assert type(receiver._RTCRtpReceiver__jitter_buffer) is JitterBuffer
        assert type(receiver.track._queue) is asyncio.Queue
        assert Vp8Encoder().target_bitrate == 500_000
    finally:
        await other.close()


async def test_tuning_twice_changes_nothing(answerer: RTCPeerConnection) -> None:
    def parts() -> list[Any]:
        transceiver = answerer.getTransceivers()[0]
        receiver = transceiver.receiver
        ice = receiver.transport.transport.iceGatherer._connection
        return [
            receiver._RTCRtpReceiver__jitter_buffer,
            receiver._RTCRtpReceiver__remote_bitrate_estimator,
            receiver.track._queue,
            transceiver.sender._next_encoded_frame,
            ice.get_component_candidates,
        ]

    untuned = parts()
    tuning.tune(answerer, bitrates=FIXED)
    tuned = parts()
    tuning.tune(answerer, bitrates=FIXED)
    assert all(one is not other for one, other in zip(untuned, tuned, strict=True))
    assert all(one is other for one, other in zip(tuned, parts(), strict=True))


@pytest.mark.parametrize(
    ("cure", "args"),
    [
        (tuning.gather_quickly, ()),
        (tuning.encode_fast, (FIXED,)),
        (tuning.release_on_marker, ()),
        (tuning.report_bandwidth, (1_000_000,)),
    ],
)
def test_a_moved_name_is_a_warning_and_no_crash(cure: Any, args: tuple[Any, ...]) -> None:
    with pytest.warns(RuntimeWarning, match=cure.__name__):
        assert cure(SimpleNamespace(_connection=SimpleNamespace()), *args) is False


# --- bitrates and encoders ------------------------------------------------------------------------


def test_bitrates_must_make_sense() -> None:
    assert Bitrates().clamp(1) == 500_000
    assert Bitrates().clamp(10**9) == 6_000_000
    assert FIXED.clamp(1) == FIXED.clamp(10**9) == 2_000_000
    for wrong in ((1, 2, 3), (3, 1, 2), (0, 0, 0)):
        with pytest.raises(ValueError, match="floor"):
            Bitrates(*wrong)


@pytest.mark.parametrize("encoder", [tuning.FastVp8Encoder, tuning.FastH264Encoder])
def test_encoders_start_high_and_stay_in_bounds(encoder: Any) -> None:
    made = encoder(Bitrates(start=3_000_000, floor=1_000_000, ceiling=4_000_000))
    assert made.target_bitrate == 3_000_000
    made.encode(frame())
    assert made.codec.bit_rate == 3_000_000
    for estimate, expected in ((50_000, 1_000_000), (9_000_000, 4_000_000), (2_000_000, 2_000_000)):
        made.target_bitrate = estimate
        assert made.target_bitrate == expected


@pytest.mark.parametrize(
    ("encoder", "extra"),
    [
        (tuning.FastVp8Encoder, encoder_tuning.VP8_OPTIONS),
        (tuning.FastH264Encoder, encoder_tuning.H264_OPTIONS),
    ],
)
def test_ours_are_added_to_the_options_that_the_encoder_sets(
    encoder: Any, extra: dict[str, str]
) -> None:
    # An opened context has consumed its options, so one that only keeps them stands in for it.
    context = SimpleNamespace(width=0)
    made = encoder(FIXED)
    made.codec = context
    made.codec.options = {"cpu-used": "-6", "preset": "medium", "level": "31"}
    made.codec.width = 640
    assert context.options == {"cpu-used": "-6", "preset": "medium", "level": "31", **extra}
    assert context.width == made.codec.width == 640
    made.codec = None
    assert made.encode(frame())[0], "a real context takes them all"
    left = {} if made.codec is None else made.codec.options
    assert not extra.items() & left.items(), "the codec knew every one of them"


@pytest.mark.parametrize("whole", [True, False])
def test_a_frame_is_one_slice(whole: bool) -> None:
    encoder = tuning.FastH264Encoder(FIXED)
    encoder.encode(frame(0, 1280, 720))
    units = [unit[0] & 0x1F for unit in encoder._encode_frame(frame(1, 1280, 720), whole)]
    assert [unit for unit in units if unit in (1, 5)] == [5 if whole else 1]


def test_what_is_encoded_can_be_decoded() -> None:
    encoder, decoder = tuning.FastVp8Encoder(FIXED), Vp8Decoder()
    picture = np.full((180, 320, 3), (200, 60, 40), np.uint8)
    made = VideoFrame.from_ndarray(picture, format="rgb24")
    made.pts, made.time_base = 0, fractions.Fraction(1, 30)
    payloads, timestamp = encoder.encode(made)
    from aiortc.codecs.vpx import vp8_depayload

    data = b"".join(vp8_depayload(payload) for payload in payloads)
    (decoded,) = decoder.decode(JitterFrame(data, timestamp))
    assert np.abs(decoded.to_ndarray(format="rgb24").astype(int) - picture).mean() < 6


@pytest.mark.parametrize(
    ("mime_type", "expected"),
    [("video/VP8", tuning.FastVp8Encoder), ("video/H264", tuning.FastH264Encoder)],
)
async def test_a_sender_gets_a_fast_encoder_for_its_codec(
    pc: RTCPeerConnection, mime_type: str, expected: type
) -> None:
    sender = pc.getSenders()[0]
    assert tuning.encode_fast(sender, FIXED)
    codec = RTCRtpCodecParameters(mimeType=mime_type, clockRate=90000, payloadType=96)
    encoded = await sender._next_encoded_frame(codec)
    assert encoded.payloads
    encoder = sender._RTCRtpSender__encoder
    assert type(encoder) is expected
    await sender._next_encoded_frame(codec)
    assert sender._RTCRtpSender__encoder is encoder


# --- jitter buffer --------------------------------------------------------------------------------


def packet(sequence: int, timestamp: int, data: bytes = b"x", *, marker: int = 0) -> RtpPacket:
    made = RtpPacket(sequence_number=sequence, timestamp=timestamp, marker=marker)
    made._data = data
    return made


def released(buffer: JitterBuffer, *packets: RtpPacket) -> list[bytes]:
    frames = [buffer.add(each)[1] for each in packets]
    return [frame.data for frame in frames if frame is not None]


def new_buffer() -> tuning.MarkerJitterBuffer:
    return tuning.MarkerJitterBuffer(capacity=16, is_video=True)


def test_a_frame_comes_out_with_its_last_packet() -> None:
    packets = [packet(0, 9, b"a"), packet(1, 9, b"b", marker=1)]
    assert released(JitterBuffer(capacity=16, is_video=True), *packets) == []
    assert released(new_buffer(), *packets) == [b"ab"]


def test_packets_may_come_in_any_order() -> None:
    buffer = new_buffer()
    assert released(buffer, packet(0, 9, b"a", marker=1)) == [b"a"]
    assert released(buffer, packet(3, 10, b"d", marker=1), packet(1, 10, b"b")) == []
    assert released(buffer, packet(2, 10, b"c")) == [b"bcd"]


def test_without_a_marker_the_next_frame_releases_it() -> None:
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


def test_numbers_wrap_round() -> None:
    buffer = new_buffer()
    assert released(buffer, packet(65535, 9, b"a"), packet(0, 9, b"b", marker=1)) == [b"ab"]


async def test_a_receiver_gets_the_buffer(answerer: RTCPeerConnection) -> None:
    receiver = answerer.getTransceivers()[0].receiver
    capacity = receiver._RTCRtpReceiver__jitter_buffer.capacity
    assert tuning.release_on_marker(receiver)
    assert receiver._RTCRtpReceiver__jitter_buffer.capacity == capacity
    assert isinstance(receiver._RTCRtpReceiver__jitter_buffer, tuning.MarkerJitterBuffer)


# --- bandwidth ------------------------------------------------------------------------------------


def test_bandwidth_is_reported_twice_a_second_for_live_streams() -> None:
    estimator = tuning.SteadyEstimator(6_000_000)

    def add(at_ms: int, ssrc: int) -> tuple[int, list[int]] | None:
        return estimator.add(abs_send_time=0, arrival_time_ms=at_ms, payload_size=9, ssrc=ssrc)

    assert add(0, 1) == (6_000_000, [1])
    assert add(100, 2) is None
    assert add(500, 1) == (6_000_000, [1, 2])
    assert add(3000, 1) == (6_000_000, [1])


async def test_a_receiver_gets_the_estimator(answerer: RTCPeerConnection) -> None:
    receiver = answerer.getTransceivers()[0].receiver
    assert tuning.report_bandwidth(receiver, 5_000_000)
    assert receiver._RTCRtpReceiver__remote_bitrate_estimator.bitrate == 5_000_000


# --- queue ----------------------------------------------------------------------------------------


async def test_the_newest_frame_wins_and_the_end_is_not_lost() -> None:
    queue = tuning.NewestQueue()
    for number in range(5):
        await queue.put(number)
    assert queue.qsize() == 1
    assert await queue.get() == 4
    assert queue.dropped == 4
    await queue.put(5)
    await queue.put(None)
    assert [await queue.get(), await queue.get()] == [5, None]
    waiting = asyncio.ensure_future(queue.get())
    await asyncio.sleep(0)
    await queue.put(6)
    assert await waiting == 6


async def test_a_remote_track_reads_from_it(answerer: RTCPeerConnection) -> None:
    receiver = answerer.getTransceivers()[0].receiver
    assert tuning.keep_newest(receiver)
    for number in range(3):
        await receiver.track._queue.put(frame(number))
    newest = await receiver.track.recv()
    assert newest.pts == 2
    assert tuning.dropped_frames(receiver.track) == 2
    assert tuning.dropped_frames(VideoStreamTrack()) == 0


async def test_a_receiver_without_a_track_is_left_alone(pc: RTCPeerConnection) -> None:
    assert tuning.keep_newest(pc.getTransceivers()[0].receiver)


# --- gathering ------------------------------------------------------------------------------------


async def gathered(pc: RTCPeerConnection) -> list[str]:
    await pc.setLocalDescription(await pc.createOffer())
    lines = pc.localDescription.sdp.splitlines()
    return [line.split(" ")[4] for line in lines if line.startswith("a=candidate:")]


async def test_on_loopback_only_127_0_0_1_is_gathered(pc: RTCPeerConnection) -> None:
    tuning.tune(pc, bitrates=FIXED, loopback=True)
    assert await gathered(pc) == ["127.0.0.1"]


async def test_elsewhere_it_is_not_gathered(pc: RTCPeerConnection) -> None:
    tuning.tune(pc, bitrates=FIXED)
    assert "127.0.0.1" not in await gathered(pc)


async def test_a_server_that_never_answers_costs_half_a_second() -> None:
    loop = asyncio.get_running_loop()
    silent, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )
    port = silent.get_extra_info("sockname")[1]
    server = RTCIceServer(f"stun:127.0.0.1:{port}")
    made = RTCPeerConnection(RTCConfiguration(iceServers=[server]))
    try:
        made.addTransceiver("video")
        tuning.tune(made, bitrates=FIXED, loopback=True)
        began = loop.time()
        assert await gathered(made) == ["127.0.0.1"]
        assert loop.time() - began < 4, "aioice waits 5 s"
    finally:
        await made.close()
        silent.close()


# --- the answer -----------------------------------------------------------------------------------


async def test_the_answer_names_a_start_bitrate_for_each_codec(
    answerer: RTCPeerConnection,
) -> None:
    answer = await answerer.createAnswer()
    hinted = with_start_bitrate(answer.sdp, Bitrates(3_000_000, 300_000, 4_000_000))
    hint = "x-google-start-bitrate=3000;x-google-min-bitrate=300;x-google-max-bitrate=4000"
    codecs = [line for line in hinted.splitlines() if _RTPMAP.match(line)]
    assert len(codecs) >= 2
    for line in codecs:
        payload = line.partition(":")[2].split(" ")[0]
        (described,) = (x for x in hinted.splitlines() if x.startswith(f"a=fmtp:{payload} "))
        assert described.endswith(hint)
    assert "packetization-mode=1" in hinted, "what was there stays"
    assert with_start_bitrate(hinted, FIXED) == hinted
    removed = hinted.replace(f";{hint}", "").replace("\r\n", "\n").splitlines()
    kept = [line for line in removed if "x-google" not in line]
    assert kept == answer.sdp.splitlines()
    RTCSessionDescription(hinted, "answer")


# --- broken on purpose ----------------------------------------------------------------------------


async def test_going_silent_needs_no_open_connection(pc: RTCPeerConnection) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tuning.go_silent(pc)


# --- warm encoders --------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [tuning.FastVp8Encoder, tuning.FastH264Encoder])
def test_an_encoder_that_was_warmed_up_begins_with_a_whole_picture(kind: Any) -> None:
    warm, cold = kind(FIXED), kind(FIXED)
    warm.warm_up(320, 180)
    context = warm.codec
    assert context is not None
    first, _ = warm.encode(frame(9))
    assert warm.codec is context, "what was got ready is used"
    assert warm.encode(frame(10))[0], "and goes on"
    whole, _ = cold.encode(frame(9))
    assert sum(map(len, first)) > 0.5 * sum(map(len, whole))
    cold.warm_up(640, 360)
    assert cold.codec.width == 320, "too late to be of use"


async def test_a_sender_may_have_its_encoder_early(answerer: RTCPeerConnection) -> None:
    transceiver = answerer.getTransceivers()[0]
    assert tuning.sender_encoder(transceiver.sender) is None
    assert tuning.prepare_encoder(transceiver, FIXED)
    encoder = tuning.sender_encoder(transceiver.sender)
    assert encoder is not None
    assert tuning.prepare_encoder(transceiver, FIXED)
    assert tuning.sender_encoder(transceiver.sender) is encoder
