"""Packet trailers: a frame's metadata comes back with the picture that was made from it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from livekit import rtc

from decart_widget.sandbox.rooms import registry
from decart_widget.sandbox.rooms.livekit_api import LiveKitServer
from decart_widget.sandbox.server import SandboxServer
from tests.loopback.meeting import livekit_server
from tests.loopback.room_client import (
    RoomUser,
    joined,
    request_viewer_room,
    room_for,
)
from tests.loopback.room_livekit import bridge_on
from tests.loopback.sandbox_client import KEY, Picture, client
from tools.livekit import LiveKitProcess

WIDTH, HEIGHT, FPS = 320, 192, 15
"""Size in pixels and frame rate of the camera."""

BITS = 10
"""The bars at the lower edge of a picture are the bits of its number: black is 0, white is 1."""

BAR = WIDTH // BITS
"""Width of a bar in pixels."""


def numbered_picture(number: int) -> np.ndarray:
    picture = np.full((HEIGHT, WIDTH, 3), (200, 50, 40), np.uint8)
    for bit in range(BITS):
        picture[HEIGHT // 2 :, bit * BAR : (bit + 1) * BAR] = 255 * (number >> bit & 1)
    return picture


def number_in(picture: np.ndarray) -> int:
    bars = picture[HEIGHT // 2 + 20 :, : BITS * BAR].reshape(-1, BITS, BAR, 3)
    bright = bars[:, :, 8:-8].mean(axis=(0, 2, 3)) > 128
    return sum(int(bar) << bit for bit, bar in enumerate(bright))


def metadata_of(number: int) -> rtc.FrameMetadata:
    """The metadata with which that picture was sent; with them no packet may get too long."""
    return rtc.FrameMetadata(
        user_timestamp=1_700_000_000_000_000 + number,
        frame_id=1 + number,
        user_data=bytes(range(60, 160)),
    )


class NumberedUser(RoomUser):
    """A participant whose camera numbers its pictures, and sends each number as metadata too.

    Attributes:
        received: Number in the picture, and metadata, of each frame that it received.
    """

    def __init__(self) -> None:
        super().__init__((WIDTH, HEIGHT))
        self.received: list[tuple[int, rtc.FrameMetadata | None]] = []

    async def frames(self, count: int) -> list[tuple[int, rtc.FrameMetadata | None]]:
        """The next frames."""
        begin = len(self.received)
        await self.picture_that(lambda _: len(self.received) >= begin + count)
        return self.received[begin:]

    def has_gaps(self) -> bool:
        """Whether frames between those that it received were dropped."""
        numbers = [number for number, _ in self.received]
        return any(after > before + 1 for before, after in pairwise(numbers))

    async def _capture_video(self, source: rtc.VideoSource) -> None:
        loop = asyncio.get_running_loop()
        began = loop.time()
        while True:
            number = self.filmed % (1 << BITS)
            data = numbered_picture(number).tobytes()
            frame = rtc.VideoFrame(WIDTH, HEIGHT, rtc.VideoBufferType.RGB24, data)
            source.capture_frame(frame, metadata=metadata_of(number))
            self.filmed += 1
            await asyncio.sleep(max(0.0, began + self.filmed / FPS - loop.time()))

    def _take(self, picture: Picture, event: rtc.VideoFrameEvent) -> None:
        self.received.append((number_in(picture), event.metadata))
        super()._take(picture, event)


@asynccontextmanager
async def session(
    sandbox: SandboxServer, codec: str = "h264", *, frame_timing: bool = True
) -> AsyncIterator[tuple[NumberedUser, dict[str, Any]]]:
    """A session's owner, which publishes, and the credentials of its room."""
    async with client(sandbox.realtime_base_url) as control:
        info = await room_for(control, frame_timing=frame_timing)
        async with joined(NumberedUser(), info) as user:
            await user.publish(codec, simulcast=False, trailers=True)
            yield user, info


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_each_picture_has_the_trailer_of_the_frame_that_it_was_made_from(codec: str) -> None:
    async with SandboxServer(api_key=KEY) as sandbox, session(sandbox, codec) as (user, _):
        for number, metadata in await user.frames(40):
            assert metadata == metadata_of(number)


async def test_frames_that_a_slow_model_drops_displace_no_trailer() -> None:
    def slow(frame: np.ndarray, _prompt: str | None, _image: np.ndarray | None) -> np.ndarray:
        time.sleep(2.5 / FPS)
        return frame

    async with SandboxServer(slow, api_key=KEY) as sandbox, session(sandbox) as (user, _):
        await user.picture_that(lambda _: len(user.received) >= 12 and user.has_gaps())
        for number, metadata in user.received:
            assert metadata == metadata_of(number)


async def test_a_subscriber_that_reads_no_trailers_gets_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read = registry.read_join_request

    def without_capabilities(path: str, *, single_pc: bool) -> Any:
        request = read(path, single_pc=single_pc)
        request.client_info.ClearField("capabilities")
        return request

    async with SandboxServer(api_key=KEY) as sandbox, session(sandbox) as (owner, info):
        await owner.frames(1)
        monkeypatch.setattr(registry, "read_join_request", without_capabilities)
        viewer_info = (await request_viewer_room(sandbox.base_url, info["room_name"])).json()
        async with joined(NumberedUser(), viewer_info) as viewer:
            # This client would remove a trailer and report its content, if there were one.
            assert [metadata for _, metadata in await viewer.frames(10)] == [None] * 10
            for number, metadata in await owner.frames(10):
                assert metadata == metadata_of(number)


async def test_a_session_that_does_not_ask_for_trailers_gets_none() -> None:
    async with (
        SandboxServer(api_key=KEY) as sandbox,
        session(sandbox, frame_timing=False) as (user, _),
    ):
        assert [metadata for _, metadata in await user.frames(10)] == [None] * 10
        (server,) = user.room.remote_participants.values()
        (publication,) = server.track_publications.values()
        assert publication.frame_metadata_features == []


@pytest.mark.parametrize("server", ["stand-in", pytest.param("real", marks=pytest.mark.livekit)])
async def test_trailers_come_back_through_a_livekit_server(
    server: str, request: pytest.FixtureRequest
) -> None:
    async with AsyncExitStack() as stack:
        if server == "real":
            real: LiveKitProcess = request.getfixturevalue("livekit")
            sandbox = await stack.enter_async_context(bridge_on(real))
        else:
            key, secret = "devkey", "a-secret-that-is-long-enough-for-hs256"
            url, _ = await stack.enter_async_context(livekit_server(key, secret))
            livekit = LiveKitServer(url, key, secret)
            sandbox = await stack.enter_async_context(SandboxServer(livekit=livekit, api_key=KEY))
        user, _ = await stack.enter_async_context(session(sandbox))
        for number, metadata in await user.frames(30):
            assert metadata == metadata_of(number)
