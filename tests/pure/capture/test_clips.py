"""Clips from the kernel's side: joined parts, and recordings of a scripted page."""

from __future__ import annotations

import asyncio
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from decart_widget.capture import containers
from decart_widget.capture import recording as recording_module
from decart_widget.capture.containers import join
from decart_widget.capture.parts import Parts
from decart_widget.capture.recording import BURST_PIECES, IN_FLIGHT, Recording, checked_path
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
    target = tmp_path / f"clip{suffix}"
    join([tmp_path / "a.part1"], target)
    seconds, count, name = probe(target)
    assert abs(seconds - 1) < 0.1
    assert count == 30
    assert name == codec


def test_the_parts_before_and_after_a_reconnect_are_joined_to_one_clip(tmp_path: Path) -> None:
    clip(tmp_path / "a.part1")
    clip(tmp_path / "a.part2", size=(96, 64))
    (tmp_path / "a.part3").write_bytes(b"of a page that was killed: no readable WebM")
    target = tmp_path / "clip.mp4"
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
    target = tmp_path / "clip.mp4"
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
        ("clip.mp4.txt", "no suffix of a clip"),
        ("folder.mp4", "is a folder"),
        ("nowhere/clip.mp4", "There is no folder"),
        ("there.mp4", "exists"),
        ("link.mp4", "exists"),
        ("a\0b.mp4", "can't be used"),
        ("~nobody-of-that-name/clip.mp4", "can't be used|There is no folder"),
    ],
)
def test_a_path_that_can_not_be_written_is_refused_before_recording(
    tmp_path: Path, name: str, why: str
) -> None:
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "there.mp4").write_bytes(b"precious")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "nowhere.mp4")
    path = name if name.startswith("~") else tmp_path / name
    with pytest.raises(InvalidPathError, match=why) as refused:
        checked_path(path, overwrite=False)
    assert refused.value.remedy
    assert checked_path(tmp_path / "there.mp4", overwrite=True).name == "there.mp4"


def recording_of(page: Page, path: Path, seconds: float | None = None) -> Recording:
    return Recording(
        page.taps,
        Background.get(),
        path,
        "output",
        seconds,
        lambda _: None,
        Parts(path),
        overwrite=False,
    )


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


@pytest.mark.parametrize("path", [None, 5, b"clip.mp4", ["clip.mp4"]])
def test_a_path_of_another_type_is_refused(path: Any) -> None:
    with pytest.raises(InvalidPathError, match="can't be used"):
        checked_path(path, overwrite=False)


@pytest.mark.parametrize(
    ("name", "file", "codec"),
    [
        ("demo.v2.mp4", "demo.v2.mp4", "h264"),
        ("clip.MP4", "clip.MP4", "h264"),
        ("old.webm.mp4", "old.webm.mp4", "h264"),
        ("old.mp4.WebM", "old.mp4.WebM", "vp8"),
        ("2026-11-26 14.30.mp4", "2026-11-26 14.30.mp4", "h264"),
        ("a b", "a b.mp4", "h264"),
        ("2026-11-26 14.30", "2026-11-26 14.30.mp4", "h264"),
        ("Ünïcode \N{DANCER}.webm", "Ünïcode \N{DANCER}.webm", "vp8"),
    ],
)
def test_a_clip_may_have_any_name_and_its_last_suffix_selects_the_format(
    page: Page, tmp_path: Path, name: str, file: str, codec: str
) -> None:
    (tmp_path / "made").mkdir()
    data = clip(tmp_path / "made" / "clip", seconds=0.2)

    def send_clip(_request: Any) -> None:
        page.say("began")
        page.piece(data)
        page.say("ended")

    page.on_tap = send_clip
    recording = recording_of(page, checked_path(tmp_path / name, overwrite=False))
    path = recording.result(20)
    assert path.name == file
    assert recording.state == "saved"
    assert probe(path)[2] == codec
    assert page.calls[0][1]["format"] == ("webm" if codec == "vp8" else "mp4")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([file, "made"])


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile private.mp4\n",
        "#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nprivate.mp4\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 49999 RTP/AVP 96\n",
    ],
    ids=["ffconcat", "HLS", "SDP"],
)
def test_a_playlist_is_no_clip(tmp_path: Path, text: str) -> None:
    clip(tmp_path / "private.mp4")
    (tmp_path / "a.part1").write_text(text)
    with pytest.raises(MediaError, match="no picture"):
        join([tmp_path / "a.part1"], tmp_path / "clip.mp4")


def test_a_link_in_place_of_a_part_is_not_read(tmp_path: Path) -> None:
    clip(tmp_path / "private.webm")
    (tmp_path / "a.part1").symlink_to(tmp_path / "private.webm")
    with pytest.raises(MediaError, match="no picture"):
        join([tmp_path / "a.part1"], tmp_path / "clip.mp4")


