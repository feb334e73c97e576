"""Each patch of aiortc on its own; a failure names the private name that has changed."""

from __future__ import annotations

import asyncio
import warnings
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aioice import Connection
from aiortc import RTCConfiguration, RTCIceServer, RTCPeerConnection
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.jitterbuffer import JitterBuffer
from aiortc.mediastreams import VideoStreamTrack
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RtpPacket
from av import VideoFrame

from decart_widget.rtc import jitter, loss, tuning
from decart_widget.rtc.bitrates import Bitrates
from decart_widget.rtc.encoders import RealtimeH264Encoder, RealtimeVp8Encoder

FIXED = Bitrates.fixed(2_000_000)


@pytest.fixture
async def pc() -> AsyncIterator[RTCPeerConnection]:
    """A connection with a video transceiver, without a peer."""
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    made.addTransceiver(VideoStreamTrack(), direction="sendrecv")
    yield made
    await made.close()


@pytest.fixture
async def answerer(pc: RTCPeerConnection) -> AsyncIterator[RTCPeerConnection]:
    """A connection that has the offer of ``pc``."""
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    await made.setRemoteDescription(await pc.createOffer())
    yield made
    await made.close()


# --- all patches ----------------------------------------------------------------------------------


def test_the_installed_versions_are_the_tested_ones() -> None:
    assert tuning.check_versions() == []


def test_untested_versions_are_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tuning, "version", lambda name: "9.9.1")
    untested = tuning.check_versions()
    assert untested == ["aiortc 9.9.1 (tested: 1.16)", "aioice 9.9.1 (tested: 0.13)"]
    with pytest.warns(RuntimeWarning, match=r"never tested"):
        tuning._warn_untested.__wrapped__()


async def test_tuning_changes_one_connection_only(answerer: RTCPeerConnection) -> None:
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
            receiver._RTCRtpReceiver__nack_generator,
            getattr(receiver._handle_rtp_packet, "__self__", None),
            transceiver.sender._RTCRtpSender__rtp_history,
            transceiver.sender._retransmit,
            receiver._RTCRtpReceiver__remote_bitrate_estimator,
            receiver.track._queue,
            receiver._handle_rtcp_packet,
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
    ("patch", "args"),
    [
        (tuning.limit_gathering, ()),
        (tuning.use_realtime_encoder, (FIXED,)),
        (tuning.prepare_encoder, (FIXED,)),
        (jitter.release_on_marker, ()),
        (loss.recover_lost_packets, ()),
        (loss.keep_history, ()),
        (tuning.report_bandwidth, (1_000_000,)),
        (tuning.keep_newest, ()),
        (tuning.ignore_goodbye, ()),
        (tuning.go_silent, ()),
    ],
)
def test_without_the_private_names_a_patch_is_skipped_with_a_warning(
    patch: Any, args: tuple[Any, ...]
) -> None:
    without: Any = SimpleNamespace(_connection=SimpleNamespace(), track=SimpleNamespace())
    with pytest.warns(RuntimeWarning, match=f"{patch.__name__} is skipped"):
        assert patch(without, *args) is False


# --- encoders -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mime_type", "expected"),
    [("video/VP8", RealtimeVp8Encoder), ("video/H264", RealtimeH264Encoder)],
)
async def test_a_sender_gets_a_realtime_encoder_for_its_codec(
    pc: RTCPeerConnection, mime_type: str, expected: type
) -> None:
    sender = pc.getSenders()[0]
    assert tuning.use_realtime_encoder(sender, FIXED)
    codec = RTCRtpCodecParameters(mimeType=mime_type, clockRate=90000, payloadType=96)
    encoded = await sender._next_encoded_frame(codec)
    assert encoded.payloads
    encoder = sender._RTCRtpSender__encoder
    assert type(encoder) is expected
    assert encoder._has_encoded, "aiortc encodes with another one"
    await sender._next_encoded_frame(codec)
    assert sender._RTCRtpSender__encoder is encoder


async def test_a_sender_can_have_its_encoder_before_its_first_frame(
    answerer: RTCPeerConnection,
) -> None:
    transceiver = answerer.getTransceivers()[0]
    assert tuning.sender_encoder(transceiver.sender) is None
    assert tuning.prepare_encoder(transceiver, FIXED)
    encoder = tuning.sender_encoder(transceiver.sender)
    assert encoder is not None
    assert tuning.prepare_encoder(transceiver, FIXED)
    assert tuning.sender_encoder(transceiver.sender) is encoder


