"""An effect for a prompt that names none: derived from a digest of its words.

The digest selects two hues, how strongly they tint the picture, and what happens to its shapes. A
colour word ("a red dragon") sets the first hue. Nothing here understands a prompt: the purpose is
that another prompt gives another picture, and the same prompt the same picture in every process.
"""

from __future__ import annotations

import hashlib
from typing import Final, NamedTuple

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
from decart_widget.sandbox.effects.picture import I420, NEUTRAL, Painter, Plane

COLOUR_WORDS: Final = {
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
"""Hues in degrees: angles in the plane of the two colour differences (u to the right, v up)."""

_CONTRAST: Final = curve((0, 0), (0.25, 0.17), (0.75, 0.86), (1, 1))


class _Tint(NamedTuple):
    """A colour for each luma.

    Attributes:
        u: Luma -> blue difference, (256,) uint8.
        v: Luma -> red difference, (256,) uint8.
        share: Of the tint in the result, 0 to 1; the picture's own colour has the rest.
    """

    u: Plane
    v: Plane
    share: float


def derive(words: str) -> Painter:
    """The effect of a prompt's words, normalised by `registry.normalise`."""
    digest = hashlib.blake2b(words.encode(), digest_size=8).digest()
    named = [COLOUR_WORDS[word] for word in words.split() if word in COLOUR_WORDS]
    first = named[0] if named else digest[0] / 256 * 360
    distance = 50 + digest[1] / 256 * 110
    second = named[1] if len(named) > 1 else first + (distance if digest[2] % 2 else -distance)
    tint = _tint(first, second, strength=44 + digest[3] / 8, share=0.55 + digest[4] / 256 * 0.4)
    shape = _SHAPES[digest[5] % len(_SHAPES)]

    def paint(picture: I420) -> I420:
        output = shape(picture)
        small = half(picture.y)
        for table, plane in ((tint.u, output.u), (tint.v, output.v)):
            cv2.addWeighted(
                cv2.LUT(small, table), tint.share, plane, 1 - tint.share, 0.0, dst=plane
            )
        return output

    return paint


def _tint(first: float, second: float, *, strength: float, share: float) -> _Tint:
    """A tint from hue ``first`` in the lights to ``second`` in the darks, both in degrees."""
    level = np.clip((np.arange(256, dtype=np.float32) - BLACK) / (WHITE - BLACK), 0, 1)
    mix = np.clip((level - 0.2) / 0.45, 0, 1)
    # Interpolated along the straight line between the colours, so that no third hue occurs.
    lights, darks = (np.radians(hue) for hue in (first, second))
    amount = strength * np.sin(np.pi * np.clip(level, 0.08, 0.96)) ** 0.5
    u = amount * (mix * np.cos(lights) + (1 - mix) * np.cos(darks))
    v = amount * (mix * np.sin(lights) + (1 - mix) * np.sin(darks))
    table_u, table_v = (np.clip(NEUTRAL + t, 0, 255).astype(np.uint8) for t in (u, v))
    return _Tint(table_u, table_v, share)


def _dramatic(picture: I420) -> I420:
    """More contrast, dark corners."""
    output = picture.copy()
    cv2.LUT(picture.y, _CONTRAST, dst=output.y)
    multiply(output.y, vignette(picture.width, picture.height, 0.5), output.y)
    return output


def _glowing(picture: I420) -> I420:
    """A glow around what is bright."""
    output = picture.copy()
    cv2.addWeighted(picture.y, 0.75, soft(picture.y, 8, 1.6), 0.45, -18.0, dst=output.y)
    return output


def _flat(picture: I420) -> I420:
    """Few levels of luma, little detail."""
    output = picture.copy()
    calm = cv2.medianBlur(half(picture.y), 5)
    large = cv2.resize(calm, (picture.width, picture.height), interpolation=cv2.INTER_CUBIC)
    cv2.LUT(large, _FLAT_STEPS, dst=output.y)
    return output


_FLAT_STEPS: Final = steps(4, softness=0.2)

_SHAPES: tuple[Painter, ...] = (_dramatic, _glowing, _flat, strokes.oil, strokes.cartoon)
