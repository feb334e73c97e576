"""Clips that tests make with PyAV, and pictures to put into them."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import av
import cv2
import numpy as np
from av.video.frame import VideoFrame

BARS: Final = ((1, 1, 1), (1, 1, 0), (0, 1, 1), (0, 1, 0), (1, 0, 1), (1, 0, 0), (0, 0, 1))
"""Red, green and blue of colour bars; the colours are 75 % of white."""

LEVEL: Final = 191


def bars(width: int, height: int) -> Any:
    """``(height, width, 3)`` uint8 RGB: seven bars of equal width, from left to right."""
    colours = np.array(BARS, np.uint8) * LEVEL
    return np.broadcast_to(colours[np.arange(width) * 7 // width], (height, width, 3)).copy()


def bar_errors(picture: Any) -> list[float]:
    """The largest difference of each bar's middle from its colour, of an I420 picture."""
    rgb = cv2.cvtColor(picture, cv2.COLOR_YUV2RGB_I420).astype(float)
    height, width = rgb.shape[:2]
    errors = []
    for number, colour in enumerate(BARS):
        x = (2 * number + 1) * width // 14
        patch = rgb[height // 3 : height * 2 // 3, x - 4 : x + 4].reshape(-1, 3).mean(0)
        errors.append(float(np.abs(patch - np.array(colour) * LEVEL).max()))
    return errors


def write_clip(
    path: Path,
    pictures: Iterable[Any],
    *,
    fps: int = 30,
    times: Sequence[float] | None = None,
    codec: str = "libx264",
    pixels: str = "yuv420p",
    options: dict[str, str] | None = None,
    sound: bool = False,
    rotation: int = 0,
    container: str | None = None,
    colorspace: int | None = None,
    full_range: bool | None = None,
    aspect: Fraction | None = None,
) -> Path:
    """Writes pictures, ``(height, width, 3)`` uint8 RGB, into a file.

    Args:
        path: Its suffix selects the container, unless that is given.
        pictures: All of one size.
        fps: Frames/s.
        times: Seconds of each frame; None: at ``fps``.
        codec: FFmpeg's name of the encoder.
        pixels: FFmpeg's name of the pixel format.
        options: Of the encoder.
        sound: Whether a second of silence is added.
        rotation: Degrees clockwise by which players turn it (an MP4's display matrix).
        container: FFmpeg's name of the container; None: by the suffix.
        colorspace: Of the planes, as FFmpeg numbers it (1: BT.709); written into the stream.
        full_range: Whether luma has 0 to 255; None: not said, limited.
        aspect: Width of a pixel divided by its height.
    """
    default = {"crf": "12", "preset": "ultrafast"} if codec == "libx264" else {}
    with av.open(path, "w", format=container) as sink:
        stream: Any = sink.add_stream(codec, rate=fps, options=default | (options or {}))
        stream.pix_fmt = pixels
        # These formats have a fixed rate.
        ticks = fps if codec in ("mpeg2video", "wrapped_avframe") else 1000
        stream.codec_context.time_base = Fraction(1, ticks)
        audio: Any = sink.add_stream("aac", rate=48_000) if sound else None
        is_open = False
        for index, rgb in enumerate(pictures):
            if not is_open:
                stream.height, stream.width = rgb.shape[:2]
                if colorspace is not None:
                    stream.codec_context.colorspace = colorspace
                if full_range is not None:
                    stream.codec_context.color_range = 2 if full_range else 1
                if aspect is not None:
                    stream.codec_context.sample_aspect_ratio = aspect
                is_open = True
            frame = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
            frame = frame.reformat(
                format=pixels,
                dst_colorspace=None if colorspace is None else colorspace,
                dst_color_range=2 if full_range else 1,
            )
            frame.pts = round(ticks * (times[index] if times else index / fps))
            frame.time_base = Fraction(1, ticks)
            sink.mux(stream.encode(frame))
        if audio is not None:
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 48_000), np.float32), "fltp", "mono")
            silence.sample_rate = 48_000
            sink.mux(audio.encode(silence))
            sink.mux(audio.encode(None))
        sink.mux(stream.encode(None))
    if rotation:
        rotate_mp4(path, rotation)
    return path


def rotate_mp4(path: Path, degrees: int) -> None:
    """Writes a rotation by 90, 180 or 270 degrees clockwise into an MP4's track header."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd")
    one = 0x10000
    matrix = {90: (0, one, -one, 0), 180: (-one, 0, 0, -one), 270: (0, -one, one, 0)}[degrees]
    # ISO/IEC 14496-12, 8.3.2: version and flags, times and ids (24 bytes in version 0), then
    # 16 bytes until the matrix a, b, u, c, d, v, x, y, w.
    begin = at + 4 + 4 + (32 if data[at + 4] else 20) + 16
    a, b, c, d = matrix
    for place, value in ((0, a), (1, b), (3, c), (4, d)):
        data[begin + 4 * place : begin + 4 * place + 4] = value.to_bytes(4, "big", signed=True)
    path.write_bytes(data)


def through_codec(pictures: Sequence[Any], codec: str, bitrate_bps: int, fps: int = 30) -> Any:
    """Yields the luma of I420 pictures after an encoder and a decoder."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as sink:
        options = {"libx264": {"preset": "ultrafast", "tune": "zerolatency"}}.get(
            codec, {"deadline": "realtime", "cpu-used": "-6"}
        )
        stream: Any = sink.add_stream(codec, rate=fps, options=options)
        stream.bit_rate = bitrate_bps
        stream.height, stream.width = pictures[0].shape[0] * 2 // 3, pictures[0].shape[1]
        for picture in pictures:
            sink.mux(stream.encode(VideoFrame.from_ndarray(picture, format="yuv420p")))
        sink.mux(stream.encode(None))
    file.seek(0)
    with av.open(file, "r", format="matroska") as source:
        for frame in source.decode(video=0):
            yield frame.to_ndarray()[: frame.height]
