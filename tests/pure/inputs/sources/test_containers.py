"""What streams and frames say of themselves, and what is left out of a damaged stream."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from decart_widget.errors import SourceError
from decart_widget.inputs.sources import file_reader
from decart_widget.inputs.sources.containers import stretch_of, turn_of, video_stream
from decart_widget.inputs.sources.file_reader import VideoFileReader
from decart_widget.inputs.sources.fit import UPRIGHT, Turn
from decart_widget.inputs.sources.reader import Target
from decart_widget.inputs.sources.video_file import VideoFile
from tests.pure.inputs.sources.clips import write_clip

ONE = 0x10000


def stream(**values: Any) -> Any:
    context = SimpleNamespace(width=320, height=180, sample_aspect_ratio=None)
    known = {"type": "video", "disposition": "default", "codec_context": context}
    return SimpleNamespace(**{**known, "sample_aspect_ratio": None, **values})


def container(*streams: Any) -> Any:
    video = [s for s in streams if s.type == "video"]

    class Streams(list[Any]):
        pass

    found = Streams(streams)
    found.video = video  # type: ignore[attr-defined]
    return SimpleNamespace(streams=found)


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((ONE, 0, 0, ONE), Turn(0)),
        ((0, ONE, -ONE, 0), Turn(1)),
        ((-ONE, 0, 0, -ONE), Turn(2)),
        ((0, -ONE, ONE, 0), Turn(3)),
        ((-ONE, 0, 0, ONE), Turn(0, is_mirrored=True)),
        ((ONE, 0, 0, -ONE), Turn(2, is_mirrored=True)),
    ],
)
def test_a_display_matrix_is_a_turn_and_perhaps_a_mirror(matrix: Any, expected: Turn) -> None:
    a, b, c, d = matrix
    data = struct.pack("=9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    frame = SimpleNamespace(side_data={"DISPLAYMATRIX": data})
    assert turn_of(frame) == expected
    # What ISO/IEC 14496-12 says: a pixel at (x, y) is shown at (ax + cy, bx + dy).
    x, y = a * 2 + c * 1, b * 2 + d * 1
    shown = (2, 1)
    for _ in range(expected.quarters):
        shown = (-shown[1], shown[0])
    if expected.is_mirrored:
        shown = (-shown[0], shown[1])
    assert (x // ONE, y // ONE) == shown


def test_a_frame_without_a_display_matrix_is_upright() -> None:
    assert turn_of(SimpleNamespace(side_data={})) == UPRIGHT
    assert turn_of(SimpleNamespace()) == UPRIGHT
    assert turn_of(SimpleNamespace(side_data={"DISPLAYMATRIX": b"short"})) == UPRIGHT


def test_a_cover_is_no_video() -> None:
    cover = stream(disposition="<Disposition.attached_pic: 1024>")
    sound = SimpleNamespace(type="audio")
    with pytest.raises(SourceError, match="no video, only audio and video"):
        video_stream(container(cover, sound), "song.m4a")
    film = stream()
    assert video_stream(container(cover, film), "film.mp4") is film


def test_a_codec_without_decoder_is_refused() -> None:
    with pytest.raises(SourceError, match="can't be decoded"):
        video_stream(container(stream(codec_context=None)), "film.mp4")


@pytest.mark.parametrize(("ratio", "expected"), [(None, 1.0), (1.5, 1.5), (1e6, 8.0)])
def test_absurd_pixels_are_bounded(ratio: float | None, expected: float) -> None:
    assert stretch_of(stream(sample_aspect_ratio=ratio)) == expected


class Packet:
    size = 10

    def __init__(self, name: str, *, is_keyframe: bool = False) -> None:
        self.name = name
        self.is_keyframe = is_keyframe

    def decode(self) -> list[str]:
        return [self.name]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[VideoFileReader]:
    path = write_clip(tmp_path / "a.mp4", [np.zeros((36, 64, 3), np.uint8)] * 2)
    made = VideoFileReader(VideoFile(path).describe(), Target(64, 36, 30))
    yield made
    made.close()


def decoded(reader: VideoFileReader, packets: list[Packet]) -> list[Any]:
    before = reader._container
    demuxed: Any = SimpleNamespace(demux=lambda stream: iter(packets))
    reader._container = demuxed
    frames = list(reader._decoded(None))
    reader._container = before
    return frames


def test_what_comes_before_the_first_keyframe_is_left_out(reader: VideoFileReader) -> None:
    packets = [Packet("a"), Packet("b"), Packet("c", is_keyframe=True), Packet("d")]
    assert decoded(reader, packets) == ["c", "d"]


def test_a_stream_without_keyframes_is_decoded_after_a_while(
    reader: VideoFileReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_reader, "MAX_BEFORE_KEYFRAME", 3)
    assert decoded(reader, [Packet(name) for name in "abcde"]) == ["d", "e"]


def test_times_that_are_missing_or_do_not_rise_are_one_interval_later(
    reader: VideoFileReader, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_s = [None, 1, 1, 0.5, None, 3]
    frames = [SimpleNamespace(pts=at, time_base=1) for at in given_s]
    monkeypatch.setattr(reader, "_decoded", lambda stream: iter(frames))
    reader._interval_s = 0.1
    times = [time for time, _ in reader._timed(None, 0.0)]
    assert times == pytest.approx([0, 1, 1.1, 1.2, 1.3, 3])
