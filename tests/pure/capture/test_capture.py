"""Stills, frames and clips, from the kernel's side: a page that says what a test says."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from decart_widget.capture.containers import join
from decart_widget.capture.frames import HELD_BACK_S, STALE_S, Frame, Frames
from decart_widget.capture.pictures import to_array
from decart_widget.capture.recording import Recording, checked_path
from decart_widget.capture.snapshot import snapshot
from decart_widget.capture.taps import MAX_TAPS, Taps
from decart_widget.diagnostics.log import Log
from decart_widget.errors import DecartError, InvalidPathError, MediaError
from decart_widget.session.background import Background


class Page:
    """The source and the link of its ``taps``; ``on_tap`` is what the page does when asked."""

    def __init__(self) -> None:
        self.said: list[tuple[str, Any]] = []
        self.is_active = True
        self.taps = Taps(self, self, Log())
        self.on_tap: Any = lambda _request: None
        self.on_untap: Any = lambda _number: None
        self.on_credit: Any = lambda _number, _frames: None

    def tap(self, request: Mapping[str, Any]) -> None:
        self.said.append(("tap", request))
        asyncio.get_running_loop().call_soon(self.on_tap, request)

    def recording(self, state: str, name: str, text: str = "") -> None:
        self.said.append(("recording", (state, name, text)))

    def credit(self, number: int, frames: int) -> None:
        self.said.append(("credit", frames))
        asyncio.get_running_loop().call_soon(self.on_credit, number, frames)

    def untap(self, number: int) -> None:
        self.said.append(("untap", number))
        asyncio.get_running_loop().call_soon(self.on_untap, number)

    def piece(self, data: bytes, number: int = 1, *, last: bool = True, **detail: Any) -> None:
        message = {"type": "piece", "id": number, "last": last, "detail": detail, "data": data}
        self.taps.receive(message)

    def say(self, state: str, number: int = 1, **detail: Any) -> None:
        self.taps.receive({"type": "tapped", "id": number, "state": state, "detail": detail})


@pytest.fixture
def page() -> Page:
    return Page()


def png(value: int = 200) -> bytes:
    picture = np.full((4, 6, 3), (0, 0, value), np.uint8)  # BGR: red
    return bytes(cv2.imencode(".png", picture)[1])


# --- stills -----------------------------------------------------------------------------------


async def test_a_still_comes_in_pieces_and_is_an_rgb_array(page: Page) -> None:
    data = png()

    def give(_request: Any) -> None:
        page.piece(data[:20], last=False)
        page.piece(data[20:])

    page.on_tap = give
    picture = await snapshot(page.taps, "output")
    assert picture.shape == (4, 6, 3)
    assert picture.dtype == np.uint8
    assert tuple(picture[0, 0]) == (200, 0, 0)
    assert len(page.taps) == 0


@pytest.mark.parametrize("bad", [b"", b"junk", b"\x89PNG\r\n\x1a\n" + bytes(40)])
async def test_what_is_no_picture_is_an_error(page: Page, bad: bytes) -> None:
    page.on_tap = lambda _request: page.piece(bad)
    with pytest.raises(MediaError, match="can't be read"):
        await snapshot(page.taps, "output")


async def test_pictures_are_decoded_on_one_thread_each_into_an_array_of_its_own() -> None:
    values = list(range(0, 240, 20))
    pictures = await asyncio.gather(*(to_array(png(value)) for value in values))
    assert [int(picture[0, 0, 0]) for picture in pictures] == values
    assert sum(thread.name.startswith("decart-pictures") for thread in threading.enumerate()) == 1


async def test_a_page_that_can_not_says_why(page: Page) -> None:
    page.on_tap = lambda _request: page.say("failed", reason="unsupported")
    with pytest.raises(MediaError, match="browser can't"):
        await snapshot(page.taps, "input")


async def test_the_end_of_a_session_ends_what_waits(page: Page) -> None:
    page.on_tap = lambda _request: page.taps.end_all()
    with pytest.raises(MediaError, match="ended before"):
        await snapshot(page.taps, "output")


async def test_a_page_gets_only_so_many_taps_and_may_say_nothing_unasked(page: Page) -> None:
    waits = [asyncio.ensure_future(snapshot(page.taps, "output")) for _ in range(MAX_TAPS)]
    await asyncio.sleep(0)
    with pytest.raises(MediaError, match="open already"):
        await snapshot(page.taps, "output")
    page.piece(b"x", number=99)
    page.taps.receive({"type": "piece", "id": 1, "last": True, "detail": None})  # without bytes
    page.taps.end_all()
    outcomes = await asyncio.gather(*waits, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {MediaError}


async def test_a_page_that_was_reloaded_is_asked_again(page: Page) -> None:
    wait = asyncio.ensure_future(snapshot(page.taps, "output"))
    await asyncio.sleep(0)
    page.taps.ask_again()
    assert [what for what, _ in page.said] == ["tap", "tap"]
    page.piece(b"half of", last=False)
    page.say("began")  # the new page's; what the old one gave is forgotten
    page.piece(png())
    assert (await wait).shape == (4, 6, 3)


# --- frames -----------------------------------------------------------------------------------


class Here:
    """A background that is the test's own loop, with a clock that the test sets."""

    def __init__(self) -> None:
        self.loop = self
        self.now = 0.0
        self._soon = asyncio.get_running_loop().call_soon

    def time(self) -> float:
        return self.now

    def call(self, function: Any, *args: Any) -> None:
        self._soon(function, *args)