# --- bandwidth ------------------------------------------------------------------------------------


def test_bandwidth_is_reported_twice_a_second_for_live_streams() -> None:
    estimator = tuning.ConstantEstimator(6_000_000)

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


async def test_a_receiver_feeds_its_estimator_and_its_buffer(answerer: RTCPeerConnection) -> None:
    receiver = answerer.getTransceivers()[0].receiver
    tuning.tune(answerer, bitrates=FIXED)
    estimator = receiver._RTCRtpReceiver__remote_bitrate_estimator
    receiver._RTCRtpReceiver__codecs[96] = RTCRtpCodecParameters("video/VP8", 90000)
    released: list[bytes] = []
    receiver._RTCRtpReceiver__decoder_thread = True
    receiver._RTCRtpReceiver__decoder_queue.put = lambda task: released.append(task[1].data)
    received = RtpPacket(sequence_number=1, timestamp=9, marker=1)
    received.payload_type, received.ssrc = 96, 7
    received.payload = b"\x10picture"  # the VP8 payload descriptor: start of a partition
    received.extensions.abs_send_time = 1
    await receiver._handle_rtp_packet(received, arrival_time_ms=0)
    assert estimator._seen_ms == {7: 0}
    assert released == [b"picture"], "the packet with the marker releases the frame"


# --- queue ----------------------------------------------------------------------------------------


async def test_a_remote_track_reads_from_the_queue(answerer: RTCPeerConnection) -> None:
    receiver = answerer.getTransceivers()[0].receiver
    assert tuning.keep_newest(receiver)
    for number in range(3):
        frame = VideoFrame(16, 16)
        frame.pts = number
        await receiver.track._queue.put(frame)
    newest = await receiver.track.recv()
    assert newest.pts == 2
    assert tuning.dropped_frames(receiver.track) == 2
    assert tuning.dropped_frames(VideoStreamTrack()) == 0


async def test_a_receiver_without_a_track_is_not_changed(pc: RTCPeerConnection) -> None:
    assert tuning.keep_newest(pc.getTransceivers()[0].receiver)


# --- gathering ------------------------------------------------------------------------------------


async def gathered(pc: RTCPeerConnection) -> list[str]:
    await pc.setLocalDescription(await pc.createOffer())
    lines = pc.localDescription.sdp.splitlines()
    return [line.split(" ")[4] for line in lines if line.startswith("a=candidate:")]


async def test_on_loopback_only_127_0_0_1_is_gathered(pc: RTCPeerConnection) -> None:
    tuning.tune(pc, bitrates=FIXED, loopback=True)
    assert await gathered(pc) == ["127.0.0.1"]


async def test_otherwise_127_0_0_1_is_not_gathered(pc: RTCPeerConnection) -> None:
    tuning.tune(pc, bitrates=FIXED)
    assert "127.0.0.1" not in await gathered(pc)


async def test_gathering_waits_half_a_second_for_a_stun_server_that_never_answers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    loop = asyncio.get_running_loop()
    gather = Connection.get_component_candidates
    waits_s: list[float] = []

    async def recorded(
        self: Connection, component: int, addresses: list[str], timeout: float = 5
    ) -> Any:
        waits_s.append(timeout)
        return await gather(self, component, addresses, timeout=timeout)  # type: ignore[arg-type]

    monkeypatch.setattr(Connection, "get_component_candidates", recorded)
    silent, _ = await loop.create_datagram_endpoint(
        asyncio.DatagramProtocol, local_addr=("127.0.0.1", 0)
    )
    port = silent.get_extra_info("sockname")[1]
    server = RTCIceServer(f"stun:127.0.0.1:{port}")
    made = RTCPeerConnection(RTCConfiguration(iceServers=[server]))
    try:
        made.addTransceiver("video")
        tuning.tune(made, bitrates=FIXED, loopback=True)
        assert await gathered(made) == ["127.0.0.1"]
        assert waits_s == [0.5], "aioice waits 5 s"
    finally:
        await made.close()
        silent.close()


# --- simulated failure ----------------------------------------------------------------------------


async def test_going_silent_needs_no_open_connection(pc: RTCPeerConnection) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert tuning.go_silent(pc)
