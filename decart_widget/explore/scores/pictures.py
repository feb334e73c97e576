"""Pictures as scores need them: checked, of one small size, as grey values and in CIE Lab."""

from __future__ import annotations

import math
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from decart_widget.errors import InvalidOptionError

Picture = NDArray[Any]
"""RGB of uint8 ``(height, width, 3)``, or what is computed of one."""

AREA: Final = 320 * 180
"""Pixels of the pictures that are scored, whatever their shape: finer detail is the codec's noise,
and costs four times as much."""

MIN_SIDE: Final = 32
"""Pixels; the optical flow compares blocks and needs some of them."""

LARGEST_SHARP: Final = 1280 * 720
"""Pixels up to which detail is compared at full size."""


def checked(picture: Any) -> Picture:
    """Returns a frame if it is one.

    Args:
        picture: RGB of uint8 ``(height, width, 3)``.

    Returns:
        The same array.

    Raises:
        InvalidOptionError: It has another shape or type, or no pixels.
    """
    is_array = isinstance(picture, np.ndarray)
    if not is_array or picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
        what = f"{picture.dtype} {picture.shape}" if is_array else type(picture).__name__
        raise InvalidOptionError(
            f"A frame that is to be scored is {what}.",
            remedy="Give RGB arrays of uint8 with the shape (height, width, 3).",
        )
    if 0 in picture.shape:
        raise InvalidOptionError(
            "A frame that is to be scored has no pixels.", remedy="Check its shape."
        )
    found: Picture = picture
    return found


def small_size(picture: Picture) -> tuple[int, int]:
    """Returns width and height in pixels at which a clip of such pictures is scored."""
    height, width = picture.shape[:2]
    scale = min(1.0, math.sqrt(AREA / (width * height)))
    # A strip of one pixel by a million must not become one of 32 by a million.
    sides = (min(AREA // MIN_SIDE, max(MIN_SIDE, round(side * scale))) for side in (width, height))
    first, second = sides
    return first, second


def resized(picture: Picture, size: tuple[int, int]) -> Picture:
    """Returns a picture of another size, averaged over areas where it gets smaller.

    Args:
        picture: ``(height, width, 3)``.
        size: Width and height in pixels.
    """
    if picture.shape[1::-1] == size:
        return picture
    shrinks = size[0] * size[1] < picture.shape[0] * picture.shape[1]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return cv2.resize(picture, size, interpolation=how)


def grey(picture: Picture) -> Picture:
    """Returns the luma of a picture: uint8 ``(height, width)``."""
    return cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)


def lab(picture: Picture) -> Picture:
    """Returns a picture in CIE Lab: float32 ``(height, width, 3)``, L from 0 to 100."""
    scaled = np.multiply(picture, np.float32(1 / 255), dtype=np.float32)
    return cv2.cvtColor(scaled, cv2.COLOR_RGB2Lab)


def lab_distance(a: Picture, b: Picture) -> float:
    """Returns the mean distance of two pictures of one size in CIE Lab."""
    off = cv2.absdiff(a, b)
    return float(np.sqrt(np.einsum("...i,...i->...", off, off)).mean())
