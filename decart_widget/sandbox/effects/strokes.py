"""Effects that redraw shapes, with lines, paint, dots or light."""

from __future__ import annotations

import functools
import itertools
from typing import Final

import cv2
import numpy as np

from decart_widget.sandbox.effects import cells
from decart_widget.sandbox.effects.canvas import (
    BLACK,
    WHITE,
    Ramp,
    curve,
    fade,
    grow,
    half,
    hatching,
    multiply,
    paper,
    saturation,
    shrink,
    soft,
    steps,
    vignette,
)
from decart_widget.sandbox.effects.picture import I420, NEUTRAL, Plane
from decart_widget.sandbox.effects.tones import greyscale

_CARTOON: Final = steps(6, softness=0.35)
_VIVID: Final = saturation(1.7)
_RICH: Final = saturation(1.45)
_MUTED: Final = saturation(0.35)
_ELECTRIC: Final = saturation(3.2)
_PENCIL: Final = curve((0, 0.05), (0.5, 0.14), (0.85, 0.62), (1, 0.98))
_CHARCOAL: Final = curve((0, 0.02), (0.45, 0.06), (0.75, 0.42), (0.95, 0.88), (1, 0.95))
_TUBE: Final = curve((0, 0), (0.2, 0.02), (0.55, 0.8), (1, 1))
_WASH: Final = curve((0, 0.16), (0.3, 0.48), (0.7, 0.88), (1, 1))
_HOLOGRAM: Final = Ramp(
    [(0, (0, 6, 20)), (0.5, (0, 120, 190)), (0.85, (110, 240, 255)), (1, (240, 255, 255))]
)
_ROUND: Final = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (7, 7))
_RELIEF: Final = np.array([[-1, -1, 0], [-1, 0, 1], [0, 1, 1]], np.float32)


def cartoon(picture: I420) -> I420:
    """Flat colours inside black outlines."""
    output = I420.like(picture)
    smooth = cv2.medianBlur(cv2.medianBlur(half(picture.y), 5), 5)
    flat = cv2.LUT(grow(smooth, picture.y), _CARTOON)
    cv2.bitwise_and(flat, _outlines(picture.y), dst=flat)
    np.maximum(flat, BLACK, out=output.y)
    for source, target in ((picture.u, output.u), (picture.v, output.v)):
        cv2.LUT(cv2.medianBlur(source, 5), _VIVID, dst=target)
    return output


def _outlines(luma: Plane) -> Plane:
    """A mask: 0 on outlines, 255 elsewhere."""
    calm = cv2.medianBlur(half(luma), 5)
    lines = cv2.adaptiveThreshold(calm, 255, cv2.ADAPTIVE_THRESH_MEAN_C, cv2.THRESH_BINARY, 9, 6)
    return cv2.threshold(grow(lines, luma), 150, 255, cv2.THRESH_BINARY)[1]


def pencil_sketch(picture: I420) -> I420:
    """Graphite on rough paper, the dark parts hatched."""
    output = I420.like(picture)
    cv2.divide(picture.y, soft(picture.y, 4, 1.6), dst=output.y, scale=WHITE)
    cv2.LUT(output.y, _PENCIL, dst=output.y)
    calm = soft(picture.y, 4, 0.8)
    for angle, shift in (
        (35.0, 0.0),
        (115.0, 38.0),
    ):  # the darkest parts are hatched in both directions
        lines = hatching(picture.width, picture.height, 7.0, angle)
        hatch = cv2.subtract(lines, cv2.convertScaleAbs(calm, alpha=1.1, beta=shift))
        cv2.subtract(output.y, hatch, dst=output.y)
    multiply(output.y, paper(picture.width, picture.height, 0.12), output.y)
    output.data[picture.height :] = NEUTRAL
    return output


def charcoal(picture: I420) -> I420:
    """Broad black strokes and smudges on grey paper."""
    output = I420.like(picture)
    calm = grow(cv2.GaussianBlur(half(picture.y), (0, 0), 1.1), picture.y)
    cv2.divide(calm, soft(picture.y, 8, 2.0), dst=output.y, scale=WHITE)
    smudge = cv2.addWeighted(output.y, 0.66, soft(picture.y, 4, 1.5), 0.42, 0.0)
    # The paper's texture is applied before the curve, so that it shows in the dark parts.
    multiply(smudge, paper(picture.width, picture.height, 0.24), smudge)
    cv2.LUT(cv2.convertScaleAbs(smudge, alpha=1.12), _CHARCOAL, dst=output.y)
    output.data[picture.height :] = NEUTRAL
    return output


def _gradient(luma: Plane, gain: float) -> Plane:
    """The luma's gradient times ``gain``, 0 to 255."""
    across = cv2.convertScaleAbs(cv2.Scharr(luma, cv2.CV_16S, 1, 0), alpha=gain)
    down = cv2.convertScaleAbs(cv2.Scharr(luma, cv2.CV_16S, 0, 1), alpha=gain)
    return cv2.add(across, down)


