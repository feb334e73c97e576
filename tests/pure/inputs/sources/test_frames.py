from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from typing import Any, Final

import numpy as np
import pytest
from PIL import Image

from decart_widget.errors import SourceError
from decart_widget.inputs.sources.frames import Frames
from decart_widget.inputs.sources.frames_reader import THREAD_NAME
from decart_widget.inputs.sources.reader import ReadFrame, Target

TARGET: Final = Target(64, 36, 30)


def picture(level: int = 100, shape: tuple[int, ...] = (36, 64, 3)) -> Any:
    return np.full(shape, level, np.uint8)


def frames_of(source: Frames, target: Target = TARGET, limit: int = 100) -> list[ReadFrame]:
    reader = source.reader(target)
    frames: list[ReadFrame] = []
    while len(frames) < limit and (frame := reader.read()) is not None:
        frames.append(frame)
    reader.close()
    return frames


def levels(frames: list[ReadFrame]) -> list[int]:
    """The grey levels, 0 to 255, of frames that were pictures of one level."""
    return [round((int(frame.picture[10, 10]) - 16) * 255 / 219) for frame in frames]


async def made_async(*pictures: Any) -> AsyncIterator[Any]:
    for item in pictures:
        await asyncio.sleep(0)
        yield item


class Capture:
    """Has the methods of a ``cv2.VideoCapture``, and three frames of blue, in BGR."""

    def __init__(self, *, is_open: bool = True) -> None:
        self.left = 3
        self.is_open = is_open

    def isOpened(self) -> bool:  # noqa: N802
        return self.is_open

    def read(self) -> Any:
        self.left -= 1
        if self.left < 0:
            return False, None
        blue = picture(0)
        blue[..., 0] = 255
        return True, blue

    def grab(self) -> bool:
        return True

    def retrieve(self) -> Any:
        return False, None

    def get(self, number: int) -> float:
        return {5: 25.0, 7: 3.0}.get(number, 0.0)


THREE: Final = [picture(40), picture(80), picture(120)]


def callable_of_three() -> Any:
    left = iter(THREE)
    return lambda: next(left, None)


def async_callable_of_three() -> Any:
    left = iter(THREE)

    async def next_picture() -> Any:
        await asyncio.sleep(0)
        return next(left, None)

    return next_picture


@pytest.mark.parametrize(
    "make",
    [
        lambda: list(THREE),
        lambda: tuple(THREE),
        lambda: iter(THREE),
        lambda: (item for item in THREE),
        lambda: np.stack(THREE),
        lambda: np.stack(THREE).transpose(0, 3, 1, 2),
        lambda: list(np.stack(THREE)[..., 0]),
        lambda: np.stack(THREE)[..., :1],
        lambda: np.stack(THREE).astype(np.float32) / 255,
        lambda: made_async(*THREE),
        callable_of_three,
        async_callable_of_three,
        lambda: [Image.fromarray(item) for item in THREE],
    ],
)
def test_frames_come_from_whatever_gives_them(make: Any) -> None:
    frames = frames_of(Frames(make(), fps=10))
    assert levels(frames) == pytest.approx([40, 80, 120], abs=1)
    assert [frame.index for frame in frames] == [0, 1, 2]
    assert [frame.source_time for frame in frames] == pytest.approx([0, 0.1, 0.2])
    assert frames[0].picture.shape == (54, 64)
    assert frames[0].picture.flags.c_contiguous


def test_a_capture_is_read_in_rgb_at_its_rate_until_it_ends() -> None:
    source = Frames(Capture())
    reader = source.reader(TARGET)
    assert (reader.fps, reader.frame_count) == (25, 3)
    frames = frames_of(source)
    assert len(frames) == 3
    assert frames[0].picture[36, 10] > 200  # U of blue
    with pytest.raises(SourceError, match="isn't open"):
        Frames(Capture(is_open=False))


def test_frames_without_fps_are_as_many_as_the_model_takes() -> None:
    assert len(frames_of(Frames(iter(THREE)), Target(64, 36, 10))) == 3
    reader = Frames(THREE).reader(Target(64, 36, 20))
    assert (reader.fps, reader.frame_count, reader.duration_s) == (20, 3, 3 / 20)


def test_of_more_frames_than_the_model_takes_those_between_are_skipped() -> None:
    source = Frames(np.stack([picture(level) for level in range(0, 200, 20)]), fps=60)
    reader = source.reader(TARGET)
    assert (reader.fps, reader.frame_count) == (30, 5)
    frames = frames_of(source)
    assert [frame.index for frame in frames] == [0, 2, 4, 6, 8]


def test_items_may_have_times() -> None:
    source = Frames([(100.0, picture()), (np.float64(100.5), picture()), (102, picture())])
    assert [frame.source_time for frame in frames_of(source)] == pytest.approx([0, 0.5, 2])


