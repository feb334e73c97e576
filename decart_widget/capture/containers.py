"""Converts a clip that a browser has recorded into one seekable file with a duration.

``MediaRecorder`` writes a stream without duration and index; a recording that continued after a
reconnect consists of several such streams.
"""

from __future__ import annotations

import errno
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

from decart_widget.errors import MediaError

SUFFIXES: Final = {
    ".mp4": ("h264", "hevc", "vp9", "av1", "aac", "opus"),
    ".webm": ("vp8", "vp9", "av1", "opus"),
}
"""Suffix -> the codecs that its container may hold and that common players decode."""

ENCODERS: Final = {".mp4": "libx264", ".webm": "libvpx"}
"""Suffix -> the video encoder for clips that can't be copied."""

CRF: Final = "18"
"""x264's constant rate factor for such clips; at 18 the loss is hardly visible."""


MAX_PIXELS: Final = 36_000_000
"""Pixels of a picture of a clip (7680x4320 and a margin); larger ones are not decoded."""

_SIGNATURES: Final = (
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (4, b"ftyp", "mp4"),
    (4, b"styp", "mp4"),
    (4, b"moov", "mp4"),
)
"""Offset and bytes by which a container is recognised, and FFmpeg's name of its format."""

_FULL: Final = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EIO)
"""System errors of a file that can't be written."""


def container_of(path: Path) -> str | None:
    """Returns the suffix in ``SUFFIXES`` that selects a clip's container; None without one.

    Args:
        path: The clip's path; its last suffix counts, in capitals or not.
    """
    suffix = path.suffix.lower()
    return suffix if suffix in SUFFIXES else None


def join(parts: Sequence[Path], target: Path) -> None:
    """Joins parts into one file.

    A single part whose codecs the target's container may hold is copied. Several parts, which may
    differ in size and settings, are re-encoded at the size of the first. Parts that can't be read
    (such as the last one of a browser that was killed) are skipped.

    Args:
        parts: The files, in the order of recording: WebM, Matroska or MP4. They come from a page,
            so FFmpeg is told their format: it would read other files for a playlist.
        target: The file to write; overwritten if it exists. The last suffix of its name selects
            the container.

    Raises:
        MediaError: No part can be read, or the file can't be written.
        OSError: The disk is full.
    """
    import av

    readable = [part for part in parts if _has_picture(part)]
    if not readable:
        raise MediaError(
            "The recording has no picture in it.",
            remedy="Record while the picture moves, for a second at least.",
            code="empty-recording",
        )
    suffix = container_of(target) or ".mp4"
    try:
        if len(readable) == 1 and _codecs(readable[0]) <= set(SUFFIXES[suffix]):
            packets = _copy(readable[0], target, suffix)
        else:
            packets = _encode(readable, target, suffix)
        if _count(target, suffix) < packets:
            # FFmpeg doesn't report every failure to write.
            raise OSError(errno.EIO, "the file is incomplete")
    except av.FFmpegError as error:
        if error.errno in _FULL:
            raise OSError(error.errno, os.strerror(error.errno)) from None
        raise MediaError(
            f"The recording could not be made into a file ({type(error).__name__}).",
            remedy=f"What was recorded is in {parts[0].name}, which most players play.",
            code="recording-failed",
        ) from None


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """Opens a part with the format that its first bytes say.

    Yields:
        The open container (PyAV).

    Raises:
        av.FFmpegError: It has none of the known formats, or can't be read.
        OSError: It is a link, or can't be opened.
    """
    import av

    no_link = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    with os.fdopen(os.open(path, os.O_RDONLY | no_link), "rb") as file:
        head = file.read(12)
        file.seek(0)
        names = [name for at, magic, name in _SIGNATURES if head[at : at + 4] == magic]
        if not names:
            raise av.InvalidDataError(errno.EINVAL, "no clip", path.name)
        with av.open(file, format=names[0]) as source:
            for stream in source.streams.video:
                stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
            yield source


def _has_picture(path: Path) -> bool:
    import av

    try:
        with _opened(path) as source:
            return any(True for _ in source.decode(video=0))
    except (av.FFmpegError, IndexError, OSError):
        return False


def _codecs(path: Path) -> set[str]:
    with _opened(path) as source:
        return {stream.codec_context.name.removeprefix("lib") for stream in source.streams} & _KNOWN


def _count(path: Path, suffix: str) -> int:
    """Returns the number of packets of video in a finished file."""
    import av

    with av.open(path, format="mp4" if suffix == ".mp4" else "matroska") as source:
        return sum(packet.size > 0 for packet in source.demux(video=0))


_KNOWN: Final = {"h264", "hevc", "vp8", "vp9", "av1", "aac", "opus"}
"""Codecs of ``SUFFIXES``; others, such as those of data tracks, are ignored."""


def _options(suffix: str) -> dict[str, str]:
    # faststart puts the index first, so that a player can start before it has the whole file.
    return {"movflags": "faststart"} if suffix == ".mp4" else {}


