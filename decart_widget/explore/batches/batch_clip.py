"""The clip of a batch job: what is sent as one file, and what came back, frame by frame."""

from __future__ import annotations

import io
from collections.abc import Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import av

from decart_widget.errors import MediaError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.explore.planning.looped_clip import Clip

CRF: Final = "14"
"""x264's constant rate factor of what is sent; 18 is visually lossless."""

CLOCK: Final = Fraction(1, 90_000)
"""Time base of the file, in seconds."""

NEAR_FRAMES: Final = 0.75
"""Frames by which the time of a frame that came back may differ from that of the sent one."""

MAX_FRAMES: Final = 20_000
"""Frames of a clip at most."""


def encoded(clip: Clip) -> bytes:
    """Returns a clip as an MP4 file (H.264), whose times begin at 0.

    Args:
        clip: What each cell sees.
    """
    output = io.BytesIO()
    with av.open(output, "w", format="mp4") as container:
        stream: Any = container.add_stream(
            "libx264", rate=Fraction(clip.fps).limit_denominator(1001)
        )
        height, width = clip.pictures[0].shape[:2]
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": CRF}
        stream.codec_context.time_base = CLOCK
        last = -1
        for planes, time in zip(clip.pictures.planes, clip.times, strict=True):
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            last = max(last + 1, round((time - clip.times[0]) / CLOCK))
            frame.pts, frame.time_base = last, CLOCK
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return output.getvalue()


def returned(file: bytes, clip: Clip) -> list[tuple[int, NDArray[np.uint8]]]:
    """Decodes what came back, of the frames that are wanted.

    Args:
        file: An MP4, MOV, Matroska or WebM file.
        clip: What was sent.

    Returns:
        The position of each frame in the clip, rising, and its planes as in ``Pictures``. Frames
        belong together one after the other where there are as many as were sent, else the nearest
        in time; a frame that didn't come back is left out.

    Raises:
        MediaError: The file can't be decoded, or has none of the frames.
    """
    planes: list[NDArray[np.uint8]] = []
    times: list[float] = []
    name = "matroska" if file[:4] == b"\x1aE\xdf\xa3" else "mp4"
    remedy = "Run the cell again: sheet.retry()."
    try:
        # The format is named, because FFmpeg would read other files for a playlist.
        with av.open(io.BytesIO(file), "r", format=name) as container:
            for frame in container.decode(video=0):
                planes.append(_planes(frame))
                times.append(float(frame.time or 0.0))
                if len(planes) >= MAX_FRAMES:
                    break
    except (av.FFmpegError, IndexError) as error:
        raise MediaError(
            f"The clip that came back can't be decoded ({type(error).__name__}).", remedy=remedy
        ) from None
    found = [(at, planes[other]) for at, other in _pairs(clip, times)]
    if not found:
        raise MediaError(
            "The clip that came back has no frame of the one that was sent.", remedy=remedy
        )
    return found


def _pairs(clip: Clip, times: Sequence[float]) -> list[tuple[int, int]]:
    """Returns the positions of wanted frames in the clip and in what came back."""
    if len(times) == len(clip):
        return [(at, at) for at in clip.wanted]
    pairs = []
    for at in clip.wanted if times else ():
        wanted_s = clip.times[at] - clip.times[0]
        apart = [abs(time - times[0] - wanted_s) for time in times]
        nearest = min(range(len(times)), key=apart.__getitem__)
        if apart[nearest] <= NEAR_FRAMES / clip.fps:
            pairs.append((at, nearest))
    return pairs


def _planes(frame: av.VideoFrame) -> Any:
    """Returns a frame as ``(height * 3 / 2, width)`` uint8, I420; of even width and height."""
    from decart_widget.sandbox.effects.picture import I420

    if frame.width % 2 or frame.height % 2:
        return I420.from_rgb(frame.to_ndarray(format="rgb24")).data
    return frame.reformat(format="yuv420p").to_ndarray()
