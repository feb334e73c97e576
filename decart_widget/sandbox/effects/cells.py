"""Pictures put together from cells: each cell takes the colour that the picture has at its centre.

Which pixel belongs to which cell is drawn once for a picture size and kept, so that a frame costs
one look-up a pixel however elaborate the cells are.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np

from decart_widget.sandbox.effects.canvas import grow
from decart_widget.sandbox.effects.picture import I420, Plane

#: Cells are laid out at half the picture's size; what is between them is shaded at full size.
_SCALE = 2


@dataclass(frozen=True)
class Cells:
    """A layout for pictures of one size.

    Attributes:
        label: (height / 2, width / 2) int32: the cell that a pixel belongs to.
        centre: (cells,) flat index of each cell's centre among the half-size pixels.
        relief: (height, width) uint8 for `multiply`-like shading: 128 leaves a pixel as it is.
    """

    label: Plane
    centre: Plane
    relief: Plane

    def fill(self, picture: I420, shown: I420, *, chroma: Plane | None = None) -> None:
        """Paint ``shown`` in ``picture``'s colours, one a cell; ``chroma`` is a table for them."""
        height, width = self.label.shape
        small = cv2.resize(picture.y, (width, height), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), 1.5)
        flat = grow(self._spread(small), picture.y)
        # Twice the product round 128: the relief lightens as well as darkens.
        cv2.multiply(flat, self.relief, dst=shown.y, scale=1 / 128)
        for source, target in ((picture.u, shown.u), (picture.v, shown.v)):
            colour = source if chroma is None else cv2.LUT(source, chroma)
            np.copyto(target, self._spread(colour))

    def _spread(self, plane: Plane) -> Plane:
        colours = plane.reshape(-1)[self.centre]
        spread: Plane = np.take(colours, self.label)
        return spread


@functools.lru_cache(maxsize=8)
def brush_strokes(width: int, height: int, length: float, swirl: float) -> Cells:
    """Overlapping strokes of paint that follow a slowly turning direction.

    Args:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        length: Of a stroke, in pixels of a 1280 wide picture.
        swirl: How much the direction turns across the picture: 0 hardly, 1 in whirls.
    """
    w, h = width // _SCALE, height // _SCALE
    rng = np.random.default_rng(11)
    unit = length * w / 1280
    count = int(9.0 * w * h / (unit * unit))
    x, y = rng.integers(0, w, count), rng.integers(0, h, count)
    turns = _smooth_field(w, h, rng, waves=2 + 5 * swirl) * (40 + 130 * swirl)
    angles = turns[y, x] + rng.normal(0, 8, count)
    lengths = unit * rng.uniform(0.6, 1.2, count)
    light = rng.integers(119, 138, count)
    label = _nearest(x, y, w, h)  # what shows where no stroke comes
    shade = np.full((h, w), 128, np.uint8)
    for index in range(count):
        axes = (max(2, round(lengths[index] / 2)), max(1, round(lengths[index] / 7)))
        place = (int(x[index]), int(y[index]))
        cv2.ellipse(label, place, axes, float(angles[index]), 0, 360, index, -1)
        cv2.ellipse(shade, place, axes, float(angles[index]), 0, 360, int(light[index]), -1)
    return Cells(label, y * w + x, _lit(label, shade, width, height, depth=22.0))


