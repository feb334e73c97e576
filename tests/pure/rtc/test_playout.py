"""The playout delay in a sender's packets; a failure names the private name that has changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import VideoStreamTrack
from aiortc.rtp import HeaderExtensions, RtpPacket, unpack_header_extensions

from decart_widget.rtc.playout import (
    NO_DELAY,
    PLAYOUT_DELAY,
    NoDelayExtensionsMap,
    disable_playout_delay,
    send_playout_delay,
)


async def answerer(extension: str) -> RTCPeerConnection:
    """A connection with an offer of two video sections, both with the line ``extension``."""
    offerer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    offerer.addTransceiver("video", direction="recvonly")
    offerer.addTransceiver(VideoStreamTrack(), direction="sendonly")
    offer = (await offerer.createOffer()).sdp.replace(
        "a=rtcp-mux\r\n", f"a=rtcp-mux\r\n{extension}"
    )
    made = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    await made.setRemoteDescription(RTCSessionDescription(offer, "offer"))
    await offerer.close()
    return made


@pytest.fixture
async def offered() -> AsyncIterator[RTCPeerConnection]:
    made = await answerer(f"a=extmap:7 {PLAYOUT_DELAY}\r\n")
    yield made
    await made.close()


async def test_the_answer_has_the_extension_with_the_id_of_the_offer(
    offered: RTCPeerConnection,
) -> None:
    for _ in range(2):  # a second offer on the same connection
        disable_playout_delay(offered)
    answer = (await offered.createAnswer()).sdp
    assert answer.count(f"a=extmap:7 {PLAYOUT_DELAY}\r\n") == 2


async def test_every_packet_has_the_extension(offered: RTCPeerConnection) -> None:
    disable_playout_delay(offered)
    transceiver = offered.getTransceivers()[0]
    written = transceiver.sender._RTCRtpSender__rtp_header_extensions_map
    assert isinstance(written, NoDelayExtensionsMap)
    parameters: Any = SimpleNamespace(headerExtensions=transceiver._headerExtensions)
    written.configure(parameters)
    packed = unpack_header_extensions(*written.set(HeaderExtensions(mid="0")))
    assert packed[-1] == (7, NO_DELAY)
    assert len(packed) == 2, "the extensions of aiortc are kept"
    assert written.get(*written.set(HeaderExtensions(mid="0"))).mid == "0"


async def test_a_client_that_does_not_offer_the_extension_does_not_get_it() -> None:
    made = await answerer("")
    disable_playout_delay(made)
    assert PLAYOUT_DELAY not in (await made.createAnswer()).sdp
    sender = made.getTransceivers()[0].sender
    assert not isinstance(sender._RTCRtpSender__rtp_header_extensions_map, NoDelayExtensionsMap)
    await asyncio.gather(made.close())


async def test_the_sender_serializes_with_the_replaced_map(offered: RTCPeerConnection) -> None:
    disable_playout_delay(offered)
    sender = offered.getTransceivers()[0].sender
    sent: list[bytes] = []

    async def send_rtp(data: bytes) -> None:
        sent.append(data)

    sender.transport._send_rtp = send_rtp  # type: ignore[method-assign]
    packet = RtpPacket(sequence_number=1)
    sender._RTCRtpSender__rtp_history[1] = packet
    await sender._retransmit(1)
    assert NO_DELAY in sent[0][12:], "aiortc no longer asks the map for a packet's extensions"


@pytest.mark.parametrize(
    "missing", ["_headerExtensions", "_RTCRtpSender__rtp_header_extensions_map"]
)
def test_without_the_private_name_the_patch_is_skipped_with_a_warning(missing: str) -> None:
    sender = SimpleNamespace(_RTCRtpSender__rtp_header_extensions_map=object())
    transceiver: Any = SimpleNamespace(sender=sender, _headerExtensions=[])
    delattr(transceiver if hasattr(transceiver, missing) else sender, missing)
    before = vars(transceiver).copy()
    with pytest.warns(RuntimeWarning, match="send_playout_delay"):
        assert send_playout_delay(transceiver, 7) is False
    assert vars(transceiver) == before, "it is complete or absent"