def edges(picture: I420) -> I420:
    """White lines on black."""
    output = I420.like(picture)
    lines = _gradient(cv2.GaussianBlur(half(picture.y), (3, 3), 0), 0.14)
    cv2.LUT(grow(lines, picture.y), curve((0, 0), (0.18, 0.0), (0.5, 0.75), (1, 1)), dst=output.y)
    output.data[picture.height :] = NEUTRAL
    return output


def neon(picture: I420) -> I420:
    """Glowing lines along every edge, in the picture's colours intensified, on a dark ground."""
    output = I420.like(picture)
    small = half(picture.y)
    lines = _gradient(cv2.GaussianBlur(small, (0, 0), 1.2), 0.13)
    lines = cv2.LUT(lines, _TUBE)
    glow = grow(cv2.GaussianBlur(shrink(lines, 4), (0, 0), 2.5), lines)
    lit = cv2.addWeighted(lines, 0.9, glow, 1.35, -6.0)
    cv2.addWeighted(grow(lit, picture.y), 1.0, picture.y, 0.07, 4.0, dst=output.y)
    halo = cv2.convertScaleAbs(glow, alpha=3.2, beta=-30)
    u, v = _aurora(picture.width // 2, picture.height // 2)
    for source, wash, target in ((picture.u, u, output.u), (picture.v, v, output.v)):
        near = cv2.GaussianBlur(shrink(source, 4), (0, 0), 1.5)
        vivid = cv2.LUT(grow(near, source), _ELECTRIC)
        fade(cv2.addWeighted(vivid, 0.4, wash, 0.8, -0.2 * NEUTRAL), halo, target)
    return output


@functools.lru_cache(maxsize=4)
def _aurora(width: int, height: int) -> tuple[Plane, Plane]:
    """A chroma gradient from magenta through violet to cyan."""
    x = np.linspace(0, 1, width, dtype=np.float32)[None]
    y = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    turn = np.pi * (0.25 + 0.75 * (0.7 * x + 0.3 * y))
    u = 128 + 88 * np.sin(turn * 0.9 + 0.5)
    v = 128 + 92 * np.cos(turn)
    return u.astype(np.uint8), v.astype(np.uint8)


def emboss(picture: I420) -> I420:
    """Pressed metal, lit from the upper left."""
    output = I420.like(picture)
    calm = cv2.GaussianBlur(half(picture.y), (0, 0), 0.9)
    relief = cv2.filter2D(calm, cv2.CV_16S, _RELIEF)
    grey = np.clip(relief * 2 + 126, BLACK, WHITE).astype(np.uint8)
    cv2.addWeighted(grow(grey, picture.y), 0.9, picture.y, 0.1, 0.0, dst=output.y)
    cv2.LUT(picture.u, _MUTED, dst=output.u)
    cv2.LUT(picture.v, _MUTED, dst=output.v)
    return output


def watercolour(picture: I420) -> I420:
    """Thin paint on wet paper: pale areas with darker, distorted edges."""
    output = I420.like(picture)
    small = cv2.medianBlur(cv2.medianBlur(half(picture.y), 5), 5)
    bleed = _bleed(picture.width // 2, picture.height // 2)
    wash = cv2.remap(small, *bleed, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    rim = _gradient(cv2.GaussianBlur(wash, (0, 0), 1.5), 0.07)
    wash = cv2.subtract(cv2.LUT(wash, _WASH), cv2.convertScaleAbs(rim, alpha=0.55))
    multiply(grow(wash, picture.y), paper(picture.width, picture.height, 0.1), output.y)
    for source, target in ((picture.u, output.u), (picture.v, output.v)):
        run = cv2.remap(source, *bleed, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        cv2.LUT(cv2.GaussianBlur(run, (0, 0), 2.0), _RICH, dst=target)
    return output


@functools.lru_cache(maxsize=4)
def _bleed(width: int, height: int) -> tuple[Plane, Plane]:
    """Random smooth distortion, as fixed-point maps for ``cv2.remap``."""
    rng = np.random.default_rng(2)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    run = [
        cv2.resize(
            rng.normal(0, 1.7 * width / 640, (height // 12 + 2, width // 12 + 2)).astype(
                np.float32
            ),
            (width, height),
            interpolation=cv2.INTER_CUBIC,
        )
        for _ in range(2)
    ]
    return cv2.convertMaps(x + run[0], y + run[1], cv2.CV_16SC2)


def oil(picture: I420) -> I420:
    """Thick paint in short strokes."""
    output = I420.like(picture)
    _paint_in_strokes(picture, output, coarse=44.0, fine=19.0, swirl=0.3, chroma=_RICH)
    return output


def impressionist(picture: I420) -> I420:
    """Long strokes in whirls and strong colours, in the manner of van Gogh."""
    output = I420.like(picture)
    _paint_in_strokes(picture, output, coarse=62.0, fine=26.0, swirl=1.0, chroma=_VIVID)
    return output


def _paint_in_strokes(
    picture: I420, output: I420, *, coarse: float, fine: float, swirl: float, chroma: Plane
) -> None:
    """Broad strokes everywhere, fine ones over them where the picture has detail."""
    size = (picture.width, picture.height)
    cells.brush_strokes(*size, coarse, swirl).fill(picture, output, chroma=chroma)
    detailed = I420.like(picture)
    cells.brush_strokes(*size, fine, swirl).fill(picture, detailed, chroma=chroma)
    busy = _gradient(cv2.GaussianBlur(shrink(picture.y, 4), (0, 0), 1.0), 0.16)
    small = cv2.threshold(cv2.dilate(busy, _ROUND), 46, 255, cv2.THRESH_BINARY)[1]
    small = cv2.GaussianBlur(small, (0, 0), 1.0)
    for source, target in ((detailed.y, output.y), (detailed.u, output.u), (detailed.v, output.v)):
        cv2.copyTo(source, cv2.threshold(grow(small, target), 127, 255, 0)[1], target)


def stained_glass(picture: I420) -> I420:
    """Panes of coloured glass with dark borders."""
    output = I420.like(picture)
    layout = cells.glass_panes(picture.width, picture.height, 27.0)
    layout.fill(picture, output, chroma=_VIVID)
    return output


def mosaic(picture: I420) -> I420:
    """Small square tiles with dark joints."""
    output = I420.like(picture)
    layout = cells.tiles(picture.width, picture.height, 18.0)
    layout.fill(picture, output, chroma=_RICH)
    return output


def halftone(picture: I420) -> I420:
    """A newspaper's dots, in black on off-white."""
    output = greyscale(picture)
    dots = cv2.compare(picture.y, _screen(picture.width, picture.height, 9.0), cv2.CMP_GT)
    cv2.addWeighted(cv2.GaussianBlur(dots, (3, 3), 0), 0.8, picture.y, 0.05, 20.0, dst=output.y)
    output.u[:] = NEUTRAL - 5
    output.v[:] = NEUTRAL + 3
    return output


def comic(picture: I420) -> I420:
    """A printed comic: outlines, bright flat colours, dots in the shadows."""
    output = cartoon(picture)
    screen = _screen(picture.width, picture.height, 8.0)
    dots = cv2.compare(cv2.convertScaleAbs(picture.y, beta=40), screen, cv2.CMP_GT)
    shade = cv2.addWeighted(cv2.GaussianBlur(dots, (3, 3), 0), 0.4, dots, 0.0, 153.0)
    multiply(output.y, shade, output.y)
    return output


@functools.lru_cache(maxsize=4)
def _screen(width: int, height: int, pitch: float) -> Plane:
    """A halftone screen at 45 degrees: luma thresholds in dots.

    ``pitch`` is the distance of the dots, in pixels of a picture 1280 pixels wide.
    """
    step = np.pi / (pitch * max(width, 320) / 1280)
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    wave = np.cos((x + y) * step * 0.7071) * np.cos((x - y) * step * 0.7071)
    thresholds: Plane = np.clip(126 + 118 * wave, BLACK + 2, WHITE - 2).astype(np.uint8)
    return thresholds


_frame_numbers = itertools.count()
"""Counts the frames of `glitch`."""


def glitch(picture: I420) -> I420:
    """A disturbed signal: shifted chroma and strips, different every third frame."""
    output = picture.copy()
    rng = np.random.default_rng(next(_frame_numbers) // 3)
    offset = max(2, picture.width // 160)
    np.copyto(output.u[:, offset:], picture.u[:, :-offset])
    np.copyto(output.v[:, :-offset], picture.v[:, offset:])
    for _ in range(7):
        top = int(rng.integers(0, picture.height)) & ~1
        tall = int(rng.integers(6, picture.height // 12 + 8)) & ~1
        shift = int(rng.normal(0, picture.width / 22)) & ~1
        for plane, part in ((output.y, 1), (output.u, 2), (output.v, 2)):
            rows = slice(top // part, (top + tall) // part)
            plane[rows] = np.roll(plane[rows], shift // part, axis=1)
    output.y[::4] = cv2.convertScaleAbs(output.y[::4], alpha=0.7)
    return output


def hologram(picture: I420) -> I420:
    """A hologram: blue, with scan lines, brightest at the edges."""
    output = I420.like(picture)
    lines = _gradient(cv2.GaussianBlur(half(picture.y), (3, 3), 0), 0.08)
    lit = cv2.addWeighted(picture.y, 0.7, grow(lines, picture.y), 0.6, 0.0)
    multiply(lit, _scan_lines(picture.width, picture.height), lit)
    _HOLOGRAM.colour(lit, output)
    return output


@functools.lru_cache(maxsize=4)
def _scan_lines(width: int, height: int) -> Plane:
    """A mask for `multiply`: horizontal lines, and darker corners."""
    lines = 215 + 40 * np.cos(np.arange(height) * 2 * np.pi / max(3, height // 180))
    mask = vignette(width, height, 0.5).astype(np.float32) * lines[:, None] / 255
    lines_mask: Plane = mask.astype(np.uint8)
    return lines_mask