def frames_of(page: Page, here: Here | None = None, **options: Any) -> Frames:
    given = {"which": "output", "fps": None, "size": None, **options}
    return Frames(page.taps, here or Here(), **given)  # type: ignore[arg-type]


def granted(page: Page) -> int:
    return sum(count for what, count in page.said if what == "credit")


async def waiting(page: Page, here: Here) -> tuple[Frames, asyncio.Future[Frame]]:
    """A reader whose page has got its first credit."""
    page.on_tap = lambda _request: page.say("began")
    frames = frames_of(page, here)
    first = asyncio.ensure_future(anext(frames))
    while not granted(page):
        await asyncio.sleep(0)
    return frames, first


async def test_frames_come_for_credit_few_at_a_time_and_in_order(page: Page) -> None:
    clock = iter(range(1, 1000))
    page.on_tap = lambda _request: page.say("began")
    out = 0

    def give(_number: int, count: int) -> None:
        nonlocal out
        out += count
        assert out <= 3, "two on their way, and a credit"
        for _ in range(count):
            out -= 1
            page.piece(png(), at=1000 * next(clock), dropped=0)

    page.on_credit = give
    frames = frames_of(page, fps=10.0, size=(6, 4))
    seen = []
    async for image, time in frames:
        assert image.shape == (4, 6, 3)
        seen.append(time)
        if len(seen) == 20:
            break
    await frames.aclose()
    assert seen == sorted(set(seen))
    await asyncio.sleep(0)
    assert len(page.taps) == 0
    with pytest.raises(StopAsyncIteration):
        await anext(frames)


async def test_who_comes_late_gets_the_newest_and_what_was_missed_is_counted(page: Page) -> None:
    page.on_tap = lambda _request: page.say("began")
    frames = frames_of(page)
    first = asyncio.ensure_future(anext(frames))
    await asyncio.sleep(0.01)
    page.piece(png(10), at=1000)
    assert (await first).image[0, 0, 0] == 10
    page.piece(png(20), at=2000)
    page.piece(png(30), at=3000, dropped=5)
    frame = await anext(frames)
    assert (frame.image[0, 0, 0], frame.time) == (30, 3.0)
    assert frames.dropped == 6
    assert granted(page) <= 3 + 3, "two beyond those that came, and one on its way"


@pytest.mark.parametrize(("after", "out"), [(0.0, 3), (HELD_BACK_S - 0.01, 3), (HELD_BACK_S, 2)])
async def test_a_credit_that_may_still_be_on_its_way_is_not_counted(
    page: Page, after: float, out: int
) -> None:
    here = Here()
    _frames, first = await waiting(page, here)
    assert granted(page) == 2
    page.piece(png(), at=1000)
    here.now += after  # the reader's loop was busy for so long
    await first
    assert granted(page) - 1 == out


