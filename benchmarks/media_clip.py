"""A moving clip whose frames carry their number, for the benchmark of the engine."""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]

WIDTH: Final = 1280
HEIGHT: Final = 720
BITS: Final = 20
"""Bits of the number; one white and one black cell follow them."""
CELL_PX: Final = 24
PAD_PX: Final = 96


def make_clip(frames: int = 75, seed: int = 1) -> list[Picture]:
    """RGB pictures that loop: a texture that pans, and a sharper one that moves on it."""
    rng = np.random.default_rng(seed)
    back = _texture(rng, HEIGHT + PAD_PX, WIDTH + PAD_PX, 1.25)
    patch = _texture(rng, HEIGHT // 2, HEIGHT // 2, 0.95)
    clip = []
    for number in range(frames):
        phase = 2 * np.pi * number / frames
        x = int(PAD_PX / 2 + PAD_PX / 2.2 * np.sin(phase))
        y = int(PAD_PX / 2 + PAD_PX / 2.2 * np.cos(phase))
        frame = back[y : y + HEIGHT, x : x + WIDTH].copy()
        left = int((WIDTH - HEIGHT // 2) / 2 + WIDTH * 0.2 * np.sin(2 * phase))
        frame[HEIGHT // 3 : HEIGHT // 3 + HEIGHT // 2, left : left + HEIGHT // 2] = patch
        clip.append(np.ascontiguousarray(frame))
    return clip


def _texture(rng: np.random.Generator, height: int, width: int, power: float) -> Picture:
    rows, columns = np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None]
    radius = np.hypot(rows, columns)
    radius[0, 0] = 1
    planes = []
    for _ in range(3):
        spectrum = np.exp(2j * np.pi * rng.random(radius.shape)) / radius**power
        plane = np.fft.irfft2(spectrum, s=(height, width))
        planes.append((plane - plane.mean()) / plane.std())
    picture = 128 + planes[0][..., None] * 45 + np.stack(planes, -1) * 14
    clipped: Picture = np.clip(picture, 8, 247).astype(np.uint8)
    return clipped


def stamp(frame: Picture, number: int) -> None:
    """Writes a number into the first rows of an RGB picture, in place."""
    cells = np.zeros(BITS + 2, np.uint8)
    cells[:BITS] = [(number >> bit & 1) * 255 for bit in range(BITS)]
    cells[BITS] = 255
    frame[:CELL_PX, : CELL_PX * (BITS + 2)] = np.repeat(cells, CELL_PX)[None, :, None]


def read(luma: Picture) -> int | None:
    """The number in a picture's luma; None when it can't be read."""
    middle = luma[CELL_PX // 2 - 3 : CELL_PX // 2 + 3, : CELL_PX * (BITS + 2)].mean(0)
    cells = middle.reshape(BITS + 2, CELL_PX)[:, 6:-6].mean(1)
    white, black = cells[BITS], cells[BITS + 1]
    if abs(white - black) < 50:
        return None
    is_set = cells[:BITS] > (white + black) / 2
    return int(sum(1 << bit for bit in range(BITS) if is_set[bit]))


def to_i420(rgb: Picture) -> Picture:
    """``(height * 3 / 2, width)`` of an RGB picture."""
    converted: Picture = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)  # type: ignore[assignment]
    return converted


def to_rgb(i420: Picture) -> Picture:
    """``(height, width, 3)`` of an I420 picture."""
    converted: Picture = cv2.cvtColor(i420, cv2.COLOR_YUV2RGB_I420)  # type: ignore[assignment]
    return converted


def psnr(first: Picture, second: Picture) -> float:
    """Peak signal to noise ratio of two planes in dB."""
    return float(cv2.PSNR(first, second))
