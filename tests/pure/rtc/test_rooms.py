"""Each place where rooms reach into aiortc. One that fails here says which name has moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import VideoStreamTrack
from aiortc.rtcrtpparameters import RTCRtpCodecParameters

from decart_widget.rtc import rooms as room_tuning
from decart_widget.rtc import tuning
from decart_widget.rtc.bitrates import Bitrates

CODEC = RTCRtpCodecParameters(mimeType="video/H264", clockRate=90000, payloadType=96)


class Source:
    """Encoded pictures, and what a sender asks of them."""

    def __init__(self) -> None:
        self.target_bitrate = 1
        self.keyframes = 0

    async def next(self) -> tuple[list[bytes], int]:
        return [b"one", b"two"], 90

    def request_keyframe(self) -> None:
        self.keyframes += 1


@pytest.fixture
async def answerer() -> AsyncIterator[RTCPeerConnection]:
    """A connection with an offer: it may send on the first section, receives on the second."""
    offerer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    offerer.addTransceiver("video", direction="recvonly")
    offerer.addTransceiver(VideoStreamTrack(), direction="sendonly")
    offerer.addTransceiver("audio", direction="recvonly")
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    await made.setRemoteDescription(await offerer.createOffer())
    yield made
    await asyncio.gather(made.close(), offerer.close())


async def test_a_sender_sends_what_was_encoded_elsewhere(answerer: RTCPeerConnection) -> None:
    sender, source = answerer.getTransceivers()[0].sender, Source()
    assert room_tuning.send_encoded(sender, source)
    frame = await sender._next_encoded_frame(CODEC)
    assert (frame.payloads, frame.timestamp, frame.audio_level) == ([b"one", b"two"], 90, None)
    sender._send_keyframe()
    assert source.keyframes == 1
    assert sender._RTCRtpSender__encoder is source, "estimates are told to it"
    assert sender.track is not None, "a sender without a track sends nothing"
    # Tuning the connection again leaves it so.
    tuning.tune(answerer, bitrates=Bitrates())
    assert (await sender._next_encoded_frame(CODEC)).payloads == [b"one", b"two"]


async def test_the_client_is_told_stream_and_track(answerer: RTCPeerConnection) -> None:
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
    # What a sender that starts now would send with; nobody has chosen anew.
    first, second = transceiver._codecs[:2]
    assert first.name.lower() == codec
    assert second.parameters["apt"] == first.payloadType
    assert set(offered) == {c.payloadType for c in transceiver._codecs}
    assert len(offered) == len(transceiver._codecs)


async def test_sections_that_only_receive_are_known(answerer: RTCPeerConnection) -> None:
    asked = [room_tuning.only_receives(t) for t in answerer.getTransceivers()]
    assert asked == [True, False, True]


async def test_an_ice_restart_is_followed(answerer: RTCPeerConnection) -> None:
    offer = answerer.remoteDescription
    assert isinstance(offer, RTCSessionDescription)
    assert room_tuning.follow_ice_restart(answerer, "new-name", "new-password")
    for transceiver in answerer.getTransceivers():
        connection = transceiver.receiver.transport.transport._connection
        assert connection.remote_username == "new-name"
        assert connection.remote_password == "new-password"
        # What a check from the client says of itself is accepted then.
        assert connection._valid_username(f"{connection.local_username}:new-name")


@pytest.mark.parametrize(
    ("cure", "args"),
    [
        (room_tuning.send_encoded, (Source(),)),
        (room_tuning.name_track, ("a", "b")),
        (room_tuning.prefer_codec, ("vp8",)),
        (room_tuning.follow_ice_restart, ("a", "b")),
    ],
)
def test_a_moved_name_is_a_warning_and_no_crash(cure: Any, args: tuple[Any, ...]) -> None:
    with pytest.warns(RuntimeWarning, match=cure.__name__):
        assert cure(SimpleNamespace(), *args) is False
