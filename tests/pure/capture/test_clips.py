"""Clips from the kernel's side: joined parts, and recordings of a scripted page."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from decart_widget.capture.containers import join
from decart_widget.capture.recording import Recording, checked_path
from decart_widget.errors import DecartError, InvalidPathError, MediaError
from decart_widget.session.background import Background
from tests.pure.capture.scripted_page import Page


def clip(path: Path, *, seconds: float = 1.0, size: tuple[int, int] = (64, 48)) -> bytes:
    """A clip as a browser's MediaRecorder makes it: VP8 in live WebM, without length or index."""
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
    """Duration in seconds, number of pictures and codec; checks that seeking works."""
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


def test_the_parts_before_and_after_a_reconnect_are_joined_to_one_clip(tmp_path: Path) -> None:
    clip(tmp_path / "a.part1")
    clip(tmp_path / "a.part2", size=(96, 64))
    (tmp_path / "a.part3").write_bytes(b"of a page that was killed: no readable WebM")
    target = tmp_path / "clip.mp4.unfinished"
    join([tmp_path / f"a.part{n}" for n in (1, 2, 3)], target)
    seconds, count, _ = probe(target)
    assert abs(seconds - 2) < 0.15
    assert count == 60


@pytest.mark.parametrize("parts", [1, 2])
def test_pictures_with_the_same_timestamp_are_kept(tmp_path: Path, parts: int) -> None:
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
            # Three pictures each have the same timestamp.
            packet.pts = packet.dts = 33 * (number - number % 3)
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
def test_a_path_that_can_not_be_written_is_refused_before_recording(
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


def test_pieces_are_written_as_they_arrive_and_become_the_clip(page: Page, tmp_path: Path) -> None:
    data = clip(tmp_path / "made.webm")
    path = tmp_path / "clip.mp4"
    seen: list[int] = []

    def send_clip(_request: Any) -> None:
        page.say("began", since=100)
        page.piece(data[:1000])
        seen.append((tmp_path / "clip.mp4.part1").stat().st_size)
        page.piece(data[1000:], seconds=1.5)
        page.taps.stop(1)

    page.on_tap = send_clip
    page.on_untap = lambda _number: page.say("ended")
    recording = recording_of(page, path)
    assert recording.result(20) == path
    assert seen == [1000]
    assert recording.state == "saved"
    assert recording.bytes == len(data)
    assert recording.seconds == 1.5, "the duration that the page has measured"
    assert probe(path)[1] == 30
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4", "made.webm"]


def test_the_pieces_sent_before_a_page_was_killed_are_kept(page: Page, tmp_path: Path) -> None:
    data = clip(tmp_path / "made.webm")
    (tmp_path / "clip.webm.part1").write_bytes(b"of an earlier recording that broke")

    def send_clip(_request: Any) -> None:
        page.say("began")
        page.piece(data[: len(data) * 3 // 4])
        page.taps.close(1, MediaError("The page is gone.", remedy="Reload it."))

    page.on_tap = send_clip
    recording = recording_of(page, tmp_path / "clip.webm")
    with pytest.raises(MediaError, match="page is gone"):
        recording.result(20)
    assert 10 < probe(tmp_path / "clip.webm")[1] <= 30
    assert (tmp_path / "clip.webm.part1").read_bytes().startswith(b"of an earlier")


def test_a_second_stream_of_pictures_is_appended_to_the_same_clip(
    page: Page, tmp_path: Path
) -> None:
    data = clip(tmp_path / "made.webm")

    def send_clip(_request: Any) -> None:
        for _ in range(2):
            page.say("began")
            page.piece(data)
        page.say("ended")

    page.on_tap = send_clip
    path = recording_of(page, tmp_path / "clip.mp4").result(20)
    assert probe(path)[1] == 60


def test_a_recording_that_never_began_leaves_no_file(page: Page, tmp_path: Path) -> None:
    page.is_active = False
    recording = recording_of(page, tmp_path / "clip.mp4")
    with pytest.raises(DecartError, match="no session"):
        recording.result(20)
    assert recording.state == "failed"
    assert list(tmp_path.iterdir()) == []