async def test_a_frame_that_waited_too_long_for_its_reader_is_no_frame_of_now(page: Page) -> None:
    here = Here()
    frames, first = await waiting(page, here)
    page.piece(png(10), at=1000)
    await first
    page.piece(png(20), at=2000)
    here.now += STALE_S + 0.01
    second = asyncio.ensure_future(anext(frames))
    while frames.dropped < 1:
        await asyncio.sleep(0)
    page.piece(png(30), at=3000)
    assert (await second).time == 3.0


async def test_frames_that_nobody_reads_any_more_are_let_go_of(page: Page) -> None:
    def give(number: int, count: int) -> None:
        for _ in range(count):
            page.piece(png(), number, at=1000)

    page.on_tap = lambda request: page.say("began", request["id"])
    page.on_credit = give
    for _ in range(3 * MAX_TAPS):
        async for image, _time in frames_of(page):
            assert image.size
            break
        gc.collect()
        await asyncio.sleep(0)
    assert len(page.taps) <= 1


async def test_frames_end_with_the_session_and_need_one(page: Page) -> None:
    page.on_tap = lambda _request: page.taps.end_all()
    with pytest.raises(StopAsyncIteration):
        await anext(frames_of(page))
    page.is_active = False
    with pytest.raises(MediaError, match="no session"):
        await anext(frames_of(page))


# --- clips ------------------------------------------------------------------------------------


def clip(path: Path, *, seconds: float = 1.0, size: tuple[int, int] = (64, 48)) -> bytes:
    """What a browser's recorder gives: VP8 in WebM, live, without length or index."""
    with av.open(path, "w", format="webm", options={"live": "1"}) as sink:
        stream = sink.add_stream("libvpx", rate=30)
        stream.width, stream.height = size
        stream.pix_fmt = "yuv420p"
        for number in range(round(seconds * 30)):
            picture = np.full((size[1], size[0], 3), number * 5 % 256, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            sink.mux(stream.encode(frame))
        sink.mux(stream.encode(None))
    return path.read_bytes()


def probe(path: Path) -> tuple[float, int, str]:
    """Seconds, pictures and codec; it can be searched."""
    with av.open(path) as source:
        stream = source.streams.video[0]
        assert source.duration is not None
        seconds = source.duration / av.time_base
        count = sum(1 for _ in source.decode(video=0))
        source.seek(round(seconds / 2 * av.time_base))
        assert next(source.decode(video=0)).time is not None
        return seconds, count, stream.codec_context.name


@pytest.mark.parametrize(("suffix", "codec"), [(".webm", "vp8"), (".mp4", "h264")])
def test_a_recorded_stream_becomes_a_file_with_length_and_index(
    tmp_path: Path, suffix: str, codec: str
) -> None:
    clip(tmp_path / "a.part1")
    target = tmp_path / f"clip{suffix}.unfinished"
    join([tmp_path / "a.part1"], target)
    seconds, count, name = probe(target)
    assert abs(seconds - 1) < 0.1
    assert count == 30
    assert name == codec


def test_what_went_on_after_a_reconnect_is_one_clip(tmp_path: Path) -> None:
    clip(tmp_path / "a.part1")
    clip(tmp_path / "a.part2", size=(96, 64))
    (tmp_path / "a.part3").write_bytes(b"the end of a page that was killed")
    target = tmp_path / "clip.mp4.unfinished"
    join([tmp_path / f"a.part{n}" for n in (1, 2, 3)], target)
    seconds, count, _ = probe(target)
    assert abs(seconds - 2) < 0.15
    assert count == 60


@pytest.mark.parametrize("parts", [1, 2])
def test_pictures_of_the_same_millisecond_are_no_obstacle(tmp_path: Path, parts: int) -> None:
    part = tmp_path / "a.part1"
    with av.open(part, "w", format="matroska") as sink:
        stream = sink.add_stream("libx264", rate=30, options={"tune": "zerolatency"})
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        packets = []
        for number in range(30):
            picture = np.full((48, 64, 3), number * 8, np.uint8)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts = number
            packets += stream.encode(frame)
        for number, packet in enumerate([*packets, *stream.encode(None)]):
            packet.time_base = Fraction(1, 1000)
            packet.pts = packet.dts = 33 * (number - number % 3)  # three at once
            sink.mux(packet)
    target = tmp_path / "clip.mp4.unfinished"
    join([part] * parts, target)
    assert probe(target)[1] == 30 * parts


def test_a_recording_without_a_picture_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.part1").write_bytes(b"")
    with pytest.raises(MediaError, match="no picture"):
        join([tmp_path / "a.part1"], tmp_path / "clip.mp4")


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("clip.avi", "no suffix of a clip"),
        ("clip", "no suffix of a clip"),
        ("folder.mp4", "is a folder"),
        ("nowhere/clip.mp4", "There is no folder"),
        ("there.mp4", "exists"),
    ],
)
def test_a_path_that_can_not_be_written_is_refused_at_once(
    tmp_path: Path, name: str, why: str
) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "there.mp4").write_bytes(b"precious")
    with pytest.raises(InvalidPathError, match=why) as refused:
        checked_path(tmp_path / name, overwrite=False)
    assert refused.value.remedy
    assert checked_path(tmp_path / "there.mp4", overwrite=True).name == "there.mp4"


