"""Checks of what callers give to sources of frames."""

from __future__ import annotations

import math
from typing import Any, Final

from decart_widget.errors import SourceError

MAX_FPS: Final = 240.0
"""Frames/s that a source may be asked for; no model takes more than a quarter of that."""

MAX_PIXELS: Final = 36_000_000
"""Pixels of a picture of a source (7680x4320 and a margin); larger ones are not decoded."""


def checked_fps(fps: Any) -> float | None:
    """Returns frames/s as float; None for None.

    Args:
        fps: What the caller gave as ``fps=``.

    Raises:
        SourceError: It is no number above 0, up to `MAX_FPS`.
    """
    if fps is None:
        return None
    if isinstance(fps, bool) or not _is_number(fps) or not 0 < fps <= MAX_FPS:
        raise SourceError(
            f"The source's fps is {fps!r}.",
            remedy=f"Give frames/s above 0, up to {MAX_FPS:g}, or leave fps out.",
        )
    return float(fps)


def checked_seconds(seconds: Any, name: str, *, may_be_zero: bool = False) -> float | None:
    """Returns seconds as float; None for None.

    Args:
        seconds: What the caller gave.
        name: The argument's name.
        may_be_zero: Whether 0 is allowed.

    Raises:
        SourceError: It is no finite number above 0 (or 0).
    """
    if seconds is None:
        return None
    is_number = _is_number(seconds) and not isinstance(seconds, bool)
    if not is_number or not (0 < seconds < math.inf or (may_be_zero and seconds == 0)):
        raise SourceError(
            f"The source's {name} is {seconds!r}.",
            remedy=f"Give {name} in seconds{', from 0' if may_be_zero else ', above 0'}.",
        )
    return float(seconds)


def empty_source(label: str) -> SourceError:
    """Returns the error of a source that ends before its first frame."""
    return SourceError(
        f"{label} has no frame: it ends before the first one.",
        remedy="Check start= and end=, or that the iterable isn't used up.",
    )


def _is_number(value: object) -> bool:
    try:
        float(value)  # type: ignore[arg-type]  # a number of NumPy, too
    except (TypeError, ValueError):
        return False
    return not isinstance(value, str | bytes)
