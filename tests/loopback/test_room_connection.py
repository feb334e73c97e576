"""A participant's connection that is closed while it is being negotiated."""

from __future__ import annotations

import asyncio
import contextlib
from pathlib import Path

import pytest
from aiortc import RTCConfiguration, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamTrack, VideoStreamTrack
from aiortc.rtp import RtcpByePacket

from decart_widget.sandbox.rooms.connection import (
    ConnectionEvents,
    NegotiationError,
    RoomConnection,
)


async def an_offer() -> str:
    offerer = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    offerer.addTransceiver(VideoStreamTrack(), direction="sendonly")
    sdp = (await offerer.createOffer()).sdp
    await offerer.close()
    return sdp


FILES = Path("/proc/self/fd")
"""Linux: the open files of this process."""


def sockets() -> int:
    count = 0
    for link in FILES.iterdir():
        # The listing's own descriptor is closed by now.
        with contextlib.suppress(FileNotFoundError):
            count += str(link.readlink()).startswith("socket:")
    return count


@pytest.mark.skipif(not FILES.is_dir(), reason="sockets are counted in /proc")
@pytest.mark.parametrize("steps", range(0, 40, 3))
async def test_no_socket_stays_open_when_it_is_closed_at_any_step(steps: int) -> None:
    offer = await an_offer()
    before = sockets()
    events = ConnectionEvents(lambda _cid, track: track.stop(), lambda: None)
    connection = RoomConnection(single_pc=True, loopback=True, events=events)
    answering = asyncio.ensure_future(connection.answer(offer, codecs={}, publications=()))
    for _ in range(steps):
        await asyncio.sleep(0)
    await connection.close()
    await asyncio.gather(answering, return_exceptions=True)
    await asyncio.sleep(0)
    assert sockets() == before


async def test_a_camera_that_says_goodbye_and_sends_on_is_received_on() -> None:
    # Firefox does, when a microphone joins and its offer has lost the simulcast of the camera.
    camera = RTCPeerConnection(RTCConfiguration(iceServers=[]))
    sender = camera.addTransceiver(VideoStreamTrack(), direction="sendonly").sender
    received: asyncio.Queue[MediaStreamTrack] = asyncio.Queue()
    connection = RoomConnection(
        single_pc=True,
        loopback=False,
        events=ConnectionEvents(lambda _cid, track: received.put_nowait(track), lambda: None),
    )
    try:
        await camera.setLocalDescription(await camera.createOffer())
        offer = camera.localDescription.sdp
        answer = await connection.answer(offer, codecs={}, publications=())
        await camera.setRemoteDescription(RTCSessionDescription(answer, "answer"))
        track = await received.get()
        await track.recv()
        await sender._send_rtcp([RtcpByePacket(sources=[sender._ssrc])])
        for _ in range(30):
            await track.recv()
        assert track.readyState == "live"
    finally:
        await camera.close()
        await connection.close()


async def test_a_closed_connection_answers_no_offer() -> None:
    connection = RoomConnection(
        single_pc=True, loopback=True, events=ConnectionEvents(lambda *_: None, lambda: None)
    )
    await connection.close()
    await connection.close()
    with pytest.raises(NegotiationError, match="closed"):
        await connection.answer(await an_offer(), codecs={}, publications=())
