"""Converts a clip that a browser has recorded into one seekable file with a duration.

``MediaRecorder`` writes a stream without duration and index; a recording that continued after a
reconnect consists of several such streams.
"""

from __future__ import annotations

from collections.abc import Sequence
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


def join(parts: Sequence[Path], target: Path) -> None:
    """Joins parts into one file.

    A single part whose codecs the target's container may hold is copied. Several parts, which may
    differ in size and settings, are re-encoded at the size of the first. Parts that can't be read
    (such as the last one of a browser that was killed) are skipped.

    Args:
        parts: The files, in the order of recording.
        target: The file to write; overwritten if it exists. The first suffix of its name selects
            the container.

    Raises:
        MediaError: No part can be read, or the file can't be written.
    """
    import av

    readable = [part for part in parts if _has_picture(part)]
    if not readable:
        raise MediaError(
            "The recording has no picture in it.",
            remedy="Record while the picture moves, for a second at least.",
            code="empty-recording",
        )
    # An unfinished file is named <name>.mp4.unfinished.
    format_ = target.suffixes[0] if target.suffixes else ".mp4"
    try:
        if len(readable) == 1 and _codecs(readable[0]) <= set(SUFFIXES[format_]):
            _copy(readable[0], target, format_)
        else:
            _encode(readable, target, format_)
    except av.FFmpegError as error:
        raise MediaError(
            f"The recording could not be made into a file ({type(error).__name__}).",
            remedy=f"What was recorded is in {parts[0].name}, which most players play.",
            code="recording-failed",
        ) from None


def _has_picture(path: Path) -> bool:
    import av

    try:
        with av.open(path) as source:
            return any(True for _ in source.decode(video=0))
    except (av.FFmpegError, IndexError):
        return False


def _codecs(path: Path) -> set[str]:
    import av

    with av.open(path) as source:
        return {stream.codec_context.name.removeprefix("lib") for stream in source.streams} & _KNOWN


_KNOWN: Final = {"h264", "hevc", "vp8", "vp9", "av1", "aac", "opus"}
"""Codecs of ``SUFFIXES``; others, such as those of data tracks, are ignored."""


def _options(format_: str) -> dict[str, str]:
    # faststart puts the index first, so that a player can start before it has the whole file.
    return {"movflags": "faststart"} if format_ == ".mp4" else {}


def _copy(part: Path, target: Path, format_: str) -> None:
    import av

    with (
        av.open(part) as source,
        av.open(target, "w", format=format_[1:], options=_options(format_)) as sink,
    ):
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
            packet.stream = streams[packet.stream_index]
            sink.mux(packet)


def _encode(parts: Sequence[Path], target: Path, format_: str) -> None:
    import av

    with av.open(target, "w", format=format_[1:], options=_options(format_)) as sink:
        video: Any = None
        audio: Any = None
        began = Fraction(0)
        last = -1
        for part in parts:
            end = began
            with av.open(part) as source:
                if video is None:
                    video, audio = _streams(sink, source, format_)
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
                        sink.mux(video.encode(scaled))
                        end = max(end, at)
                    elif audio is not None:
                        frame.pts = round(at * frame.sample_rate)
                        frame.time_base = Fraction(1, frame.sample_rate)
                        sink.mux(audio.encode(frame))
            began = end + _PAUSE
        sink.mux(video.encode(None))
        if audio is not None:
            sink.mux(audio.encode(None))


_TICK: Final = Fraction(1, 90_000)
"""Time base of re-encoded video, in seconds."""

_PAUSE: Final = Fraction(1, 30)
"""Seconds between the last frame of a part and the first frame of the next."""


def _streams(sink: Any, source: Any, format_: str) -> tuple[Any, Any]:
    picture = source.streams.video[0]
    options = {"crf": CRF, "preset": "veryfast"} if format_ == ".mp4" else {"deadline": "realtime"}
    video = sink.add_stream(ENCODERS[format_], rate=30, options=options)
    # 4:2:0 needs even sizes.
    video.width, video.height = picture.width & ~1, picture.height & ~1
    video.pix_fmt = "yuv420p"
    video.codec_context.time_base = _TICK
    if format_ == ".webm":
        video.bit_rate = 6_000_000
    audio = None
    if source.streams.audio:
        name = "aac" if format_ == ".mp4" else "libopus"
        audio = sink.add_stream(name, rate=source.streams.audio[0].rate)
    return video, audio
