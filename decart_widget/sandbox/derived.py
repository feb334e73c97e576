"""A look of its own for a prompt that names no effect: made from its words, always the same."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import cv2
import numpy as np

from .canvas import Ramp, soft, steps
from .picture import I420


def derive(words: str) -> Callable[[I420], I420]:
    """A painter for normalised words. The same words give the same look in every process."""
    digest = hashlib.blake2b(words.encode(), digest_size=16).digest()
    part = iter(digest)
    hue = next(part) / 256 * 2 * np.pi
    turn = (0.6 + next(part) / 256) * (1 if next(part) % 2 else -1)
    flat = steps(3 + next(part) % 4, softness=0.3 + next(part) / 512)
    glow = next(part) % 2
    share = 0.65 + next(part) / 256 * 0.3
    ramp = Ramp(
        [
            (0.0, _colour(hue, 18)),
            (0.35, _colour(hue + turn * 0.5, 95)),
            (0.7, _colour(hue + turn, 185)),
            (1.0, _colour(hue + turn * 1.4, 246)),
        ]
    )

    def paint(picture: I420) -> I420:
        shown = I420.like(picture)
        toned = cv2.LUT(picture.y, flat)
        ramp.colour(toned, shown)
        for source, target in ((picture.y, shown.y), (picture.u, shown.u), (picture.v, shown.v)):
            cv2.addWeighted(target, share, source, 1 - share, 0.0, dst=target)
        if glow:
            cv2.addWeighted(shown.y, 0.8, soft(shown.y, 8, 1.5), 0.35, -12.0, dst=shown.y)
        return shown

    return paint


def _colour(hue: float, light: float) -> tuple[int, int, int]:
    """A colour of this hue (radians) and about this luma (0 to 255)."""
    chroma = 90 * np.sin(np.pi * np.clip(light / 255, 0.08, 0.95)) + 20
    red = light + chroma * np.cos(hue)
    green = light + chroma * np.cos(hue - 2 * np.pi / 3) * 0.6
    blue = light + chroma * np.cos(hue + 2 * np.pi / 3)
    return tuple(int(np.clip(value, 0, 255)) for value in (red, green, blue))  # type: ignore[return-value]
