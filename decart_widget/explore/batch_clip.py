"""The clip of a batch job: what is sent as one file, and what came back, frame by frame."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import av
import numpy as np

from decart_widget.errors import MediaError, SourceError
from decart_widget.inputs.sources.opening import open_reader
from decart_widget.inputs.sources.reader import ReadFrame, Source, Target
from decart_widget.sandbox.effects.picture import I420

if TYPE_CHECKING:
    from numpy.typing import NDArray

CRF: Final = "14"
"""x264's constant rate factor of what is sent; 18 is visually lossless."""

CLOCK: Final = Fraction(1, 90_000)
"""Time base of the file, in seconds."""

NEAR_FRAMES: Final = 0.75
"""Frames by which the time of a frame that came back may differ from that of the sent one."""

MAX_FRAMES: Final = 20_000
"""Frames of a clip at most."""


@dataclass(frozen=True)
class SentClip:
    """The part of a source that each cell covers.

    Attributes:
        indices: Number of each frame in its source.
        times: Its time in the source, in seconds.
        frames: RGB of uint8 ``(height, width, 3)``.
        file: All of them as an MP4 file (H.264), whose times begin at 0.
        fps: Frames/s.
    """

    indices: tuple[int, ...]
    times: tuple[float, ...]
    frames: Sequence[NDArray[np.uint8]]
    file: bytes
    fps: float


def sent_clip(source: Source, target: Target, first_s: float, seconds: float) -> SentClip:
    """Reads the part of a source that is sent, and encodes it.

    Args:
        source: The clip.
        target: The picture that the model takes.
        first_s: Where the part begins, in seconds of the source.
        seconds: Its length.

    Returns:
        The part.

    Raises:
        SourceError: The source can't be read, or has no frame there.
    """
    own: Any = getattr(source, "reader", None)  # of frames in this process
    reader = own(target) if callable(own) else open_reader(source.describe(), target)
    picked: list[ReadFrame] = []
    with closing(reader):
        fps = min(reader.fps or target.fps, target.fps)
        while (frame := reader.read()) is not None and len(picked) < MAX_FRAMES:
            if frame.source_time >= first_s + seconds - 1e-6:
                break
            if frame.source_time >= first_s - 1e-6:
                picked.append(frame)
    if not picked:
        raise SourceError(
            f"{source.label} has no frame at {first_s:g} s.", remedy="Choose another part of it."
        )
    times = tuple(frame.source_time for frame in picked)
    return SentClip(
        tuple(frame.index for frame in picked),
        times,
        [np.asarray(I420(frame.picture).rgb(), np.uint8) for frame in picked],
        _encoded([frame.picture for frame in picked], times, fps),
        fps,
    )


def returned_frames(file: bytes, sent: SentClip) -> list[NDArray[np.uint8] | None]:
    """Decodes what came back.

    Args:
        file: An MP4, MOV, Matroska or WebM file.
        sent: What was sent.

    Returns:
        For each frame that was sent the one that came back, RGB of uint8 ``(height, width, 3)``:
        one after the other where there are as many, else the nearest in time; None where none is.

    Raises:
        MediaError: The file can't be decoded.
    """
    frames: list[NDArray[np.uint8]] = []
    times: list[float] = []
    name = "matroska" if file[:4] == b"\x1aE\xdf\xa3" else "mp4"
    try:
        # The format is named, because FFmpeg would read other files for a playlist.
        with av.open(io.BytesIO(file), "r", format=name) as container:
            for frame in container.decode(video=0):
                frames.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
                times.append(float(frame.time or 0.0))
                if len(frames) >= MAX_FRAMES:
                    break
    except (av.FFmpegError, IndexError) as error:
        raise MediaError(
            f"The clip that came back can't be decoded ({type(error).__name__}).",
            remedy="Run the cell again: sheet.retry().",
        ) from None
    if len(frames) == len(sent.times):
        return list(frames)
    near_s = NEAR_FRAMES / sent.fps
    found: list[NDArray[np.uint8] | None] = []
    for time in sent.times:
        wanted = time - sent.times[0]
        at = min(range(len(times)), key=lambda n: abs(times[n] - times[0] - wanted), default=None)
        is_near = at is not None and abs(times[at] - times[0] - wanted) <= near_s
        found.append(frames[at] if at is not None and is_near else None)
    return found


def _encoded(pictures: Sequence[Any], times: Sequence[float], fps: float) -> bytes:
    """Returns I420 pictures as an MP4 file."""
    output = io.BytesIO()
    with av.open(output, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(fps).limit_denominator(1001))
        height, width = pictures[0].shape[0] * 2 // 3, pictures[0].shape[1]
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": CRF}
        stream.codec_context.time_base = CLOCK
        last = -1
        for picture, time in zip(pictures, times, strict=True):
            frame = av.VideoFrame.from_ndarray(picture, format="yuv420p")
            last = max(last + 1, round((time - times[0]) / CLOCK))
            frame.pts, frame.time_base = last, CLOCK
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return output.getvalue()
