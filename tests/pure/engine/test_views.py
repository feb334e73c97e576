"""Pictures for watchers: which frame is encoded when, how, and how large."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from decart_widget.engine.ring import FrameInfo
from decart_widget.engine.view_encoders import (
    H264Views,
    JpegViews,
    codec_string,
    fitted,
    scaled,
)
from decart_widget.engine.views import IN_FLIGHT, MAX_WATCHERS, Views

PATIENCE_S = 20.0


def grey(level: int, width: int = 64, height: int = 48) -> NDArray[np.uint8]:
    """An I420 picture of one grey level."""
    picture = np.full((height * 3 // 2, width), 128, np.uint8)
    picture[:height] = level
    return picture


@dataclass
class Desk:
    """Views whose pictures a test collects."""

    sent: list[tuple[dict[str, Any], bytes]] = field(default_factory=list)
    came: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.views = Views(self.take)
        self.frames = 0

    def take(self, fields: dict[str, Any], data: bytes) -> None:
        self.sent.append((fields, data))
        self.came.set()

    def watch(self, watcher: str = "p1", *, codec: str = "jpeg", attempt: int = 1) -> None:
        self.views.watch(watcher, attempt, ["output"], codec, (0, 0))

    def frame(self, level: int = 100, at: float = 0.0) -> None:
        self.frames += 1
        info = FrameInfo(self.frames, at, 0, attempt=1)
        self.views.received([grey(level)], info)

    async def until(self, met: Callable[[], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not met():
                self.came.clear()
                await self.came.wait()

    async def pictures(self, count: int) -> list[dict[str, Any]]:
        await self.until(lambda: len(self.sent) >= count)
        return [fields for fields, _ in self.sent]


async def test_a_watcher_without_credit_gets_two_pictures_and_no_more() -> None:
    desk = Desk()
    desk.watch()
    for number in range(IN_FLIGHT):
        desk.frame(at=float(number))
        await desk.pictures(number + 1)
    for number in range(10):
        desk.frame(at=10.0 + number)
    # Another watcher's pictures are encoded after those of the first one that are due.
    desk.watch("p2")
    await desk.until(lambda: any(fields["watcher"] == "p2" for fields, _ in desk.sent))
    assert [f["number"] for f, _ in desk.sent if f["watcher"] == "p1"] == [0, 1]


async def test_credit_gives_the_newest_frame_and_the_others_are_counted() -> None:
    desk = Desk()
    desk.watch()
    for number in range(IN_FLIGHT):
        desk.frame(at=float(number))
        await desk.pictures(number + 1)
    for number in range(2, 7):
        desk.frame(at=float(number))
    desk.views.shown("p1", 1, "output", 1)
    fields = (await desk.pictures(3))[2]
    assert (fields["number"], fields["at"], fields["dropped"]) == (2, 6.0, 4)


async def test_more_pictures_are_on_their_way_to_a_page_that_is_far() -> None:
    desk = Desk()
    desk.watch()
    shown = 0
    async with asyncio.timeout(PATIENCE_S):
        while len(desk.sent) - shown <= IN_FLIGHT:
            # Frames come all the time, and most of them find no credit.
            for _ in range(3):
                desk.frame()
                await asyncio.sleep(0.001)
            if len(desk.sent) - shown == IN_FLIGHT:
                desk.views.shown("p1", 1, "output", shown)
                shown += 1


async def test_only_a_picture_that_was_sent_is_credit() -> None:
    desk = Desk()
    desk.watch()
    for number in range(IN_FLIGHT):
        desk.frame(at=float(number))
        await desk.pictures(number + 1)
    desk.frame()
    for attempt, stream, number in ((1, "output", 7), (2, "output", 1), (1, "input", 1)):
        desk.views.shown("p1", attempt, stream, number)
        desk.views.shown("nobody", attempt, stream, number)
    desk.watch("p2")
    await desk.until(lambda: any(fields["watcher"] == "p2" for fields, _ in desk.sent))
    assert len([1 for fields, _ in desk.sent if fields["watcher"] == "p1"]) == IN_FLIGHT


async def test_watching_again_gives_credit_and_a_keyframe() -> None:
    desk = Desk()
    desk.watch(codec="h264")
    for number in range(IN_FLIGHT):
        desk.frame(at=float(number))
        await desk.pictures(number + 1)
    assert [fields["key"] for fields, _ in desk.sent] == [True, False]
    desk.watch(codec="h264")
    fields = (await desk.pictures(3))[2]
    assert (fields["number"], fields["key"]) == (2, True)


async def test_a_stream_of_h264_is_decoded_without_gaps() -> None:
    desk = Desk()
    desk.watch(codec="h264")
    levels = [60, 90, 120, 150, 180]
    for number, level in enumerate(levels):
        desk.frame(level)
        await desk.pictures(number + 1)
        desk.views.shown("p1", 1, "output", number)
    decoder: Any = av.CodecContext.create("h264", "r")
    decoded = []
    for _fields, data in desk.sent:
        decoded += decoder.decode(av.Packet(data))
    decoded += decoder.decode(None)
    assert [round(float(f.to_ndarray()[:48].mean())) for f in decoded] == pytest.approx(
        levels, abs=4
    )
    assert {fields["config"] for fields, _ in desk.sent} == {codec_string(desk.sent[0][1])}


async def test_who_watches_nothing_gets_nothing_and_costs_nothing() -> None:
    desk = Desk()
    desk.frame()
    assert not desk.views._newest
    desk.watch()
    desk.views.watch("p1", 1, [], "jpeg", (0, 0))
    desk.frame()
    assert not desk.views._newest
    desk.watch("p2")
    desk.frame()
    await desk.pictures(1)
    assert {fields["watcher"] for fields, _ in desk.sent} == {"p2"}


async def test_the_first_of_too_many_watchers_is_left_out() -> None:
    desk = Desk()
    for number in range(MAX_WATCHERS + 1):
        desk.watch(f"p{number}")
    desk.frame()
    pictures = await desk.pictures(MAX_WATCHERS)
    assert {p["watcher"] for p in pictures} == {f"p{n}" for n in range(1, MAX_WATCHERS + 1)}


async def test_an_attempt_that_is_over_is_not_watched() -> None:
    desk = Desk()
    desk.watch("p1")
    desk.views.clear()
    desk.frame()
    desk.watch("p2", attempt=2)
    desk.frame()
    assert [(p["watcher"], p["attempt"]) for p in await desk.pictures(1)] == [("p2", 2)]


async def test_an_encoder_that_fails_ends_its_view_only() -> None:
    class Broken:
        def encode(self, *_: Any, **__: Any) -> None:
            raise RuntimeError("no memory")

    desk = Desk()
    desk.views.encoder = lambda _codec: Broken()
    desk.watch("broken")
    desk.views.encoder = lambda _codec: JpegViews()
    desk.watch("p1")
    desk.frame()
    await desk.pictures(1)
    assert [fields["watcher"] for fields, _ in desk.sent] == ["p1"]


@pytest.mark.parametrize(
    ("size", "limit", "expected"),
    [
        ((1280, 720), (0, 0), (1280, 720)),
        ((1280, 720), (4000, 4000), (1280, 720)),
        ((1280, 720), (640, 640), (640, 360)),
        ((1280, 720), (641, 361), (640, 360)),
        ((720, 1280), (640, 640), (360, 640)),
        ((1280, 720), (3, 3), (16, 16)),
    ],
)
def test_pictures_are_scaled_down_and_never_up(
    size: tuple[int, int], limit: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert fitted(*size, limit) == expected
    assert scaled(grey(50, *size), limit).shape == (expected[1] * 3 // 2, expected[0])


def test_the_stream_names_its_colours() -> None:
    encoded = H264Views().encode(grey(100), key=True, limit=1_000_000)
    assert encoded is not None
    assert encoded.config is not None
    assert encoded.config.startswith("avc1.42")
    decoder: Any = av.CodecContext.create("h264", "r")
    frames = decoder.decode(av.Packet(encoded.data)) + decoder.decode(None)
    assert (frames[0].colorspace, frames[0].color_range) == (6, 1)


def test_a_jpeg_has_the_colours_of_the_picture() -> None:
    picture = grey(81)
    picture[48:60], picture[60:] = 90, 240  # red, in BT.601
    encoded = JpegViews().encode(picture, key=True, limit=1_000_000)
    assert encoded is not None
    image = cv2.imdecode(np.frombuffer(encoded.data, np.uint8), cv2.IMREAD_COLOR_RGB)
    assert image is not None
    assert image[20, 20] == pytest.approx([255, 0, 0], abs=6)


@pytest.mark.parametrize("encoder", [JpegViews(), H264Views()])
def test_a_picture_that_is_too_large_for_a_message_is_left_out(encoder: Any) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (96, 64), np.uint8)
    assert encoder.encode(noise, key=True, limit=50) is None
