"""Pictures made of cells; each cell has the colour that the picture has at the cell's centre.

Which pixel belongs to which cell is computed once per picture size, so that a frame costs one table
look-up per pixel, however complex the cells are.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np

from decart_widget.sandbox.effects.canvas import grow
from decart_widget.sandbox.effects.picture import I420, Plane

_SCALE: Final = 2
"""Cells are laid out at half the picture's width and height; their relief has the full size."""


@dataclass(frozen=True)
class Cells:
    """A layout for pictures of one size.

    Attributes:
        label: (height / 2, width / 2) int32: index of the cell that a pixel belongs to.
        centre: (cells,) int: flat index of each cell's centre among the half-size pixels.
        relief: (height, width) uint8: a pixel's luma is multiplied by ``relief / 128``.
    """

    label: Plane
    centre: Plane
    relief: Plane

    def fill(self, picture: I420, output: I420, *, chroma: Plane | None = None) -> None:
        """Write ``output``: one colour of ``picture`` per cell.

        Args:
            picture: The source.
            output: The target, of the same size.
            chroma: Table that chroma is mapped with, (256,) uint8; None: chroma stays as it is.
        """
        height, width = self.label.shape
        small = cv2.resize(picture.y, (width, height), interpolation=cv2.INTER_AREA)
        small = cv2.GaussianBlur(small, (0, 0), 1.5)
        flat = grow(self._spread(small), picture.y)
        # A scale of 1/128 instead of 1/255: the relief lightens as well as darkens.
        cv2.multiply(flat, self.relief, dst=output.y, scale=1 / 128)
        for source, target in ((picture.u, output.u), (picture.v, output.v)):
            colour = source if chroma is None else cv2.LUT(source, chroma)
            np.copyto(target, self._spread(colour))

    def _spread(self, plane: Plane) -> Plane:
        colours = plane.reshape(-1)[self.centre]
        spread: Plane = np.take(colours, self.label)
        return spread


@functools.lru_cache(maxsize=8)
def brush_strokes(width: int, height: int, length: float, swirl: float) -> Cells:
    """Overlapping brush strokes whose direction changes gradually across the picture.

    Args:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        length: Of a stroke, in pixels of a picture 1280 pixels wide.
        swirl: How much the direction changes: 0 hardly, 1 in whirls.
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
    label = _nearest(x, y, w, h)  # for pixels that no stroke covers
    shade = np.full((h, w), 128, np.uint8)
    for index in range(count):
        axes = (max(2, round(lengths[index] / 2)), max(1, round(lengths[index] / 7)))
        place = (int(x[index]), int(y[index]))
        cv2.ellipse(label, place, axes, float(angles[index]), 0, 360, index, -1)
        cv2.ellipse(shade, place, axes, float(angles[index]), 0, 360, int(light[index]), -1)
    return Cells(label, y * w + x, _lit(label, shade, width, height, depth=22.0))


@functools.lru_cache(maxsize=4)
def glass_panes(width: int, height: int, size: float) -> Cells:
    """Irregular panes with dark borders, ``size`` pixels wide in a picture 1280 pixels wide."""
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
        distance = (px[rows, columns] - cx) ** 2 + (py[rows, columns] - cy) ** 2
        closer = distance < nearest[rows, columns]
        nearest[rows, columns][closer] = distance[closer]
        label[rows, columns][closer] = index
    x, y = np.clip(xs, 0, w - 1).astype(int), np.clip(ys, 0, h - 1).astype(int)
    lead = _borders(label, width, height, thickness=max(2, width // 320))
    tone = rng.integers(112, 150, len(xs)).astype(np.uint8)[label]
    relief = grow(cv2.GaussianBlur(tone, (0, 0), 1.0), lead)
    return Cells(label, y * w + x, np.where(lead > 0, 30, relief).astype(np.uint8))


@functools.lru_cache(maxsize=4)
def tiles(width: int, height: int, size: float) -> Cells:
    """Square tiles with dark joints, ``size`` pixels wide in a picture 1280 pixels wide."""
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
    """The index of the point that is nearest to each pixel, (h, w) int32."""
    is_empty = np.ones((h, w), np.uint8)
    is_empty[y, x] = 0
    zone = cv2.distanceTransformWithLabels(
        is_empty, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL
    )[1]
    point = np.zeros(int(zone.max()) + 1, np.int32)
    point[zone[y, x]] = np.arange(len(x))
    nearest: Plane = point[zone]
    return nearest


def _smooth_field(w: int, h: int, rng: np.random.Generator, *, waves: float) -> Plane:
    """Smooth random values, (h, w) float32, with about ``waves`` extremes across."""
    coarse = rng.normal(0, 1, (max(2, int(waves * h / w) + 2), int(waves) + 2)).astype(np.float32)
    field: Plane = cv2.resize(coarse, (w, h), interpolation=cv2.INTER_CUBIC)
    return field


def _lit(label: Plane, shade: Plane, width: int, height: int, *, depth: float) -> Plane:
    """Relief of overlapping strokes: edges towards the upper left are lighter, others darker."""
    height_map: Plane = (label % 251).astype(np.float32) / 251
    height_map = cv2.resize(height_map, (width, height), interpolation=cv2.INTER_LINEAR)
    slope = cv2.GaussianBlur(height_map, (0, 0), 0.9)
    light = slope - np.roll(np.roll(slope, 1, 0), 1, 1)
    tone = cv2.resize(shade, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32)
    lit: Plane = np.clip(tone + light * depth * 2, 84, 172).astype(np.uint8)
    return lit


def _borders(label: Plane, width: int, height: int, *, thickness: int) -> Plane:
    """255 at the borders between cells, ``thickness`` pixels wide, 0 elsewhere."""
    full = cv2.resize(label.astype(np.float32), (width, height), interpolation=cv2.INTER_NEAREST)
    edge = (full != np.roll(full, 1, 0)) | (full != np.roll(full, 1, 1))
    kernel = np.ones((thickness, thickness), np.uint8)
    return cv2.dilate(edge.astype(np.uint8) * 255, kernel)
