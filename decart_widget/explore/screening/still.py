"""The one picture on which prompts are screened: a file, an array, or a frame of a clip."""

from __future__ import annotations

import base64
import math
import os
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from decart_widget.errors import InvalidImageError, InvalidOptionError, SourceError
from decart_widget.inputs.image_download import is_url

PICTURE_SUFFIXES: Final = frozenset(
    (".jpg", ".jpeg", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff")
)
"""Endings of files that are pictures; other paths are clips."""

WIDTH: Final = 1280
"""Pixels of the width of a frame that is taken from a clip."""

HEIGHT: Final = 720
"""Pixels of its height."""

MAX_AT_S: Final = 600.0
"""Seconds into a clip that are read for one frame."""


def still(frame: Any, at: float) -> bytes:
    """Returns the file of a picture.

    Args:
        frame: A picture of any type that ``image=`` of ``Session`` takes; or a clip: the path of a
            video file, or a source such as ``VideoFile``.
        at: Time in seconds of the frame that is taken from a clip.

    Returns:
        A JPEG or PNG file without any metadata.

    Raises:
        InvalidImageError: It is no picture, or only an id of the service.
        InvalidOptionError: The time is out of range.
        SourceError: The clip can't be read, or is shorter.
    """
    from decart_widget.inputs.reference_image import load_image

    is_number = isinstance(at, int | float) and not isinstance(at, bool)
    if not is_number or not 0 <= at <= MAX_AT_S or math.isnan(at):
        raise InvalidOptionError(
            f"The time of the frame is {at!r}.", remedy=f"Give seconds, 0 to {MAX_AT_S:g}."
        )
    picture = load_image(_frame_of(frame, at) if _is_clip(frame) else frame)
    if picture.data is None:
        raise InvalidImageError(
            "A picture that is only an id of the service can't be shown beside its previews.",
            remedy="Give the picture itself: a path, a URL or an array.",
        )
    return base64.b64decode(picture.data)


def _is_clip(frame: Any) -> bool:
    """Returns whether a frame has to be taken from it."""
    if not isinstance(frame, str | os.PathLike):
        return callable(getattr(frame, "describe", None))
    text = os.fspath(frame)
    if not isinstance(text, str) or is_url(text) or text[:5].lower() in ("data:", "file_"):
        return False
    return Path(text).suffix.lower() not in PICTURE_SUFFIXES


def _frame_of(clip: Any, at: float) -> Any:
    """Returns a frame of a clip as RGB.

    Raises:
        SourceError: It can't be read, or is shorter.
    """
    from decart_widget.inputs.sources.choice import as_source
    from decart_widget.inputs.sources.opening import open_reader
    from decart_widget.inputs.sources.reader import Target
    from decart_widget.sandbox.effects.picture import I420

    source = as_source(clip)
    source.check()
    target = Target(WIDTH, HEIGHT, 30, "auto")
    own = getattr(source, "reader", None)  # of frames in this process
    with closing(
        own(target) if callable(own) else open_reader(source.describe(), target)
    ) as reader:
        while (frame := reader.read()) is not None:
            if frame.source_time >= at - 1e-6:
                return I420(frame.picture).rgb()
    raise SourceError(
        f"{source.label} has no frame at {at:g} s.", remedy="Give an earlier time as at=."
    )
