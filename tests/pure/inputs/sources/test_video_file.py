from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
import pytest
from av.codec.context import ThreadType

from decart_widget.errors import SourceError
from decart_widget.inputs.sources import containers, file_reader, marker
from decart_widget.inputs.sources.containers import format_of, video_stream
from decart_widget.inputs.sources.file_reader import VideoFileReader
from decart_widget.inputs.sources.opening import open_reader
from decart_widget.inputs.sources.pattern import PatternReader, TestPattern
from decart_widget.inputs.sources.reader import ReadFrame, Target
from decart_widget.inputs.sources.video_file import VideoFile
from tests.pure.inputs.sources.clips import bar_errors, bars, write_clip

TARGET: Final = Target(320, 180, 30)


def numbered(count: int, width: int = 320, height: int = 180) -> list[Any]:
    """RGB pictures that carry their number."""
    reader = PatternReader(TestPattern("marker").describe(), Target(width, height, 30))
    frames = [reader.read() for _ in range(count)]
    return [cv2.cvtColor(f.picture, cv2.COLOR_YUV2RGB_I420) for f in frames if f is not None]


_readers: list[VideoFileReader] = []


@pytest.fixture(autouse=True)
def _close_readers() -> Iterator[None]:
    yield
    while _readers:
        _readers.pop().close()


def opened(source: VideoFile, target: Target = TARGET) -> VideoFileReader:
    """The reader of a source, from a description that went through JSON."""
    reader = open_reader(json.loads(json.dumps(source.describe())), target)
    assert isinstance(reader, VideoFileReader)
    _readers.append(reader)
    return reader


def frames_of(source: VideoFile, target: Target = TARGET, limit: int = 1000) -> list[ReadFrame]:
    reader = opened(source, target)
    frames: list[ReadFrame] = []
    while len(frames) < limit and (frame := reader.read()) is not None:
        frames.append(frame)
    reader.close()
    return frames


