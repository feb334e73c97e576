"""What painters share: colour ramps, masks and textures, made once for a picture size."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

import cv2
import numpy as np

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.picture import I420, Plane

#: Luma of black and white in video range (ITU-R BT.601).
BLACK, WHITE = 16, 235

Stop = tuple[float, tuple[int, int, int]]


class Ramp:
    """Luma -> colour, as three tables of 256 entries.

    Args:
        stops: (position 0 to 1 between black and white, (red, green, blue) 0 to 255), ascending.
    """

    def __init__(self, stops: Sequence[Stop]) -> None:
        level = (np.arange(256, dtype=np.float32) - BLACK) / (WHITE - BLACK)
        at = [stop[0] for stop in stops]
        red, green, blue = (
            np.interp(level, at, [stop[1][channel] for stop in stops]) for channel in range(3)
        )
        luma = 16 + 0.257 * red + 0.504 * green + 0.098 * blue
        self.y = _table(luma)
        self.u = _table(128 - 0.148 * red - 0.291 * green + 0.439 * blue)
        self.v = _table(128 + 0.439 * red - 0.368 * green - 0.071 * blue)

    def colour(self, luma: Plane, shown: I420) -> None:
        """Write all three planes of ``shown`` from ``luma``, which has the picture's size."""
        cv2.LUT(luma, self.y, dst=shown.y)
        self.tint(luma, shown)

    def tint(self, luma: Plane, shown: I420) -> None:
        """Write the colour planes of ``shown`` only."""
        small = half(luma)
        cv2.LUT(small, self.u, dst=shown.u)
        cv2.LUT(small, self.v, dst=shown.v)


def _table(values: Plane) -> Plane:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def curve(*points: tuple[float, float]) -> Plane:
    """A luma table through (in, out) points, both 0 to 1 between black and white."""
    level = (np.arange(256, dtype=np.float32) - BLACK) / (WHITE - BLACK)
    out = np.interp(level, [p[0] for p in points], [p[1] for p in points])
    return _table(np.clip(BLACK + out * (WHITE - BLACK), BLACK, WHITE))


def steps(count: int, softness: float = 0.15) -> Plane:
    """A luma table of ``count`` flat levels; ``softness`` is how much of a step is slope."""
    level = np.clip((np.arange(256, dtype=np.float32) - BLACK) / (WHITE - BLACK), 0, 1) * count
    whole = np.floor(level)
    rise = np.clip((level - whole - (1 - softness)) / softness, 0, 1)
    return _table(BLACK + np.minimum((whole + rise) / (count - 0.5), 1) * (WHITE - BLACK))


def saturation(factor: float, *, shift: float = 0.0) -> Plane:
    """A chroma table: ``factor`` times the colour, moved by ``shift`` levels."""
    return _table((np.arange(256, dtype=np.float32) - 128) * factor + 128 + shift)


def half(plane: Plane) -> Plane:
    """The plane at half its width and height, which is the size of the colour planes."""
    height, width = plane.shape
    return cv2.resize(plane, (width // 2, height // 2), interpolation=cv2.INTER_AREA)


def shrink(plane: Plane, factor: int) -> Plane:
    """The plane at a ``factor``-th of its width and height."""
    height, width = plane.shape
    size = (max(1, width // factor), max(1, height // factor))
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)


def grow(plane: Plane, like: Plane) -> Plane:
    """The plane at the size of ``like``, smoothly."""
    height, width = like.shape
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)


def soft(plane: Plane, factor: int, sigma: float = 1.2) -> Plane:
    """The plane blurred over some ``factor * sigma`` pixels, at the cost of a small one."""
    return grow(cv2.GaussianBlur(shrink(plane, factor), (0, 0), sigma), plane)


@functools.lru_cache(maxsize=8)
def vignette(width: int, height: int, strength: float) -> Plane:
    """A mask for `multiply`: 255 in the middle, darker by ``strength`` (0 to 1) in the corners."""
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    away = np.clip((x * x + y * y) / 2 * 1.2 - 0.2, 0, 1)
    return _table(255 * (1 - strength * away**1.2))


def multiply(plane: Plane, mask: Plane, out: Plane) -> None:
    """``out = plane * mask / 255``; all three have one size."""
    cv2.multiply(plane, mask, dst=out, scale=1 / 255)


@functools.lru_cache(maxsize=8)
def _noise(width: int, height: int, grain: float) -> Plane:
    values = np.random.default_rng(7).normal(128, 40, (height + 64, width + 64))
    noise = np.clip(values, 0, 255).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), grain) if grain else noise


_places = itertools.cycle([((i * 37) % 64, (i * 23) % 64) for i in range(64)])


def add_grain(plane: Plane, strength: float, out: Plane) -> None:
    """Film grain, another one every time; ``strength`` 0.1 is fine, 0.4 coarse."""
    height, width = plane.shape
    x, y = next(_places)
    noise = _noise(width, height, 0.7)[y : y + height, x : x + width]
    cv2.addWeighted(plane, 1.0, noise, strength, -128 * strength, dst=out)


@functools.lru_cache(maxsize=8)
def paper(width: int, height: int, strength: float) -> Plane:
    """A mask for `multiply`: the tooth of drawing paper, always the same."""
    fine = _noise(width, height, 0.8)[:height, :width].astype(np.float32)
    coarse = cv2.GaussianBlur(_noise(width, height, 0.0), (0, 0), 2.5)[:height, :width]
    tooth = (fine - 128) / 45 + (coarse.astype(np.float32) - 128) / 14
    return _table(255 * (1 - strength * np.clip(0.35 + tooth * 0.3, 0, 1)))


@functools.lru_cache(maxsize=8)
def hatching(width: int, height: int, pitch: float, angle: float) -> Plane:
    """Thresholds in slanting lines: where the luma is below them, a pencil would hatch.

    ``pitch`` is the distance of the lines in pixels of a 1280 wide picture, ``angle`` in degrees.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    turn = np.radians(angle)
    # No hand draws straight: the lines waver.
    waver = cv2.GaussianBlur(_noise(width, height, 0.0), (0, 0), 9.0)[:height, :width]
    across = x * np.cos(turn) + y * np.sin(turn) + (waver.astype(np.float32) - 128) * 0.6
    wave = 0.5 + 0.5 * np.cos(across * 2 * np.pi / (pitch * width / 1280))
    return _table(BLACK + 105 * wave**1.5)


def fade(chroma: Plane, weight: Plane, out: Plane) -> None:
    """``out`` is ``chroma`` at full colour where ``weight`` is 255, colourless where it is 0."""
    signed = chroma.astype(np.int16) - 128
    np.add(signed * weight.astype(np.int16) // 255, 128, out=out, casting="unsafe")