@functools.lru_cache(maxsize=4)
def glass_panes(width: int, height: int, size: float) -> Cells:
    """Irregular panes in lead, ``size`` pixels of a 1280 wide picture across."""
    w, h = width // _SCALE, height // _SCALE
    rng = np.random.default_rng(5)
    step = size * w / 1280
    across, down = int(w / step) + 2, int(h / step) + 2
    gx, gy = np.meshgrid(np.arange(across), np.arange(down))
    xs = (gx + rng.uniform(-0.38, 0.38, gx.shape) + 0.5 * (gy % 2)).reshape(-1) * step
    ys = (gy + rng.uniform(-0.38, 0.38, gy.shape)).reshape(-1) * step
    nearest = np.full((h, w), np.inf, np.float32)
    label = np.zeros((h, w), np.int32)
    py, px = np.mgrid[0:h, 0:w].astype(np.float32)
    reach = int(step * 2) + 1
    for index, (cx, cy) in enumerate(zip(xs, ys, strict=True)):
        rows = slice(max(0, int(cy) - reach), max(0, int(cy) + reach))
        columns = slice(max(0, int(cx) - reach), max(0, int(cx) + reach))
        away = (px[rows, columns] - cx) ** 2 + (py[rows, columns] - cy) ** 2
        closer = away < nearest[rows, columns]
        nearest[rows, columns][closer] = away[closer]
        label[rows, columns][closer] = index
    x, y = np.clip(xs, 0, w - 1).astype(int), np.clip(ys, 0, h - 1).astype(int)
    lead = _borders(label, width, height, thickness=max(2, width // 320))
    tone = rng.integers(112, 150, len(xs)).astype(np.uint8)[label]
    relief = grow(cv2.GaussianBlur(tone, (0, 0), 1.0), lead)
    return Cells(label, y * w + x, np.where(lead > 0, 30, relief).astype(np.uint8))


@functools.lru_cache(maxsize=4)
def tiles(width: int, height: int, size: float) -> Cells:
    """Square stones with grout between them, each a little off the grid."""
    w, h = width // _SCALE, height // _SCALE
    rng = np.random.default_rng(3)
    step = max(4, round(size * w / 1280))
    across, down = w // step + 1, h // step + 1
    py, px = np.mgrid[0:h, 0:w]
    label = (py // step * across + px // step).astype(np.int32)
    cy, cx = np.divmod(np.arange(across * down), across)
    x = np.clip(cx * step + step // 2, 0, w - 1)
    y = np.clip(cy * step + step // 2, 0, h - 1)
    tone = rng.integers(112, 142, across * down).astype(np.uint8)[label]
    relief = cv2.resize(tone, (width, height), interpolation=cv2.INTER_NEAREST)
    grout = _borders(label, width, height, thickness=max(1, width // 640))
    return Cells(label, y * w + x, np.where(grout > 0, 62, relief).astype(np.uint8))


def _nearest(x: Plane, y: Plane, w: int, h: int) -> Plane:
    """Which of the points is the nearest to each pixel."""
    away = np.ones((h, w), np.uint8)
    away[y, x] = 0
    zone = cv2.distanceTransformWithLabels(away, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)[1]
    point = np.zeros(int(zone.max()) + 1, np.int32)
    point[zone[y, x]] = np.arange(len(x))
    nearest: Plane = point[zone]
    return nearest


def _smooth_field(w: int, h: int, rng: np.random.Generator, *, waves: float) -> Plane:
    coarse = rng.normal(0, 1, (max(2, int(waves * h / w) + 2), int(waves) + 2)).astype(np.float32)
    field: Plane = cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC)
    return field


def _lit(label: Plane, shade: Plane, width: int, height: int, *, depth: float) -> Plane:
    """Relief of overlapping strokes: an edge towards the light shines, one away from it is dark."""
    height_map: Plane = (label % 251).astype(np.float32) / 251
    height_map = cv2.resize(height_map, (width, height), interpolation=cv2.INTER_LINEAR)
    slope = cv2.GaussianBlur(height_map, (0, 0), 0.9)
    light = slope - np.roll(np.roll(slope, 1, 0), 1, 1)
    tone = cv2.resize(shade, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    lit: Plane = np.clip(tone + light * depth * 2, 84, 172).astype(np.uint8)
    return lit


def _borders(label: Plane, width: int, height: int, *, thickness: int) -> Plane:
    full = cv2.resize(label.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST)
    edge = (full != np.roll(full, 1, 0)) | (full != np.roll(full, 1, 1))
    kernel = np.ones((thickness, thickness), np.uint8)
    return cv2.dilate(edge.astype(np.uint8) * 255, kernel)