def numbers(frames: list[ReadFrame]) -> list[int | None]:
    return [marker.read(frame.picture[: frame.picture.shape[0] * 2 // 3]) for frame in frames]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three seconds of 30 frames/s, 320x180, with a keyframe each second, and sound."""
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    return write_clip(path, numbered(90), options={"g": "30"}, sound=True)


def test_every_frame_is_read_with_its_index_and_time(clip: Path) -> None:
    source = VideoFile(clip)
    source.check()
    frames = frames_of(source)
    assert [frame.index for frame in frames] == numbers(frames) == list(range(90))
    assert [frame.source_time for frame in frames] == pytest.approx(
        [index / 30 for index in range(90)], abs=0.001
    )
    for frame in frames:
        assert frame.picture.shape == (270, 320)
        assert frame.picture.flags.c_contiguous


def test_a_reader_says_what_it_reads(clip: Path) -> None:
    reader = opened(VideoFile(clip))
    assert (reader.label, reader.is_live, reader.frame_count) == ("clip.mp4", False, 90)
    assert reader.fps == pytest.approx(30, abs=0.1)
    assert reader.duration_s == pytest.approx(3, abs=0.05)
    reader.close()
    assert repr(VideoFile(clip)) == f"VideoFile({str(clip)!r})"


@pytest.mark.parametrize(
    ("name", "codec", "container"),
    [
        ("a.mp4", "libx264", None),
        ("a.mov", "libx264", None),
        ("a.mkv", "libx264", None),
        ("a.webm", "libvpx", None),
        ("a.avi", "mpeg4", None),
        ("a.ts", "libx264", "mpegts"),
        ("a.m2ts", "libx264", "mpegts"),
        ("a.mpg", "mpeg2video", "mpeg"),
        ("a.flv", "flv", None),
        ("no suffix", "libx264", "matroska"),
    ],
)
def test_containers_are_told_by_their_content(
    tmp_path: Path, name: str, codec: str, container: str | None
) -> None:
    options = {"mpegts_m2ts_mode": "1"} if name == "a.m2ts" else None
    path = write_clip(tmp_path / name, numbered(12), codec=codec, container=container)
    assert options is None or path.exists()
    source = VideoFile(path)
    source.check()
    frames = frames_of(source)
    assert numbers(frames) == list(range(12))
    assert frames[0].source_time == pytest.approx(0, abs=0.05)


@pytest.mark.parametrize("offset", [0, 4])
def test_transport_streams_are_told_with_and_without_time_stamps(offset: int) -> None:
    packet = b"\0" * offset + b"\x47" + b"\1" * 187
    assert format_of((packet * 6)[:1024]) == "mpegts"
    assert format_of(b"\x47" + b"\1" * 1023) is None


def test_frames_between_are_skipped_and_counted(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mp4", numbered(60), fps=60)
    reader = opened(VideoFile(path))
    assert (reader.fps, reader.frame_count) == (30, 30)
    frames = []
    while (frame := reader.read()) is not None:
        frames.append(frame)
    assert [f.index for f in frames] == numbers(frames) == list(range(0, 60, 2))
    assert reader.skipped == 30
    frames = frames_of(VideoFile(path, fps=10))
    assert numbers(frames) == list(range(0, 60, 6))


def test_times_of_a_variable_rate_are_those_of_the_file(tmp_path: Path) -> None:
    times = [0.0, 0.04, 0.5, 0.55, 0.6, 1.7, 1.75]
    path = write_clip(tmp_path / "a.mkv", numbered(7), times=times)
    frames = frames_of(VideoFile(path))
    assert [frame.source_time for frame in frames] == pytest.approx(times, abs=0.002)
    assert numbers(frames) == list(range(7))


def test_frames_are_not_decoded_by_several_threads_at_once(tmp_path: Path) -> None:
    # With threads for whole frames, pictures after a seek are damaged now and then.
    path = write_clip(tmp_path / "a.ts", numbered(3))
    with av.open(str(path)) as container:
        context = video_stream(container, "a.ts").codec_context
        assert context.thread_type == ThreadType.SLICE


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts"])
def test_start_and_end_choose_frames_and_count_anew(tmp_path: Path, suffix: str) -> None:
    path = write_clip(tmp_path / f"a.{suffix}", numbered(60), options={"g": "60"})
    frames = frames_of(VideoFile(path, start=0.5, end=1.5))
    assert numbers(frames) == list(range(15, 45))
    assert [frame.index for frame in frames] == list(range(30))
    assert frames[0].source_time == pytest.approx(0, abs=0.034)
    reader = opened(VideoFile(path, start=0.5, end=1.5))
    assert reader.duration_s == pytest.approx(1)
    assert reader.frame_count == 30


def test_a_loop_goes_on_with_rising_index_and_time(clip: Path) -> None:
    source = VideoFile(clip, loop=True, start=2.8)
    frames = frames_of(source, limit=20)
    assert numbers(frames) == [84, 85, 86, 87, 88, 89] * 3 + [84, 85]
    assert [frame.index for frame in frames] == list(range(20))
    times = np.array([frame.source_time for frame in frames])
    assert np.diff(times) == pytest.approx(1 / 30, abs=0.002)
    reader = opened(source)
    assert (reader.frame_count, reader.duration_s) == (None, None)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotation_is_honoured(tmp_path: Path, degrees: int) -> None:
    picture = np.full((180, 320, 3), 40, np.uint8)
    picture[:90, :160] = 230  # top left
    path = write_clip(tmp_path / "a.mp4", [picture] * 2, rotation=degrees)
    frame = frames_of(VideoFile(path), Target(320, 180, 30, "auto"))[0].picture
    size = (320, 180) if degrees == 180 else (180, 320)
    assert frame.shape == (size[1] * 3 // 2, size[0])
    luma = frame[: size[1]]
    quadrants = [luma[::1, ::1], luma[:, ::-1], luma[::-1, ::-1], luma[::-1]]
    bright = [bool(q[size[1] // 4, size[0] // 4] > 128) for q in quadrants]
    clockwise = degrees // 90
    assert bright == [at == clockwise for at in range(4)]


@pytest.mark.parametrize(("matrix", "full"), [(1, False), (1, True), (5, False), (5, True)])
def test_colours_of_a_file_are_honoured(tmp_path: Path, matrix: int, full: bool) -> None:
    picture = bars(320, 180)
    path = write_clip(tmp_path / "a.mp4", [picture] * 3, colorspace=matrix, full_range=full)
    frame = frames_of(VideoFile(path))[1].picture
    assert max(bar_errors(frame)) <= 4


def test_pixels_that_are_not_square_are_shown_as_wide_as_they_are(tmp_path: Path) -> None:
    picture = np.zeros((180, 240, 3), np.uint8)
    picture[60:120, 97:142] = 255  # 45 columns of 4/3 pixels: a square of 60
    path = write_clip(tmp_path / "a.mp4", [picture] * 2, aspect=Fraction(4, 3))
    rows, columns = np.nonzero(frames_of(VideoFile(path))[0].picture[:180] > 128)
    assert abs(int(np.ptp(rows)) - int(np.ptp(columns))) <= 2


def test_a_gif_and_a_file_without_times_are_read(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.gif", numbered(5), codec="gif", pixels="rgb8", fps=10)
    frames = frames_of(VideoFile(path))
    assert numbers(frames) == list(range(5))
    path = write_clip(tmp_path / "a.y4m", numbered(5), codec="wrapped_avframe")
    assert numbers(frames_of(VideoFile(path))) == list(range(5))


# --- what can't be read -----------------------------------------------------------------------


def refusal(source: VideoFile) -> str:
    with pytest.raises(SourceError) as caught:
        source.check()
    assert caught.value.remedy
    assert caught.value.__cause__ is None
    return str(caught.value)


def test_a_file_that_is_not_there_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(VideoFile(tmp_path / "none.mp4"))
    assert "is a folder" in refusal(VideoFile(tmp_path))
    assert "null" in refusal(VideoFile("a\0b")) or "not a path" in refusal(VideoFile("a\0b"))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "no regular file" in refusal(VideoFile(tmp_path / "pipe.mp4"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"#EXTM3U\n#EXTINF:1,\nclip.mp4\n", "is a playlist"),
        (b'<?xml version="1.0"?><MPD></MPD>', "is a playlist"),
        (b"ffconcat version 1.0\nfile clip.mp4\n", "no video file"),
        (b"some text", "no video file"),
        (b"\0\0\0\x18ftypmp42" + b"\0" * 500, "can't be read"),
        (b"\x1a\x45\xdf\xa3" + b"\xff" * 500, "can't be read"),
    ],
)
def test_what_is_no_video_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "clip.mp4"
    path.write_bytes(content)
    assert message in refusal(VideoFile(path))


def test_sound_alone_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "sound.mp4"
    with av.open(path, "w") as sink:
        stream: Any = sink.add_stream("aac", rate=48_000)
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.float32), "fltp", "mono")
        silence.sample_rate = 48_000
        sink.mux(stream.encode(silence))
        sink.mux(stream.encode(None))
    assert "no video, only audio" in refusal(VideoFile(path))


def test_a_start_after_the_end_and_an_empty_part_are_refused(clip: Path) -> None:
    assert "start is 7 s" in refusal(VideoFile(clip, start=7))
    assert "has no frame" in refusal(VideoFile(clip, start=2.97, end=2.98))


@pytest.mark.parametrize(
    "arguments",
    [
        {"fps": 0},
        {"fps": -1},
        {"fps": 1e6},
        {"start": -1},
        {"start": float("nan")},
        {"end": 0},
        {"start": 2, "end": 2},
    ],
)
def test_numbers_out_of_range_are_refused(arguments: dict[str, Any]) -> None:
    with pytest.raises(SourceError):
        VideoFile("clip.mp4", **arguments)


@pytest.mark.parametrize("path", [None, 5, np.zeros((4, 4))])
def test_what_is_no_path_is_refused(path: Any) -> None:
    with pytest.raises(SourceError, match="is no path"):
        VideoFile(path)


def test_too_many_pixels_are_refused(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(containers, "MAX_PIXELS", 320 * 180 - 1)
    assert "320x180" in refusal(VideoFile(clip))


def test_a_damaged_part_is_left_out(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "a.mkv", numbered(60), options={"g": "1", "crf": "12"})
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + len(data) // 10] = os.urandom(len(data) // 10)
    path.write_bytes(data)
    frames = frames_of(VideoFile(path))
    assert 30 < len(frames) < 60
    assert numbers(frames)[0] == 0
    assert [f.index for f in frames] == list(range(len(frames)))


def test_a_file_that_is_damaged_throughout_ends_with_an_error(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "MAX_DAMAGED", 1)
    reader = opened(VideoFile(clip))
    monkeypatch.setattr(reader, "_decoded", damaged_stream)
    with pytest.raises(SourceError, match=r"can.t be read"):
        reader.read()


def damaged_stream(stream: Any) -> Any:
    raise av.InvalidDataError(1, "secret path")
    yield


def test_it_is_closed_while_another_thread_reads(clip: Path) -> None:
    reader = opened(VideoFile(clip, loop=True))
    reads = threading.Event()
    frames = []

    def read() -> None:
        while (frame := reader.read()) is not None:
            frames.append(frame.index)
            del frames[:-5]
            reads.set()

    thread = threading.Thread(target=read)
    thread.start()
    assert reads.wait(30)
    reader.close()
    thread.join(30)
    assert not thread.is_alive()
    assert reader._container is None
    assert reader._file is None
    reader.close()


def test_reading_leaves_no_file_open(clip: Path) -> None:
    import psutil

    frames_of(VideoFile(clip))
    VideoFile(clip).check()
    assert not [f for f in psutil.Process().open_files() if f.path == str(clip)]
