"""Each patch for rooms on its own; a failure names the private name that has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import VideoStreamTrack
from aiortc.rtcrtpparameters import RTCRtpCodecParameters
from aiortc.rtp import RTCP_PSFB_APP, RTCP_PSFB_PLI, RtcpPsfbPacket, pack_remb_fci

from decart_widget.rtc import rooms as room_tuning
from decart_widget.rtc import tuning
from decart_widget.rtc.bitrates import Bitrates

CODEC = RTCRtpCodecParameters(mimeType="video/H264", clockRate=90000, payloadType=96)


class Source:
    """Encoded frames, and how many keyframes a sender requested."""

    def __init__(self) -> None:
        self.target_bitrate = 1
        self.keyframes = 0

    async def next(self) -> tuple[list[bytes], int]:
        return [b"one", b"two"], 90

    def request_keyframe(self) -> None:
        self.keyframes += 1


@pytest.fixture
async def answerer() -> AsyncIterator[RTCPeerConnection]:
    """A connection with an offer: it can send on the first section and receives on the second."""
    offerer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    offerer.addTransceiver("video", direction="recvonly")
    offerer.addTransceiver(VideoStreamTrack(), direction="sendonly")
    offerer.addTransceiver("audio", direction="recvonly")
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    await made.setRemoteDescription(await offerer.createOffer())
    yield made
    await asyncio.gather(made.close(), offerer.close())


async def test_a_sender_sends_the_frames_of_an_encoded_source(answerer: RTCPeerConnection) -> None:
    sender, source = answerer.getTransceivers()[0].sender, Source()
    assert room_tuning.send_encoded(sender, source)
    frame = await sender._next_encoded_frame(CODEC)
    assert (frame.payloads, frame.timestamp, frame.audio_level) == ([b"one", b"two"], 90, None)
    sender._send_keyframe()
    assert source.keyframes == 1
    assert sender._RTCRtpSender__encoder is source, "it gets the receiver's estimates"
    assert sender.track is not None, "a sender without a track sends nothing"
    # Tuning the connection afterwards doesn't replace it.
    tuning.tune(answerer, bitrates=Bitrates())
    assert (await sender._next_encoded_frame(CODEC)).payloads == [b"one", b"two"]


async def test_the_answer_has_our_stream_and_track_ids(answerer: RTCPeerConnection) -> None:
    transceiver = answerer.getTransceivers()[0]
    assert room_tuning.send_encoded(transceiver.sender, Source())
    assert room_tuning.name_track(transceiver.sender, "PA_1|TR_1", "TR_1")
    transceiver.direction = "sendonly"
    answer = await answerer.createAnswer()
    assert "a=msid:PA_1|TR_1 TR_1\r\n" in answer.sdp


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_a_codec_and_its_retransmission_come_first(
    answerer: RTCPeerConnection, codec: str
) -> None:
    transceiver = answerer.getTransceivers()[1]
    before = [c.payloadType for c in transceiver._codecs]
    assert room_tuning.prefer_codec(transceiver, codec)
    first, second = transceiver._codecs[:2]
    assert first.name.lower() == codec
    assert second.parameters["apt"] == first.payloadType
    assert set(before) == {c.payloadType for c in transceiver._codecs}
    assert len(before) == len(transceiver._codecs)
    answer = await answerer.createAnswer()
    section = answer.sdp.split("m=video")[2]
    assert section.split("\r\n")[0].split(" ")[3] == str(first.payloadType)


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_a_sender_that_starts_during_a_later_offer_keeps_its_codec(
    answerer: RTCPeerConnection, codec: str
) -> None:
    transceiver = answerer.getTransceivers()[0]
    offered = [c.payloadType for c in transceiver._codecs]
    assert room_tuning.prefer_codec(transceiver, codec)
    await answerer.setLocalDescription(await answerer.createAnswer())
    await answerer.setRemoteDescription(answerer.remoteDescription)
    # A sender that starts now sends with the first codec; `prefer_codec` was not called again.
    first, second = transceiver._codecs[:2]
    assert first.name.lower() == codec
    assert second.parameters["apt"] == first.payloadType
    assert set(offered) == {c.payloadType for c in transceiver._codecs}
    assert len(offered) == len(transceiver._codecs)


async def test_an_ice_restart_is_followed(answerer: RTCPeerConnection) -> None:
    offer = answerer.remoteDescription
    assert isinstance(offer, RTCSessionDescription)
    assert room_tuning.follow_ice_restart(answerer, "new-name", "new-password")
    for transceiver in answerer.getTransceivers():
        connection = transceiver.receiver.transport.transport._connection
        assert connection.remote_username == "new-name"
        assert connection.remote_password == "new-password"
        # A connectivity check with the new credentials is accepted.
        assert connection._valid_username(f"{connection.local_username}:new-name")


@pytest.mark.parametrize(
    ("patch", "args"),
    [
        (room_tuning.send_encoded, (Source(),)),
        (room_tuning.name_track, ("a", "b")),
        (room_tuning.prefer_codec, ("vp8",)),
        (room_tuning.follow_ice_restart, ("a", "b")),
    ],
)
def test_without_the_private_names_the_patch_is_skipped_with_a_warning(
    patch: Any, args: tuple[Any, ...]
) -> None:
    with pytest.warns(RuntimeWarning, match=patch.__name__):
        assert patch(SimpleNamespace(), *args) is False


async def test_aiortc_asks_the_patched_methods_of_a_sender(answerer: RTCPeerConnection) -> None:
    sender = answerer.getTransceivers()[0].sender
    source = Source()
    assert room_tuning.send_encoded(sender, source)
    # What a receiver reports: a PLI, and an estimate (REMB).
    ssrc = sender._ssrc
    await sender._handle_rtcp_packet(RtcpPsfbPacket(fmt=RTCP_PSFB_PLI, ssrc=0, media_ssrc=ssrc))
    assert source.keyframes == 1
    remb = RtcpPsfbPacket(
        fmt=RTCP_PSFB_APP, ssrc=0, media_ssrc=0, fci=pack_remb_fci(700_000, [ssrc])
    )
    await sender._handle_rtcp_packet(remb)
    assert source.target_bitrate == pytest.approx(700_000, rel=0.01)
    # The sender's task reads frames with the patched method.
    sent: list[bytes] = []
    came = asyncio.Event()

    async def send_rtp(data: bytes) -> None:
        sent.append(data)
        came.set()
        await asyncio.sleep(0)

    sender.transport._send_rtp = send_rtp  # type: ignore[method-assign]
    codec = RTCRtpCodecParameters(mimeType="video/VP8", clockRate=90_000, payloadType=96)
    running = asyncio.ensure_future(sender._run_rtp(codec))
    await asyncio.wait_for(came.wait(), 5)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert sent[0].endswith(b"one")
