"""What effects share: colour ramps, masks and textures, computed once per picture size."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import cv2
import numpy as np

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.picture import I420, Plane

BLACK: Final = 16
"""Luma of black in video range (ITU-R BT.601)."""

WHITE: Final = 235
"""Luma of white in video range (ITU-R BT.601)."""

Stop = tuple[float, tuple[int, int, int]]
"""(position, (red, green, blue)): 0 to 1 between black and white, and 0 to 255."""


class Ramp:
    """A colour for each luma, interpolated between stops.

    Args:
        stops: Sorted by position.

    Attributes:
        y: Luma -> luma, (256,) uint8.
        u: Luma -> blue difference, (256,) uint8.
        v: Luma -> red difference, (256,) uint8.
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

    def colour(self, luma: Plane, output: I420) -> None:
        """Write all planes of ``output``, from ``luma`` of the same size."""
        cv2.LUT(luma, self.y, dst=output.y)
        self.tint(luma, output)

    def tint(self, luma: Plane, output: I420) -> None:
        """Write only the chroma planes of ``output``."""
        small = half(luma)
        cv2.LUT(small, self.u, dst=output.u)
        cv2.LUT(small, self.v, dst=output.v)


def _table(values: Plane) -> Plane:
    return np.clip(np.round(values), 0, 255).astype(np.uint8)


def curve(*points: tuple[float, float]) -> Plane:
    """A luma table, (256,) uint8, through (in, out) points: both 0 to 1 from black to white."""
    level = (np.arange(256, dtype=np.float32) - BLACK) / (WHITE - BLACK)
    out = np.interp(level, [p[0] for p in points], [p[1] for p in points])
    return _table(np.clip(BLACK + out * (WHITE - BLACK), BLACK, WHITE))


def steps(count: int, softness: float = 0.15) -> Plane:
    """A luma table, (256,) uint8, of ``count`` levels; ``softness`` is the sloped share of each."""
    level = np.clip((np.arange(256, dtype=np.float32) - BLACK) / (WHITE - BLACK), 0, 1) * count
    whole = np.floor(level)
    rise = np.clip((level - whole - (1 - softness)) / softness, 0, 1)
    return _table(BLACK + np.minimum((whole + rise) / (count - 0.5), 1) * (WHITE - BLACK))


def saturation(factor: float, *, shift: float = 0.0) -> Plane:
    """A chroma table, (256,) uint8: saturation times ``factor``, then plus ``shift`` levels."""
    return _table((np.arange(256, dtype=np.float32) - 128) * factor + 128 + shift)


def half(plane: Plane) -> Plane:
    """The plane at half its width and height, which is the size of the chroma planes."""
    height, width = plane.shape
    return cv2.resize(plane, (width // 2, height // 2), interpolation=cv2.INTER_AREA)


def shrink(plane: Plane, factor: int) -> Plane:
    """The plane with width and height divided by ``factor``."""
    height, width = plane.shape
    size = (max(1, width // factor), max(1, height // factor))
    return cv2.resize(plane, size, interpolation=cv2.INTER_AREA)


def grow(plane: Plane, like: Plane) -> Plane:
    """The plane at the size of ``like``, interpolated."""
    height, width = like.shape
    return cv2.resize(plane, (width, height), interpolation=cv2.INTER_LINEAR)


def soft(plane: Plane, factor: int, sigma: float = 1.2) -> Plane:
    """The plane blurred over about ``factor * sigma`` pixels, computed on a smaller plane."""
    return grow(cv2.GaussianBlur(shrink(plane, factor), (0, 0), sigma), plane)


@functools.lru_cache(maxsize=8)
def vignette(width: int, height: int, strength: float) -> Plane:
    """A mask for `multiply`: 255 in the centre, darker by ``strength`` (0 to 1) in the corners."""
    x = np.linspace(-1, 1, width, dtype=np.float32)[None]
    y = np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    distance = np.clip((x * x + y * y) / 2 * 1.2 - 0.2, 0, 1)
    return _table(255 * (1 - strength * distance**1.2))


def multiply(plane: Plane, mask: Plane, out: Plane) -> None:
    """Compute ``out = plane * mask / 255``; all three have the same size."""
    cv2.multiply(plane, mask, dst=out, scale=1 / 255)


@functools.lru_cache(maxsize=8)
def _noise(width: int, height: int, grain: float) -> Plane:
    """Noise around 128, 64 pixels larger than asked for, so that crops of it differ.

    ``grain`` is the sigma of a blur, in pixels.
    """
    values = np.random.default_rng(7).normal(128, 40, (height + 64, width + 64))
    noise = np.clip(values, 0, 255).astype(np.uint8)
    return cv2.GaussianBlur(noise, (0, 0), grain) if grain else noise


_noise_offsets = itertools.cycle([((i * 37) % 64, (i * 23) % 64) for i in range(64)])
"""(x, y) in pixels at which `add_grain` crops the noise, another one for each frame."""


def add_grain(plane: Plane, strength: float, out: Plane) -> None:
    """Add film grain that differs from frame to frame; ``strength`` 0.1 is weak, 0.4 strong."""
    height, width = plane.shape
    x, y = next(_noise_offsets)
    noise = _noise(width, height, 0.7)[y : y + height, x : x + width]
    cv2.addWeighted(plane, 1.0, noise, strength, -128 * strength, dst=out)


@functools.lru_cache(maxsize=8)
def paper(width: int, height: int, strength: float) -> Plane:
    """A mask for `multiply`: the texture of drawing paper, always the same."""
    fine = _noise(width, height, 0.8)[:height, :width].astype(np.float32)
    coarse = cv2.GaussianBlur(_noise(width, height, 0.0), (0, 0), 2.5)[:height, :width]
    texture = (fine - 128) / 45 + (coarse.astype(np.float32) - 128) / 14
    return _table(255 * (1 - strength * np.clip(0.35 + texture * 0.3, 0, 1)))


@functools.lru_cache(maxsize=8)
def hatching(width: int, height: int, pitch: float, angle: float) -> Plane:
    """Luma thresholds in parallel lines: hatching is drawn where the picture's luma is below them.

    Args:
        width: Of the picture, in pixels.
        height: Of the picture, in pixels.
        pitch: Distance of the lines, in pixels of a picture 1280 pixels wide.
        angle: Of the lines, in degrees.
    """
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    radians = np.radians(angle)
    # Slightly wavy lines, as a hand draws them.
    waves = cv2.GaussianBlur(_noise(width, height, 0.0), (0, 0), 9.0)[:height, :width]
    across = x * np.cos(radians) + y * np.sin(radians) + (waves.astype(np.float32) - 128) * 0.6
    wave = 0.5 + 0.5 * np.cos(across * 2 * np.pi / (pitch * width / 1280))
    return _table(BLACK + 105 * wave**1.5)


def fade(chroma: Plane, weight: Plane, out: Plane) -> None:
    """Write ``chroma`` to ``out``: unchanged where ``weight`` is 255, neutral where it is 0."""
    signed = chroma.astype(np.int16) - 128
    np.add(signed * weight.astype(np.int16) // 255, 128, out=out, casting="unsafe")