def test_a_page_gets_credit_for_as_many_pieces_as_are_written(page: Page, tmp_path: Path) -> None:
    data = clip(tmp_path / "made.webm")
    size = -(-len(data) // 40)

    async def send_clip(number: int) -> None:
        page.say("began")
        for at in range(0, len(data), size):
            async with asyncio.timeout(10):
                while sum(n for what, n in page.calls if what == "credit") <= at // size:
                    await asyncio.sleep(0)
            page.piece(data[at : at + size], number)
            granted = sum(n for what, n in page.calls if what == "credit")
            assert granted - at // size - 1 <= IN_FLIGHT
        page.say("ended")

    tasks = []
    page.on_tap = lambda request: tasks.append(asyncio.ensure_future(send_clip(request["id"])))
    assert probe(recording_of(page, tmp_path / "clip.webm").result(20))[1] == 30


@pytest.mark.parametrize(
    ("size", "count"), [(1000, 100), (2_000_000, 1)], ids=["no credit", "a large piece"]
)
def test_a_page_that_sends_without_credit_ends_its_recording(
    page: Page, tmp_path: Path, size: int, count: int
) -> None:
    data = clip(tmp_path / "made.webm")

    def send(_request: Any) -> None:
        page.say("began")
        page.piece(data)
        for _ in range(count):
            page.piece(bytes(size))

    page.on_tap = send
    recording = recording_of(page, tmp_path / "clip.webm")
    with pytest.raises(MediaError, match="more data than a recording has"):
        recording.result(20)
    assert recording.state == "saved", "what came before is kept"
    assert recording.bytes <= len(data) + (BURST_PIECES + IN_FLIGHT) * size
    assert recording.error is not None


def test_credit_is_granted_at_a_limited_rate(page: Page, tmp_path: Path) -> None:
    def send(_request: Any) -> None:
        for _ in range(50):  # a page that begins anew gains nothing
            page.say("began")
        page.say("ended")

    page.on_tap = send
    with pytest.raises(MediaError, match="no picture"):
        recording_of(page, tmp_path / "clip.webm").result(20)
    assert sum(n for what, n in page.calls if what == "credit") <= BURST_PIECES


@pytest.mark.parametrize("error", [KeyError("x"), RuntimeError("x"), OSError(28, "No space left")])
def test_whatever_fails_while_a_clip_is_saved_ends_in_failed_and_says_why(
    page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    data = clip(tmp_path / "made.webm")

    def send_clip(_request: Any) -> None:
        page.say("began")
        page.piece(data)
        page.say("ended")

    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr(recording_module, "join", fail)
    page.on_tap = send_clip
    recording = recording_of(page, tmp_path / "clip.mp4")
    with pytest.raises(DecartError) as raised:
        recording.result(20)
    assert recording.state == "failed"
    assert recording.error is not None
    assert raised.value.remedy
    assert (tmp_path / "clip.mp4.part1").read_bytes() == data, "the data is kept"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["clip.mp4.part1", "made.webm"]


async def test_a_cancelled_recording_has_failed_and_keeps_its_data(
    page: Page, tmp_path: Path
) -> None:
    def send(_request: Any) -> None:
        page.say("began")
        page.piece(b"data")

    page.on_tap = send
    recording = recording_of(page, tmp_path / "clip.mp4")
    async with asyncio.timeout(10):
        while recording.bytes < 4:
            await asyncio.sleep(0.005)
    recording._done.cancel()
    async with asyncio.timeout(10):
        while recording.state != "failed":
            await asyncio.sleep(0.005)
    assert len(page.taps) == 0
    assert (tmp_path / "clip.mp4.part1").read_bytes() == b"data"


def test_a_file_that_is_made_at_the_target_meanwhile_is_kept(page: Page, tmp_path: Path) -> None:
    data = clip(tmp_path / "made.webm")

    def send_clip(_request: Any) -> None:
        page.say("began")
        page.piece(data)
        (tmp_path / "clip.webm").write_bytes(b"somebody else's")
        page.say("ended")

    page.on_tap = send_clip
    with pytest.raises(MediaError, match="was made meanwhile"):
        recording_of(page, tmp_path / "clip.webm").result(20)
    assert (tmp_path / "clip.webm").read_bytes() == b"somebody else's"
    assert (tmp_path / "clip.webm.part1").read_bytes() == data


def test_a_file_that_ffmpeg_could_not_complete_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip(tmp_path / "a.part1")
    monkeypatch.setattr(containers, "_count", lambda *_: 3)
    with pytest.raises(OSError, match="incomplete"):
        join([tmp_path / "a.part1"], tmp_path / "clip.mp4")
