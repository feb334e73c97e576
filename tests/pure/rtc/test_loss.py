"""Recovery from lost packets, on one receiver or sender without a network."""

from __future__ import annotations

import queue
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection
from aiortc.mediastreams import VideoStreamTrack
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RTP_HISTORY_SIZE, RtpPacket, wrap_rtx

from decart_widget.rtc import loss
from decart_widget.rtc.jitter import release_on_marker

MEDIA_SSRC, RTX_SSRC, OTHER_SSRC = 7, 8, 9
VP8, RTX = 96, 97

KEYFRAME: Final = b"\x10\x00\x00\x00\x9d\x01\x2a"
"""Payload of a VP8 keyframe: payload descriptor, frame tag, start code."""

DELTA: Final = b"\x10\x01"
"""Payload of a VP8 frame that is no keyframe."""


class Receiver:
    """A video receiver whose clock, requests and decoder a test controls."""

    def __init__(self, receiver: Any) -> None:
        self.now = 0.0
        self.nacks: list[list[int]] = []
        self.keyframes = 0
        self.decoded: list[int] = []
        self.receiver = receiver
        codecs = receiver._RTCRtpReceiver__codecs
        codecs[VP8] = RTCRtpCodecParameters("video/VP8", 90_000, payloadType=VP8)
        codecs[RTX] = RTCRtpCodecParameters(
            "video/rtx", 90_000, payloadType=RTX, parameters={"apt": VP8}
        )
        receiver._RTCRtpReceiver__decoder_thread = True
        receiver._send_rtcp_nack = self._nack
        receiver._send_rtcp_pli = self._pli

    def patch(self) -> Receiver:
        assert release_on_marker(self.receiver)
        assert loss.recover_lost_packets(self.receiver, lambda: self.now)
        return self

    async def _nack(self, ssrc: int, missing: list[int]) -> None:
        assert ssrc == MEDIA_SSRC
        self.nacks.append(missing)

    async def _pli(self, ssrc: int) -> None:
        assert ssrc == MEDIA_SSRC
        self.keyframes += 1

    async def gets(self, *numbers: int, payload: bytes = DELTA) -> None:
        """Receives frames of one packet each."""
        for number in numbers:
            await self._handle(media(number, payload))

    async def gets_repeated(self, number: int, ssrc: int = RTX_SSRC) -> None:
        """Receives the repetition of a packet."""
        repeated = wrap_rtx(media(number), payload_type=RTX, sequence_number=1, ssrc=ssrc)
        await self._handle(repeated)

    async def _handle(self, packet: RtpPacket) -> None:
        await self.receiver._handle_rtp_packet(packet, arrival_time_ms=0)
        while True:
            try:
                _, frame = self.receiver._RTCRtpReceiver__decoder_queue.get_nowait()
            except queue.Empty:
                return
            self.decoded.append(frame.timestamp)


def media(number: int, payload: bytes = DELTA) -> RtpPacket:
    packet = RtpPacket(payload_type=VP8, sequence_number=number, timestamp=number, marker=1)
    packet.ssrc, packet.payload = MEDIA_SSRC, payload
    return packet


@pytest.fixture
async def pc() -> AsyncIterator[RTCPeerConnection]:
    """A connection that has the offer of another one."""
    offering = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    offering.addTransceiver(VideoStreamTrack(), direction="sendrecv")
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    await made.setRemoteDescription(await offering.createOffer())
    yield made
    await made.close()
    await offering.close()


@pytest.fixture
def unpatched(pc: RTCPeerConnection) -> Receiver:
    return Receiver(pc.getTransceivers()[0].receiver)


@pytest.fixture
def receiver(unpatched: Receiver) -> Receiver:
    return unpatched.patch()


# --- receiving ------------------------------------------------------------------------------------


async def test_aiortc_ignores_repeated_packets_of_a_stream_that_the_sdp_does_not_name(
    unpatched: Receiver,
) -> None:
    release_on_marker(unpatched.receiver)
    await unpatched.gets(0, 2)
    await unpatched.gets_repeated(1)
    assert unpatched.decoded == [0], "aiortc has learned it: recover_lost_packets can do less"


async def test_a_repeated_packet_fills_the_gap_whatever_its_ssrc(receiver: Receiver) -> None:
    await receiver.gets(0, 2, 3)
    assert receiver.decoded == [0]
    await receiver.gets_repeated(1)
    assert receiver.decoded == [0, 1, 2, 3], "it releases all frames that it has completed"
    await receiver.gets(4, 6)
    await receiver.gets_repeated(5, ssrc=OTHER_SSRC)
    assert receiver.decoded == [0, 1, 2, 3, 4, 5, 6]
    assert receiver.receiver._RTCRtpReceiver__rtx_ssrc == {OTHER_SSRC: MEDIA_SSRC}


