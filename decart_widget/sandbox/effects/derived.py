"""A look of its own for a prompt that names no effect: made from its words, always the same.

The words' digest picks two hues, how they meet the picture's own colours, and what happens to
shapes. A colour word ("a red dragon") sets the first hue. Nothing here understands a prompt: it
makes a change of prompt visible, and the same prompt look the same in every process.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

from decart_widget.sandbox.effects import strokes
from decart_widget.sandbox.effects.canvas import (
    BLACK,
    WHITE,
    curve,
    half,
    multiply,
    soft,
    steps,
    vignette,
)
from decart_widget.sandbox.effects.picture import I420, NEUTRAL, Plane

Painter = Callable[[I420], I420]

#: Angles in the plane of the two colour differences (u right, v up), in degrees.
COLOUR_WORDS = {
    "red": 105.0,
    "crimson": 100.0,
    "orange": 135.0,
    "copper": 140.0,
    "golden": 160.0,
    "gold": 160.0,
    "yellow": 172.0,
    "lime": 195.0,
    "green": 228.0,
    "emerald": 245.0,
    "turquoise": 290.0,
    "teal": 285.0,
    "cyan": 300.0,
    "blue": 345.0,
    "violet": 25.0,
    "purple": 40.0,
    "magenta": 60.0,
    "pink": 75.0,
}

_CONTRAST = curve((0, 0), (0.25, 0.17), (0.75, 0.86), (1, 1))


class _Tint(NamedTuple):
    """Colour for each luma level, and how it meets the colours that are there."""

    u: Plane
    v: Plane
    share: float


def derive(words: str) -> Painter:
    """A painter for normalised words (`effects.normalise`)."""
    digest = hashlib.blake2b(words.encode(), digest_size=8).digest()
    named = [COLOUR_WORDS[word] for word in words.split() if word in COLOUR_WORDS]
    first = named[0] if named else digest[0] / 256 * 360
    apart = 50 + digest[1] / 256 * 110
    second = named[1] if len(named) > 1 else first + (apart if digest[2] % 2 else -apart)
    tint = _tint(first, second, strength=44 + digest[3] / 8, share=0.55 + digest[4] / 256 * 0.4)
    shape = _SHAPES[digest[5] % len(_SHAPES)]

    def paint(picture: I420) -> I420:
        shown = shape(picture)
        small = half(picture.y)
        for table, plane in ((tint.u, shown.u), (tint.v, shown.v)):
            cv2.addWeighted(
                cv2.LUT(small, table), tint.share, plane, 1 - tint.share, 0.0, dst=plane
            )
        return shown

    return paint


def _tint(first: float, second: float, *, strength: float, share: float) -> _Tint:
    """From hue ``first`` in the lights to ``second`` in the darks, both in degrees."""
    level = np.clip((np.arange(256, dtype=np.float32) - BLACK) / (WHITE - BLACK), 0, 1)
    mix = np.clip((level - 0.2) / 0.45, 0, 1)
    # Straight between the two colours, not round the wheel: no third hue comes in.
    lights, darks = (np.radians(hue) for hue in (first, second))
    amount = strength * np.sin(np.pi * np.clip(level, 0.08, 0.96)) ** 0.5
    u = amount * (mix * np.cos(lights) + (1 - mix) * np.cos(darks))
    v = amount * (mix * np.sin(lights) + (1 - mix) * np.sin(darks))
    table_u, table_v = (np.clip(NEUTRAL + t, 0, 255).astype(np.uint8) for t in (u, v))
    return _Tint(table_u, table_v, share)


def _dramatic(picture: I420) -> I420:
    shown = picture.copy()
    cv2.LUT(picture.y, _CONTRAST, dst=shown.y)
    multiply(shown.y, vignette(picture.width, picture.height, 0.5), shown.y)
    return shown


def _glowing(picture: I420) -> I420:
    shown = picture.copy()
    cv2.addWeighted(picture.y, 0.75, soft(picture.y, 8, 1.6), 0.45, -18.0, dst=shown.y)
    return shown


def _flat(picture: I420) -> I420:
    shown = picture.copy()
    calm = cv2.medianBlur(half(picture.y), 5)
    large = cv2.resize(calm, (picture.width, picture.height), interpolation=cv2.INTER_CUBIC)
    cv2.LUT(large, _FLAT_STEPS, dst=shown.y)
    return shown


_FLAT_STEPS = steps(4, softness=0.2)

_SHAPES: tuple[Painter, ...] = (_dramatic, _glowing, _flat, strokes.oil, strokes.cartoon)
