"""The colours of a reference image, transferred to the picture."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np

from decart_widget.sandbox.effects.picture import I420, NEUTRAL, Plane

STRENGTH: Final = 0.85
"""How far the picture's luma and chroma move towards the image's, 0 to 1."""

MEASURED_WIDTH_PX: Final = 160
"""Width at which the picture's mean, contrast and histogram are measured; a larger one makes no
visible difference."""

IMAGE_SIDE_PX: Final = 128
"""Width and height to which a reference image is reduced; only its colours are used."""

CONTRAST_LIMIT: Final = 2.0
"""Largest factor by which contrast is raised or lowered; beyond it flat pictures become noisy."""


class Palette:
    """The colours of one image, as tables to transfer them to pictures.

    The picture's luma gets the image's mean and contrast (Reinhard et al., Color Transfer between
    Images, 2001). Its chroma follows its luma: dark parts get the colours of the image's dark
    parts, and so on up to the light ones. That leaves faces recognisable and costs only table
    look-ups.

    Args:
        image: (height, width, 3) uint8 RGB.
    """

    def __init__(self, image: Plane) -> None:
        small = reduced(image)
        picture = I420.from_rgb(small)
        luma = picture.y.reshape(-1)
        self._mean = float(luma.mean())
        self._spread = float(luma.std())
        full = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb)
        order = np.argsort(full[..., 0], axis=None, kind="stable")
        self._u = _by_rank(full[..., 2].reshape(-1)[order])
        self._v = _by_rank(full[..., 1].reshape(-1)[order])

    def paint(self, picture: I420) -> I420:
        """A new picture with the image's luma statistics and colours."""
        scale = MEASURED_WIDTH_PX / picture.width
        small = cv2.resize(picture.y, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        mean, spread = (float(value[0, 0]) for value in cv2.meanStdDev(small))
        contrast = min(CONTRAST_LIMIT, max(1 / CONTRAST_LIMIT, self._spread / max(spread, 1.0)))
        levels = np.arange(256, dtype=np.float32)
        moved = (levels - mean) * contrast + self._mean
        light = np.clip(levels + STRENGTH * (moved - levels), 16, 235).astype(np.uint8)

        histogram = np.bincount(small.reshape(-1), minlength=256)
        rank = np.cumsum(histogram) / small.size * 255
        rank_table = rank.astype(np.uint8)

        output = I420.like(picture)
        cv2.LUT(picture.y, light, dst=output.y)
        half = cv2.resize(picture.y, (picture.width // 2, picture.height // 2))
        for source, target, colours in (
            (picture.u, output.u, self._u[rank_table]),
            (picture.v, output.v, self._v[rank_table]),
        ):
            cv2.addWeighted(cv2.LUT(half, colours), STRENGTH, source, 1 - STRENGTH, 0.0, dst=target)
        return output


def reduced(image: Plane) -> Plane:
    """As much of an image as a `Palette` uses: (`IMAGE_SIDE_PX`, `IMAGE_SIDE_PX`, 3) uint8 RGB.

    Args:
        image: (height, width, 3) uint8 RGB.
    """
    side = IMAGE_SIDE_PX
    small: Plane = cv2.resize(image, (side, side), interpolation=cv2.INTER_AREA)
    return small


def _by_rank(chroma: Plane) -> Plane:
    """Chroma of pixels sorted by luma -> 256 means of it, smoothed, from the darkest up."""
    steps = chroma.reshape(256, -1).mean(axis=1, dtype=np.float32) - NEUTRAL
    window = np.bartlett(65).astype(np.float32)
    padded = np.pad(steps, len(window) // 2, mode="edge")
    smooth = np.convolve(padded, window / window.sum(), mode="valid")
    colours: Plane = np.clip(smooth + NEUTRAL, 0, 255).astype(np.uint8)
    return colours