async def test_the_ssrc_in_the_sdp_is_kept(receiver: Receiver) -> None:
    receiver.receiver._RTCRtpReceiver__rtx_ssrc[RTX_SSRC] = OTHER_SSRC
    await receiver.gets(0)
    await receiver.gets_repeated(1)
    assert receiver.receiver._RTCRtpReceiver__rtx_ssrc == {RTX_SSRC: OTHER_SSRC}


async def test_missing_packets_are_requested_until_they_come(receiver: Receiver) -> None:
    await receiver.gets(0, 2)
    assert receiver.nacks == [[1]]
    await receiver.gets(3)
    assert receiver.nacks == [[1]], "not with every packet"
    receiver.now += loss.NACK_INTERVAL_S
    await receiver.gets(4)
    assert receiver.nacks == [[1], [1]]
    await receiver.gets(1)
    receiver.now += loss.NACK_INTERVAL_S
    await receiver.gets(5)
    assert receiver.nacks == [[1], [1]]


async def test_a_keyframe_is_requested_while_a_packet_stays_missing(receiver: Receiver) -> None:
    await receiver.gets(0, 2)
    receiver.now += loss.KEYFRAME_WAIT_S / 2
    await receiver.gets(3)
    assert receiver.keyframes == 0
    receiver.now += loss.KEYFRAME_WAIT_S
    await receiver.gets(4, 5)
    assert receiver.keyframes == 1
    receiver.now += loss.KEYFRAME_INTERVAL_S
    await receiver.gets(6)
    assert receiver.keyframes == 2, "the first request may be lost"
    assert receiver.decoded == [0]
    await receiver.gets(7, payload=KEYFRAME)
    await receiver.gets(8)
    assert receiver.decoded == [0, 7, 8]


async def test_what_precedes_a_keyframe_is_not_requested_any_more(receiver: Receiver) -> None:
    await receiver.gets(0, 2)
    await receiver.gets(3, payload=KEYFRAME)
    receiver.now += 10
    await receiver.gets(4)
    assert receiver.nacks == [[1]]
    assert receiver.keyframes == 0


async def test_a_jump_of_the_sequence_number_requests_nothing(receiver: Receiver) -> None:
    forward, back = 2000 + loss.NACK_PACKETS + 1, 1500
    await receiver.gets(1999, 2000, forward, back)
    assert receiver.nacks == []
    await receiver.gets(back + 2)
    assert receiver.nacks == [[back + 1]], "losses of the new stream are requested"


async def test_requested_packets_are_bounded(receiver: Receiver) -> None:
    await receiver.gets(0, *range(2, 2 * loss.NACK_PACKETS, 2))
    assert len(receiver.nacks[-1]) <= loss.NACK_PACKETS // 2 + 1


async def test_an_unknown_payload_type_is_ignored(receiver: Receiver) -> None:
    packet = media(0)
    packet.payload_type = 50
    await receiver._handle(packet)
    assert receiver.decoded == []


async def test_patching_twice_changes_nothing(receiver: Receiver) -> None:
    handle = receiver.receiver._handle_rtp_packet
    receiver.patch()
    assert receiver.receiver._handle_rtp_packet == handle


# --- sending --------------------------------------------------------------------------------------


async def test_a_sender_repeats_packets_of_the_last_seconds(pc: RTCPeerConnection) -> None:
    sender: Any = pc.getTransceivers()[0].sender
    sent: list[int] = []

    class Transport:
        async def _send_rtp(self, data: bytes) -> None:
            sent.append(RtpPacket.parse(data).sequence_number)

    sender.setTransport(Transport())
    assert loss.keep_history(sender)
    assert loss.keep_history(sender), "twice changes nothing"
    for number in range(65_000, 65_000 + loss.HISTORY_PACKETS + 100):
        wrapped = number % 65_536
        sender._RTCRtpSender__rtp_history[wrapped % RTP_HISTORY_SIZE] = media(wrapped)
    first, last = 65_100, (65_099 + loss.HISTORY_PACKETS) % 65_536
    for number in (first, last, first - 1):
        await sender._retransmit(number)
    assert sent == [first, last], "the last one is too old"
    assert len(sender._RTCRtpSender__rtp_history) == loss.HISTORY_PACKETS
