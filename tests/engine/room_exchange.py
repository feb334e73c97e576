"""What a room's connection sends and receives in tests, without a worker."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final

import numpy as np

from decart_widget.engine.connection import ConnectionSettings, OutgoingFrame
from decart_widget.engine.room import RoomConnection
from decart_widget.errors import DecartError
from decart_widget.inputs.sources import marker
from tests.loopback.room_client import room_for
from tests.loopback.sandbox_client import client

LIMIT_S: Final = 40.0
"""Seconds to wait for a condition."""

WIDTH, HEIGHT, FPS = 320, 192, 20
"""Size in pixels and rate of the frames that are sent."""


class NumberedFrames:
    """Implements ``FrameExchange``: frames whose pictures carry their number.

    Attributes:
        handed_out: Frames that were given to the connection.
        sent: Frames of which it said that they were sent.
        received: For each picture: its number, the index of the frame that it was said to be made
            from, and whether that is exact.
        states: The states that were reported.
        errors: The errors that were reported.
    """

    def __init__(self, size: tuple[int, int] = (WIDTH, HEIGHT), fps: float = FPS) -> None:
        self._size = size
        self._fps = fps
        self._due = 0.0
        self.handed_out = self.sent = 0
        self.received: list[tuple[int | None, int | None, bool]] = []
        self.sizes: set[tuple[int, int]] = set()
        self.states: list[str] = []
        self.errors: list[DecartError] = []
        self._changed = asyncio.Event()

    async def next_frame(self) -> OutgoingFrame:
        now = asyncio.get_running_loop().time()
        self._due = max(self._due + 1 / self._fps, now)
        await asyncio.sleep(self._due - now)
        width, height = self._size
        index = self.handed_out
        picture = np.full((height * 3 // 2, width), 128, np.uint8)
        picture[:height] = 60 + index % 100
        marker.write(picture, index)
        self.handed_out += 1
        return OutgoingFrame(picture, index, index / self._fps, time.monotonic_ns())

    def frame_sent(self, frame: OutgoingFrame) -> None:
        assert frame.index < self.handed_out
        self.sent += 1

    def frame_received(
        self,
        planes: Sequence[np.ndarray],
        width: int,
        height: int,
        sent: OutgoingFrame | None,
        *,
        exact: bool,
    ) -> None:
        assert planes[0].shape == (height, width)
        self.sizes.add((width, height))
        index = None if sent is None else sent.index
        self.received.append((marker.read(planes[0]), index, exact))
        self._changed.set()

    def offer_made(self, sdp: str) -> None:
        raise AssertionError("a room has no offer")

    def changed(self, state: str) -> None:
        self.states.append(state)
        self._changed.set()

    def refused(self, error: DecartError) -> None:
        self.errors.append(error)
        self._changed.set()

    async def until(self, condition: Callable[[], Any]) -> None:
        """Waits until something that was reported makes the condition true."""
        try:
            async with asyncio.timeout(LIMIT_S):
                while not condition():
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:
            said = f"{self.states}, {self.errors}, {self.received[-3:]}"
            raise AssertionError(f"not within {LIMIT_S} s: {said}") from None

    async def frames(self, count: int) -> list[tuple[int | None, int | None, bool]]:
        """Waits for that many pictures from now on; returns them."""
        begin = len(self.received)
        await self.until(lambda: len(self.received) >= begin + count)
        return self.received[begin:]


def settings(codec: str = "AUTO", **options: Any) -> ConnectionSettings:
    size = {"width_px": WIDTH, "height_px": HEIGHT}
    return ConnectionSettings("livekit", codec, max_fps=FPS, loopback=True, **{**size, **options})


@asynccontextmanager
async def connected(
    exchange: NumberedFrames,
    info: dict[str, Any],
    codec: str = "AUTO",
) -> AsyncIterator[RoomConnection]:
    """A connection that joins a room; it is closed at the end."""
    connection = RoomConnection(settings(codec), exchange)
    connection.start()
    try:
        await connection.join(info["livekit_url"], info["token"])
        yield connection
    finally:
        await connection.close()


@asynccontextmanager
async def session(
    realtime_base_url: str,
    exchange: NumberedFrames,
    codec: str = "AUTO",
    *,
    prompt: str | None = "greyscale",
    frame_timing: bool = True,
    **query: Any,
) -> AsyncIterator[tuple[Any, dict[str, Any], RoomConnection]]:
    """A session whose camera is such a connection: its control channel, its room, and that."""
    async with client(realtime_base_url, **query) as control:
        info = await room_for(control, prompt, frame_timing=frame_timing)
        async with connected(exchange, info, codec) as connection:
            yield control, info, connection
