"""A room of the local server, from a page in Chromium, while packets are lost both ways."""

from __future__ import annotations

import asyncio
import random
from itertools import pairwise
from typing import Any, Final

import pytest
from aiortc.rtcdtlstransport import RTCDtlsTransport

from decart_widget.sandbox.track import TransformTrack
from tests.browser.test_bundle_room import Room, origin, room, server, shared

__all__ = ["origin", "room", "server", "shared"]  # fixtures

LOST: Final = 0.05
"""Share of packets that are lost."""

FRAMES: Final = 120
"""Transformed frames that a test waits for: four seconds at 30 frames/s."""

GAP_S: Final = 2.0
"""Longest time between transformed frames, by the camera's time stamps; aiortc alone has 6 s."""


class Loss:
    """Loses RTP and RTCP packets of the server's connections.

    Attributes:
        lost: How many.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lost = 0
        self._random = random.Random(1)
        for name in ("_handle_rtp_data", "_handle_rtcp_data", "_send_rtp"):
            self._thin(monkeypatch, name)

    def _thin(self, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        carry = getattr(RTCDtlsTransport, name)

        async def carry_most(*args: Any, **options: Any) -> None:
            if self._random.random() < LOST:
                self.lost += 1
            else:
                await carry(*args, **options)

        monkeypatch.setattr(RTCDtlsTransport, name, carry_most)


@pytest.fixture
def stamps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Time stamps, in seconds of the camera's clock, of the frames that the server transforms."""
    seen: list[float] = []
    receive = TransformTrack.recv

    async def receive_noted(track: TransformTrack) -> Any:
        frame = await receive(track)
        seen.append(float(frame.pts * frame.time_base))
        return frame

    monkeypatch.setattr(TransformTrack, "recv", receive_noted)
    return seen


@pytest.mark.local_rooms
async def test_a_rooms_picture_continues_while_packets_are_lost(
    room: Room, stamps: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    await room.begin()
    await room.moving()
    loss = Loss(monkeypatch)
    del stamps[:]
    shown = (await room.stats())["framesDecoded"]
    while len(stamps) < FRAMES:
        # Not `moving`, which would wait for ever for a picture that has stopped.
        await asyncio.sleep(0.1)
        states = await room.states()
        assert not {"stalled", "failed"} & set(states), f"{states} after {len(stamps)} frames"
    await room.moving(times=5)
    assert loss.lost, "nothing was lost"
    assert max(after - before for before, after in pairwise(stamps)) <= GAP_S
    assert (await room.stats())["framesDecoded"] - shown > FRAMES / 2
