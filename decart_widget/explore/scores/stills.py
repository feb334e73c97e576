"""Scores of single frames: how much of the drawing is kept, colours, and sharpness."""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np

from decart_widget.explore.scores.pictures import (
    LARGEST_SHARP,
    Picture,
    grey,
    lab,
    lab_distance,
    resized,
)

LINE_PX: Final = 1.5
"""Standard deviation in pixels of the blur before outlines are looked for: finer is grain."""

NEAR_PX: Final = 2.0
"""Standard deviation in pixels within which a line may move, or be drawn twice."""

AROUND_PX: Final = 16.0
"""Standard deviation in pixels of the surroundings to whose strength an outline is compared."""

FAINT: Final = 4.0
"""Strength of outlines, as a gradient in levels, that is taken for noise."""

NO_DETAIL: Final = 0.05
"""Mean Laplacian in levels of a picture without detail; less is not divided by."""


def structure(sent: Picture, shown: Picture) -> float:
    """Returns how many of the outlines are kept, -1 to 1, whatever their colour.

    It is the correlation of gradient magnitudes, each relative to the local strength: a faint
    outline counts like a hard one, a negative like a positive. A picture without outlines keeps
    those of another one without (1), and none of any other (0).

    Args:
        sent: Grey, uint8 ``(height, width)``.
        shown: Likewise, of the same size.
    """
    a, b = _outlines(sent), _outlines(shown)
    a -= a.mean()
    b -= b.mean()
    size_a, size_b = float(np.vdot(a, a)), float(np.vdot(b, b))
    flat = 1e-4 * a.size
    if size_a < flat or size_b < flat:
        return 1.0 if size_a < flat and size_b < flat else 0.0
    return min(1.0, max(-1.0, float(np.vdot(a, b)) / math.sqrt(size_a * size_b)))


def _outlines(picture: Picture) -> Picture:
    soft = cv2.GaussianBlur(picture, (0, 0), LINE_PX)
    across, down = cv2.Sobel(soft, cv2.CV_32F, 1, 0), cv2.Sobel(soft, cv2.CV_32F, 0, 1)
    strength = cv2.magnitude(across, down)
    near = cv2.GaussianBlur(strength, (0, 0), NEAR_PX)
    # Surroundings are smooth: a quarter of the size gives the same at a tenth of the time.
    height, width = strength.shape
    quarter = cv2.resize(
        strength, (max(1, width // 4), max(1, height // 4)), interpolation=cv2.INTER_AREA
    )
    around = cv2.resize(cv2.GaussianBlur(quarter, (0, 0), AROUND_PX / 4), (width, height))
    found: Picture = near / (around + np.float32(FAINT))
    return found


def change(sent: Picture, shown: Picture) -> float:
    """Returns the mean distance of the colours in CIE Lab; 2 is just visible.

    Args:
        sent: RGB of uint8 ``(height, width, 3)``.
        shown: Likewise, of the same size.
    """
    half = (max(1, sent.shape[1] // 2), max(1, sent.shape[0] // 2))
    return lab_distance(lab(resized(sent, half)), lab(resized(shown, half)))


def sharpness(sent: Picture, shown: Picture) -> float:
    """Returns fine detail relative to what was sent: 1 is as sharp, 0.5 half of it.

    Detail is the mean absolute Laplacian at the size of what was sent. Two pictures without detail
    are as sharp as each other.

    Args:
        sent: RGB of uint8 ``(height, width, 3)``.
        shown: Likewise, of any size.
    """
    height, width = sent.shape[:2]
    scale = min(1.0, math.sqrt(LARGEST_SHARP / (width * height)))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    return max(NO_DETAIL, _detail(shown, size)) / max(NO_DETAIL, _detail(sent, size))


def _detail(picture: Picture, size: tuple[int, int]) -> float:
    edges = cv2.Laplacian(grey(resized(picture, size)), cv2.CV_16S)
    return float(cv2.norm(edges, cv2.NORM_L1)) / edges.size