class _File(io.FileIO):
    """The file that is made, opened by us.

    One that FFmpeg opens stays open when the disk is full while an MP4 file is completed, and its
    space isn't free even after the file is removed. There is no buffer, because FFmpeg reads what
    it has written by the file's name.

    Attributes:
        failure: The first error of a write, for which FFmpeg's errors don't always stand.
    """

    failure: OSError | None = None

    def write(self, data: Any) -> int:
        """Writes all of the data, where a file without a buffer may write less."""
        rest = memoryview(data).cast("B")
        try:
            while rest:
                rest = rest[super().write(rest) :]
        except OSError as error:
            self.failure = self.failure or error
            raise
        return len(data)


@contextmanager
def _written(target: Path, suffix: str) -> Iterator[Any]:
    """Opens the file that is made.

    Yields:
        The open container (PyAV).

    Raises:
        av.FFmpegError: It can't be made.
        OSError: The disk is full.
    """
    import av

    with _File(target, "w") as file:
        try:
            with av.open(file, "w", format=suffix[1:], options=_options(suffix)) as sink:
                yield sink
        except av.FFmpegError:
            if file.failure is None:
                raise
        if file.failure is not None:
            raise file.failure


def _copy(part: Path, target: Path, suffix: str) -> int:
    """Copies a part's packets; returns the number of those of video."""
    with _opened(part) as source, _written(target, suffix) as sink:
        packets = 0
        streams = {
            stream.index: sink.add_stream_from_template(stream)
            for stream in (*source.streams.video[:1], *source.streams.audio[:1])
        }
        first: Fraction | None = None
        last: dict[int, int] = {}
        for packet in source.demux(*[source.streams[index] for index in streams]):
            if packet.dts is None or packet.pts is None:
                continue
            base = packet.time_base
            if first is None:
                first = packet.dts * base
            shift = round(first / base)
            # Frames that a busy browser recorded within the same millisecond have the same time
            # stamp, which a muxer rejects.
            packet.dts = max(packet.dts - shift, last.get(packet.stream_index, -1) + 1)
            packet.pts = max(packet.pts - shift, packet.dts)
            last[packet.stream_index] = packet.dts
            packets += packet.stream.type == "video"
            packet.stream = streams[packet.stream_index]
            sink.mux(packet)
    return packets


def _encode(parts: Sequence[Path], target: Path, suffix: str) -> int:
    """Encodes parts anew; returns the number of packets of video."""
    import av

    packets = 0
    with _written(target, suffix) as sink:
        video: Any = None
        audio: Any = None
        began = Fraction(0)
        last = -1
        for part in parts:
            end = began
            with _opened(part) as source:
                if video is None:
                    video, audio = _streams(sink, source, suffix)
                first: Fraction | None = None
                frames: Any = source.decode(*source.streams.video[:1], *source.streams.audio[:1])
                for frame in frames:
                    if frame.pts is None or frame.time_base is None:
                        continue
                    at = frame.pts * frame.time_base
                    first = at if first is None else first
                    at = max(at - first, Fraction(0)) + began
                    if isinstance(frame, av.VideoFrame):
                        scaled = frame.reformat(video.width, video.height, "yuv420p")
                        scaled.pict_type = 0  # I-, P- or B-frame: left to the encoder
                        last = max(round(at / _TICK), last + 1)
                        scaled.time_base, scaled.pts = _TICK, last
                        encoded = video.encode(scaled)
                        packets += len(encoded)
                        sink.mux(encoded)
                        end = max(end, at)
                    elif audio is not None:
                        frame.pts = round(at * frame.sample_rate)
                        frame.time_base = Fraction(1, frame.sample_rate)
                        sink.mux(audio.encode(frame))
            began = end + _PAUSE
        encoded = video.encode(None)
        packets += len(encoded)
        sink.mux(encoded)
        if audio is not None:
            sink.mux(audio.encode(None))
    return packets


_TICK: Final = Fraction(1, 90_000)
"""Time base of re-encoded video, in seconds."""

_PAUSE: Final = Fraction(1, 30)
"""Seconds between the last frame of a part and the first frame of the next."""


def _streams(sink: Any, source: Any, suffix: str) -> tuple[Any, Any]:
    picture = source.streams.video[0]
    options = {"crf": CRF, "preset": "veryfast"} if suffix == ".mp4" else {"deadline": "realtime"}
    video = sink.add_stream(ENCODERS[suffix], rate=30, options=options)
    # 4:2:0 needs even sizes.
    video.width, video.height = picture.width & ~1, picture.height & ~1
    video.pix_fmt = "yuv420p"
    video.codec_context.time_base = _TICK
    if suffix == ".webm":
        video.bit_rate = 6_000_000
    audio = None
    if source.streams.audio:
        name = "aac" if suffix == ".mp4" else "libopus"
        audio = sink.add_stream(name, rate=source.streams.audio[0].rate)
    return video, audio
