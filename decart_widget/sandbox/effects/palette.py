"""A reference image's colours, given to the picture."""

from __future__ import annotations

import cv2
import numpy as np

from decart_widget.sandbox.effects.picture import I420, NEUTRAL, Plane

#: How far the picture moves towards the image.
STRENGTH = 0.85

#: The picture is measured on so many pixels across; more changes nothing that can be seen.
MEASURED_WIDTH = 160

#: Contrast is changed at most by this factor either way, or a dull picture turns to noise.
CONTRAST_LIMIT = 2.0


class Palette:
    """The colours of one image, in the form in which they are given to pictures.

    Luma takes the image's mean and contrast (Reinhard et al., Color Transfer between Images, 2001).
    Colour follows luma: where the image is dark the picture gets the colour that the image has in
    its darks, and so on up to the lights. That keeps faces whole and is two table look-ups a frame.

    Args:
        image: (height, width, 3) uint8 RGB.
    """

    def __init__(self, image: Plane) -> None:
        small = cv2.resize(image, (128, 128), interpolation=cv2.INTER_AREA)
        picture = I420.from_rgb(small)
        luma = picture.y.reshape(-1)
        self._mean = float(luma.mean())
        self._spread = float(luma.std())
        full = cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb)
        order = np.argsort(full[..., 0], axis=None, kind="stable")
        self._u = _by_rank(full[..., 2].reshape(-1)[order])
        self._v = _by_rank(full[..., 1].reshape(-1)[order])

    def paint(self, picture: I420) -> I420:
        """A new picture with the image's light and colours."""
        scale = MEASURED_WIDTH / picture.width
        small = cv2.resize(picture.y, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        mean, spread = (float(value[0, 0]) for value in cv2.meanStdDev(small))
        contrast = min(CONTRAST_LIMIT, max(1 / CONTRAST_LIMIT, self._spread / max(spread, 1.0)))
        levels = np.arange(256, dtype=np.float32)
        moved = (levels - mean) * contrast + self._mean
        light = np.clip(levels + STRENGTH * (moved - levels), 16, 235).astype(np.uint8)

        histogram = np.bincount(small.reshape(-1), minlength=256)
        rank = np.cumsum(histogram) / small.size * 255
        rank_table = rank.astype(np.uint8)

        shown = I420.like(picture)
        cv2.LUT(picture.y, light, dst=shown.y)
        half = cv2.resize(picture.y, (picture.width // 2, picture.height // 2))
        for source, target, colours in (
            (picture.u, shown.u, self._u[rank_table]),
            (picture.v, shown.v, self._v[rank_table]),
        ):
            cv2.addWeighted(cv2.LUT(half, colours), STRENGTH, source, 1 - STRENGTH, 0.0, dst=target)
        return shown


def _by_rank(chroma: Plane) -> Plane:
    """Chroma of pixels sorted by luma -> 256 steps of it, smoothed, from the darkest up."""
    steps = chroma.reshape(256, -1).mean(axis=1, dtype=np.float32) - NEUTRAL
    window = np.bartlett(65).astype(np.float32)
    padded = np.pad(steps, len(window) // 2, mode="edge")
    smooth = np.convolve(padded, window / window.sum(), mode="valid")
    colours: Plane = np.clip(smooth + NEUTRAL, 0, 255).astype(np.uint8)
    return colours