@pytest.mark.parametrize(
    ("items", "message"),
    [
        ([(1.0, picture()), (1.0, picture())], r"Frame 1 has the time 1 s, after 1 s"),
        ([(1.0, picture()), picture()], "Frame 1 has no time"),
        ([picture(), (1.0, picture())], "Frame 1 has a time"),
        ([(0.0, 1.0, picture())], "is a tuple"),
        ([(float("nan"), picture())], "has the time nan"),
        ([picture(), "text"], "Frame 1 is a str"),
        ([picture(), None], "Frame 1 is a NoneType"),
        ([picture(), picture(0, (36, 64, 2))], r"Frame 1 has the shape \(36, 64, 2\)"),
    ],
)
def test_a_wrong_item_ends_the_source_and_is_named(items: Any, message: str) -> None:
    reader = Frames(iter(items)).reader(TARGET)
    with pytest.raises(SourceError, match=message) as caught:
        _ = [reader.read() for _ in range(3)]
    assert caught.value.remedy
    assert reader.read() is None


@pytest.mark.parametrize("items", [[], (), made_async(), lambda: None, iter(())])
def test_no_frame_at_all_is_an_error(items: Any) -> None:
    with pytest.raises(SourceError, match=r"no frame"):
        frames_of(Frames(items))


@pytest.mark.parametrize("error", [ValueError("no"), SystemExit(3), KeyboardInterrupt()])
def test_what_the_caller_s_code_raises_is_the_cause(error: BaseException) -> None:
    def broken() -> Iterator[Any]:
        yield picture()
        raise error

    reader = Frames(broken()).reader(TARGET)
    assert reader.read() is not None
    with pytest.raises(SourceError, match=type(error).__name__) as caught:
        reader.read()
    assert caught.value.__cause__ is error
    assert error.__traceback__ is not None
    names = []
    trace: Any = error.__traceback__
    while trace is not None:
        names.append(trace.tb_frame.f_code.co_name)
        trace = trace.tb_next
    assert names[-1] == "broken"


def test_the_caller_s_code_runs_on_a_thread_of_its_own_that_ends() -> None:
    threads = []

    def function() -> Any:
        threads.append(threading.current_thread())
        return picture() if len(threads) < 3 else None

    frames_of(Frames(function))
    assert {thread.name for thread in threads} == {THREAD_NAME}
    threads[0].join(30)
    assert not threads[0].is_alive()


def test_no_frame_is_made_before_it_is_asked_for() -> None:
    calls: list[int] = []

    def function() -> Any:
        calls.append(1)
        return picture()

    reader = Frames(function).reader(TARGET)
    assert calls == []
    reader.read()
    reader.read()
    reader.close()
    assert len(calls) == 2


def test_a_read_ends_when_the_reader_is_closed_while_the_code_does_not_return() -> None:
    entered, leave = threading.Event(), threading.Event()

    def function() -> Any:
        entered.set()
        leave.wait(60)
        return picture()

    reader = Frames(function).reader(TARGET)
    results = []
    thread = threading.Thread(target=lambda: results.append(reader.read()))
    thread.start()
    assert entered.wait(30)
    reader.close()
    thread.join(30)
    assert results == [None]
    leave.set()
    reader.close()


def test_an_async_iterable_runs_on_the_loop_that_is_given() -> None:
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    loops = []

    async def made() -> AsyncIterator[Any]:
        loops.append(asyncio.get_running_loop())
        yield picture()

    try:
        assert len(frames_of(Frames(made(), loop=loop))) == 1
        assert loops == [loop]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join(30)
        loop.close()


def test_what_can_be_iterated_again_begins_anew_and_a_generator_goes_on() -> None:
    assert [len(frames_of(source)) for source in [Frames(THREE)] * 2] == [3, 3]
    source = Frames(iter(THREE))
    assert levels(frames_of(source, limit=1)) == [40]
    assert levels(frames_of(source)) == pytest.approx([80, 120], abs=1)


def test_memory_may_be_used_again_for_the_next_frame() -> None:
    def made() -> Iterator[Any]:
        buffer = picture()
        for level in (40, 80, 120):
            buffer[:] = level
            yield buffer

    assert levels(frames_of(Frames(made()))) == pytest.approx([40, 80, 120], abs=1)


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("clip.mp4", "got a path"),
        (b"bytes", "got a bytes"),
        ({}, "got a dict"),
        (5, "got a int"),
        (None, "got a NoneType"),
        (Image.new("RGB", (64, 36)), "got a Image"),
        (picture(), "that is one picture"),
        (picture()[..., 0], "that is one picture"),
        (np.zeros((0, 36, 64, 3), np.uint8), "no frames"),
        (np.zeros((5,), np.uint8), r"has the shape \(5,\)"),
        (np.zeros((2, 36, 64, 2), np.uint8), r"\(36, 64, 2\)"),
        (np.zeros((2, 36, 64, 3), np.int64), "int64"),
        ([np.zeros((36, 64, 3), np.int32)], "int32"),
        ([], "list is empty"),
    ],
)
def test_what_is_no_source_of_frames_is_refused(value: Any, message: str) -> None:
    with pytest.raises(SourceError, match=message) as caught:
        Frames(value)
    assert caught.value.remedy


def test_grey_frames_may_be_one_array() -> None:
    assert len(frames_of(Frames(np.zeros((5, 36, 64), np.uint8)))) == 5
    with pytest.raises(SourceError, match="one picture"):  # or three grey ones
        Frames(np.zeros((3, 36, 64), np.uint8))


def test_a_generator_function_has_to_be_called() -> None:
    def made() -> Iterator[Any]:
        yield picture()

    with pytest.raises(SourceError, match="generator function") as caught:
        Frames(made)
    assert "Frames(made())" in caught.value.remedy
