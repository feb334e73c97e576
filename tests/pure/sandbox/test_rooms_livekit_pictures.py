"""Pictures that the package `livekit` receives, from a stream of the test's."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

rtc = pytest.importorskip("livekit.rtc")


class Stream:
    """A stream whose only frame comes when the test sends it."""

    def __init__(self, *_: Any, **__: Any) -> None:
        self.frame: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.closed = False

    def __aiter__(self) -> Stream:
        return self

    async def __anext__(self) -> str:
        return await self.frame

    async def aclose(self) -> None:
        self.closed = True


@pytest.mark.parametrize("ticks", range(6))
async def test_a_reader_that_is_cancelled_while_a_frame_comes_ends(
    monkeypatch: pytest.MonkeyPatch, ticks: int
) -> None:
    from decart_widget.sandbox.rooms import livekit_pictures

    streams: list[Stream] = []

    def opened(*_: Any, **__: Any) -> Stream:
        streams.append(Stream())
        return streams[-1]

    monkeypatch.setattr(rtc, "VideoStream", opened)
    none: Any = None

    async def read() -> None:
        async for _ in livekit_pictures.pictures(none, none):
            await asyncio.sleep(0)  # a reader that is slower than the stream
            streams[0].frame = asyncio.get_running_loop().create_future()

    reader = asyncio.create_task(read())
    while not streams:
        await asyncio.sleep(0)
    for _ in range(5):
        await asyncio.sleep(0)
    streams[0].frame.set_result("frame")
    for _ in range(ticks):
        await asyncio.sleep(0)
    reader.cancel()
    async with asyncio.timeout(10):
        while not reader.done():
            await asyncio.sleep(0)
    assert reader.cancelled()
