"""The clip of a cell as a video file: small, and good enough to be scored again.

The files are H.264 at a constant rate factor of 14, of which a score that is computed again differs
by less than what the service's own codec does to a picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from decart_widget.errors import MediaError
from decart_widget.files import written_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CRF: Final = "14"
"""x264's constant rate factor; 18 is visually lossless, and detail counts in the scores."""

CLOCK: Final = Fraction(1, 90_000)
"""Time base of the files, in seconds."""

BT601: Final = 6
"""The matrix of the planes, as ITU-T H.273 numbers it."""

LIMITED_RANGE: Final = 1
"""FFmpeg's ``AVCOL_RANGE_MPEG``: luma from 16 to 235."""

MAX_FRAMES: Final = 20_000
"""Frames that are read of one file at most."""


def write_clip(path: Path, frames: Sequence[NDArray[np.uint8]], times: Sequence[float]) -> None:
    """Writes frames as an MP4 file; one that is there is replaced as a whole.

    Args:
        path: The file, in a folder that exists.
        frames: uint8 RGB arrays ``(height, width, 3)`` of one size; at least one. Of odd sizes the
            last row or column is left out.
        times: Time of each frame in seconds; they rise.

    Raises:
        OSError: The file can't be written, as where the disk is full.
    """
    import av

    height, width = (side & ~1 for side in frames[0].shape[:2])
    with (
        written_whole(path, overwrite=True) as temporary,
        av.open(str(temporary), "w", format="mp4", options={"movflags": "faststart"}) as container,
    ):
        stream: Any = container.add_stream("libx264", rate=30)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.options = {"preset": "veryfast", "crf": CRF}
        context = stream.codec_context
        context.time_base = CLOCK
        # Without these players take a large picture for BT.709.
        context.colorspace, context.color_range = BT601, LIMITED_RANGE
        last = -1
        for array, time in zip(frames, times, strict=True):
            picture: Any = array[:height, :width]
            frame = av.VideoFrame.from_ndarray(_contiguous(picture), format="rgb24")
            frame = frame.reformat(format="yuv420p", dst_colorspace=BT601_SWS)
            last = max(last + 1, round((time - times[0]) / CLOCK))
            frame.pts, frame.time_base = last, CLOCK
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


BT601_SWS: Final = 5
"""libswscale's ``SWS_CS_ITU601``."""


def read_clip(path: Path) -> list[NDArray[np.uint8]]:
    """Reads the frames of a file of `write_clip`.

    Args:
        path: The file.

    Returns:
        The frames as uint8 RGB arrays ``(height, width, 3)``.

    Raises:
        MediaError: The file is missing or damaged.
    """
    import av
    import numpy as np

    frames: list[NDArray[np.uint8]] = []
    try:
        # The format is named, because FFmpeg would read other files for a playlist.
        with av.open(str(path), format="mp4") as container:
            for frame in container.decode(video=0):
                frames.append(np.asarray(frame.to_ndarray(format="rgb24"), np.uint8))
                if len(frames) >= MAX_FRAMES:
                    break
    except (av.FFmpegError, OSError, IndexError) as error:
        raise _damaged(path, type(error).__name__) from None
    if not frames:
        raise _damaged(path, "no frame")
    return frames


def size_of(path: Path) -> tuple[int, int]:
    """Returns width and height of a file of `write_clip`, in pixels.

    Args:
        path: The file.

    Raises:
        MediaError: The file is missing or damaged.
    """
    import av

    try:
        with av.open(str(path), format="mp4") as container:
            stream = container.streams.video[0]
            return int(stream.width), int(stream.height)
    except (av.FFmpegError, OSError, IndexError) as error:
        raise _damaged(path, type(error).__name__) from None


def _damaged(path: Path, why: str) -> MediaError:
    return MediaError(
        f"The clip {path.name} of a cell can't be read ({why}).",
        remedy="Run the sweep again: cells whose files are damaged are run once more.",
        code="damaged-cell",
    )


def _contiguous(array: Any) -> Any:
    import numpy as np

    return np.ascontiguousarray(array, dtype=np.uint8)
