"""Clips with a known motion and known faults, for tests of scores."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Clip = list[Picture]

RATE = 25


def times(count: int) -> list[float]:
    """Times of `count` frames in seconds."""
    return [index / RATE for index in range(count)]


def textured(width: int = 1000, height: int = 360, seed: int = 1) -> Picture:
    """A picture with detail of several sizes, as a photograph has it."""
    random = np.random.default_rng(seed)
    total = np.zeros((height, width, 3), np.float32)
    for blur in (2, 6, 20):
        noise = random.normal(size=(height, width, 3)).astype(np.float32)
        soft = cv2.GaussianBlur(noise, (0, 0), blur)
        total += soft / soft.std()
    return np.clip(128 + 30 * total, 0, 255).astype(np.uint8)


def moving(step: int, count: int = 8, width: int = 640, seed: int = 1) -> Clip:
    """A scene that moves to the left by `step` pixels a frame."""
    scene = textured(width + step * count, seed=seed)
    return [np.ascontiguousarray(scene[:, step * i : step * i + width]) for i in range(count)]


def each(clip: Clip, look: Callable[[Picture], NDArray[np.generic]]) -> Clip:
    """The clip with a look on each frame."""
    return [look(frame).astype(np.uint8) for frame in clip]


def negative(frame: Picture) -> Picture:
    return (255 - frame).astype(np.uint8)


def jumping(clip: Clip, seed: int = 3) -> Clip:
    """A look that is a different one in every frame: brightness and colour jump."""
    random = np.random.default_rng(seed)
    gains = random.uniform(0.8, 1.2, size=(len(clip), 3))
    return [
        np.clip(frame * gain, 0, 255).astype(np.uint8)
        for frame, gain in zip(clip, gains, strict=True)
    ]