def recording_of(page: Page, path: Path, seconds: float | None = None) -> Recording:
    return Recording(page.taps, Background.get(), path, "output", seconds, lambda _: None)


def test_a_clip_is_written_while_it_comes_and_becomes_the_file(page: Page, tmp_path: Path) -> None:
    data = clip(tmp_path / "made.webm")
    path = tmp_path / "clip.mp4"
    seen: list[int] = []

    def give(_request: Any) -> None:
        page.say("began", since=100)
        page.piece(data[:1000])
        seen.append((tmp_path / "clip.mp4.part1").stat().st_size)
        page.piece(data[1000:], seconds=1.5)
        page.taps.stop(1)

    page.on_tap = give
    page.on_untap = lambda _number: page.say("ended")
    recording = recording_of(page, path)
    assert recording.result(20) == path
    assert seen == [1000]
    assert recording.state == "saved"
    assert recording.bytes == len(data)
    assert recording.seconds == 1.5, "as the page has measured"
    assert probe(path)[1] == 30
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", "made.webm"]


def test_what_a_page_gave_before_it_was_killed_is_kept(page: Page, tmp_path: Path) -> None:
    data = clip(tmp_path / "made.webm")
    (tmp_path / "clip.webm.part1").write_bytes(b"of an earlier recording that broke")

    def give(_request: Any) -> None:
        page.say("began")
        page.piece(data[: len(data) * 3 // 4])
        page.taps.close(1, MediaError("The page is gone.", remedy="Reload it."))

    page.on_tap = give
    recording = recording_of(page, tmp_path / "clip.webm")
    with pytest.raises(MediaError, match="page is gone"):
        recording.result(20)
    assert 10 < probe(tmp_path / "clip.webm")[1] <= 30
    assert (tmp_path / "clip.webm.part1").read_bytes().startswith(b"of an earlier")


def test_a_picture_that_takes_anothers_place_goes_on_in_the_same_clip(
    page: Page, tmp_path: Path
) -> None:
    data = clip(tmp_path / "made.webm")

    def give(_request: Any) -> None:
        for _ in range(2):
            page.say("began")
            page.piece(data)
        page.say("ended")

    page.on_tap = give
    path = recording_of(page, tmp_path / "clip.mp4").result(20)
    assert probe(path)[1] == 60


def test_a_recording_that_never_began_leaves_nothing(page: Page, tmp_path: Path) -> None:
    page.is_active = False
    recording = recording_of(page, tmp_path / "clip.mp4")
    with pytest.raises(DecartError, match="no session"):
        recording.result(20)
    assert recording.state == "failed"
    assert list(tmp_path.iterdir()) == []
