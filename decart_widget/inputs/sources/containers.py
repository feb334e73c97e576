"""Opens containers of video with their format named, never guessed.

FFmpeg would read a file of a suitable content as a playlist, which names other files and addresses.
"""

from __future__ import annotations

import contextlib
import struct
from typing import Any, Final

from decart_widget.errors import SourceError
from decart_widget.inputs.sources.checks import MAX_PIXELS
from decart_widget.inputs.sources.fit import UPRIGHT, Turn

HEAD_BYTES: Final = 1024
"""Bytes of the beginning of a file by which its format is recognised."""

SMALLEST_PX: Final = 16
"""Shorter side in pixels of a picture that is read."""

MAX_THREADS: Final = 4
"""Threads that decode a frame, where its encoder has divided it into slices."""

_SIGNATURES: Final = (
    (4, b"ftyp", "mp4"),
    (4, b"styp", "mp4"),
    (4, b"moov", "mp4"),
    (4, b"mdat", "mp4"),
    (4, b"wide", "mp4"),
    (4, b"free", "mp4"),
    (4, b"skip", "mp4"),
    (0, b"\x1a\x45\xdf\xa3", "matroska"),
    (8, b"AVI ", "avi"),
    (0, b"FLV\x01", "flv"),
    (0, b"OggS", "ogg"),
    (0, b"GIF8", "gif"),
    (0, b"\0\0\1\xba", "mpeg"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "asf"),
    (0, b"YUV4MPEG2 ", "yuv4mpegpipe"),
    (0, b"DKIF", "ivf"),
)
"""Offset and bytes by which a container is recognised, and FFmpeg's name of its format."""

_NAMES: Final = "MP4, MOV, WebM, Matroska, AVI, MPEG-TS, MPEG, FLV, Ogg, WMV, GIF, Y4M or IVF"
"""The formats for people."""

_ATTACHED_PICTURE: Final = "attached_pic"
"""FFmpeg's name of the disposition of a cover."""


def format_of(head: bytes) -> str | None:
    """Returns FFmpeg's name of a container's format; None for one that isn't read.

    Args:
        head: Its first `HEAD_BYTES`.
    """
    for offset, signature, name in _SIGNATURES:
        if head[offset : offset + len(signature)] == signature:
            return name
    # Transport streams: a sync byte in every packet of 188 bytes, which a time stamp may precede.
    for offset, length in ((0, 188), (4, 192)):
        packets = head[offset::length][:4]
        if len(packets) >= 3 and set(packets) == {0x47}:
            return "mpegts"
    return None


def unknown_format(label: str, head: bytes) -> SourceError:
    """Returns the error of a file whose format isn't read; ``head`` is its beginning."""
    if not head:
        return SourceError(f"{label} is empty.", remedy="Give a video file.")
    is_playlist = head.lstrip(b"\xef\xbb\xbf \r\n").startswith((b"#EXTM3U", b"<?xml", b"<MPD"))
    what = "is a playlist" if is_playlist else "is no video file of a format that is read"
    return SourceError(f"{label} {what}.", remedy=f"Give {_NAMES}.")


def video_stream(container: Any, label: str) -> Any:
    """Returns the stream of video of an open container, prepared for decoding.

    Args:
        container: PyAV's.
        label: What it is, for people.

    Raises:
        SourceError: It has none, or one that can't be decoded or is too large.
    """
    streams = [s for s in container.streams.video if not _is_cover(s)]
    if not streams:
        kinds = sorted({stream.type for stream in container.streams})
        raise SourceError(
            f"{label} has no video, only {' and '.join(kinds) or 'nothing'}.",
            remedy="Give a file with a picture.",
        )
    stream = streams[0]
    # None where FFmpeg has no decoder.
    context = stream.codec_context
    if context is None:
        raise SourceError(
            f"{label} has a codec that can't be decoded.",
            remedy="Convert it to H.264, for instance with: ffmpeg -i IN -c:v libx264 OUT.mp4",
        )
    width, height = context.width, context.height
    if width * height > MAX_PIXELS:
        raise SourceError(
            f"{label} has pictures of {width}x{height} pixels.",
            remedy=f"Give at most {MAX_PIXELS / 1e6:g} megapixels.",
        )
    context.options = {"max_pixels": str(MAX_PIXELS)}
    # With threads for whole frames, FFmpeg now and then gives damaged pictures, or crashes, after a
    # seek: one in five processes that read an MPEG transport stream from its middle.
    context.thread_type = "SLICE"
    context.thread_count = MAX_THREADS
    return stream


def _is_cover(stream: Any) -> bool:
    disposition = getattr(stream, "disposition", None)
    return disposition is not None and _ATTACHED_PICTURE in str(disposition)


def stretch_of(stream: Any) -> float:
    """Returns the width of a pixel divided by its height."""
    for ratio in (stream.sample_aspect_ratio, stream.codec_context.sample_aspect_ratio):
        if ratio:
            return min(8.0, max(0.125, float(ratio)))
    return 1.0


def turn_of(frame: Any) -> Turn:
    """Returns how a decoded frame is shown, by its display matrix (ISO/IEC 14496-12, 8.3.2)."""
    data = None
    with contextlib.suppress(Exception):  # of PyAV, whose releases know different kinds
        data = frame.side_data.get("DISPLAYMATRIX")
    if data is None or len(bytes(data)) < 36:
        return UPRIGHT
    a, b, _, c, d = struct.unpack("=5i", bytes(data)[:20])
    is_mirrored = a * d - b * c < 0
    if is_mirrored:
        a, c = -a, -c  # without the mirror, which comes after the turn
    if abs(a) >= abs(b):
        quarters = 0 if a >= 0 else 2
    else:
        quarters = 1 if b > 0 else 3
    return Turn(quarters, is_mirrored)
