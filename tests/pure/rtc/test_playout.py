"""The playout delay in a sender's packets. One that fails here says which name of aiortc moved."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import VideoStreamTrack
from aiortc.rtp import HeaderExtensions, unpack_header_extensions

from decart_widget.rtc import playout as playout_tuning
from decart_widget.rtc.playout import NO_DELAY, PLAYOUT_DELAY, NoDelayMap


async def answerer(extension: str) -> RTCPeerConnection:
    """A connection with an offer to receive and to send video; both sections name the extension."""
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


async def test_the_answer_names_it_as_the_offer_does(offered: RTCPeerConnection) -> None:
    for _ in range(2):  # every offer of a connection goes this way; twice is once
        playout_tuning.show_at_once(offered)
    answer = (await offered.createAnswer()).sdp
    assert answer.count(f"a=extmap:7 {PLAYOUT_DELAY}\r\n") == 2


async def test_every_packet_says_that_there_is_no_delay(offered: RTCPeerConnection) -> None:
    playout_tuning.show_at_once(offered)
    transceiver = offered.getTransceivers()[0]
    written = transceiver.sender._RTCRtpSender__rtp_header_extensions_map
    assert isinstance(written, NoDelayMap)
    parameters: Any = SimpleNamespace(headerExtensions=transceiver._headerExtensions)
    written.configure(parameters)
    packed = unpack_header_extensions(*written.set(HeaderExtensions(mid="0")))
    assert packed[-1] == (7, NO_DELAY)
    assert len(packed) == 2, "what aiortc writes is still there"
    assert written.get(*written.set(HeaderExtensions(mid="0"))).mid == "0"


async def test_who_does_not_offer_it_does_not_get_it() -> None:
    made = await answerer("")
    playout_tuning.show_at_once(made)
    assert PLAYOUT_DELAY not in (await made.createAnswer()).sdp
    sender = made.getTransceivers()[0].sender
    assert not isinstance(sender._RTCRtpSender__rtp_header_extensions_map, NoDelayMap)
    await asyncio.gather(made.close())


def test_a_moved_name_is_a_warning_and_no_crash() -> None:
    moved: Any = SimpleNamespace()
    with pytest.warns(RuntimeWarning, match="send_without_delay"):
        assert playout_tuning.send_without_delay(moved, 7) is False
