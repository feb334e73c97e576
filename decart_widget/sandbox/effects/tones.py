"""Painters that change light and colour and leave the shapes alone: table look-ups, mostly."""

from __future__ import annotations

import cv2

from decart_widget.sandbox.effects.canvas import (
    Ramp,
    add_grain,
    curve,
    half,
    multiply,
    saturation,
    shrink,
    soft,
    steps,
    vignette,
)
from decart_widget.sandbox.effects.picture import I420, NEUTRAL

_SEPIA = Ramp([(0, (20, 10, 4)), (0.5, (150, 112, 70)), (1, (255, 240, 205))])
_FADED = curve((0, 0.10), (0.25, 0.24), (0.75, 0.80), (1, 0.95))
_WARM_U, _WARM_V = saturation(0.75, shift=-10), saturation(0.8, shift=9)
_HARD = curve((0, 0), (0.2, 0.06), (0.5, 0.5), (0.78, 0.95), (1, 1))
_HEAT = Ramp(
    [
        (0.0, (4, 0, 38)),
        (0.22, (60, 0, 130)),
        (0.42, (190, 20, 110)),
        (0.6, (240, 90, 20)),
        (0.8, (255, 190, 0)),
        (1.0, (255, 255, 225)),
    ]
)
_NIGHT = Ramp(
    [(0, (2, 12, 4)), (0.45, (28, 150, 48)), (0.85, (150, 255, 150)), (1, (235, 255, 230))]
)
_NIGHT_GAIN = curve((0, 0.08), (0.3, 0.45), (0.7, 0.9), (1, 1))
_CYBER = Ramp(
    [
        (0, (10, 4, 40)),
        (0.3, (90, 10, 140)),
        (0.55, (235, 30, 150)),
        (0.8, (60, 210, 255)),
        (1, (235, 255, 255)),
    ]
)
_SUNSET = Ramp(
    [
        (0, (30, 8, 50)),
        (0.35, (150, 35, 70)),
        (0.6, (245, 110, 50)),
        (0.85, (255, 200, 95)),
        (1, (255, 248, 215)),
    ]
)
_SEA = Ramp([(0, (0, 14, 40)), (0.4, (0, 84, 120)), (0.75, (50, 185, 190)), (1, (225, 255, 245))])
_ICE = Ramp(
    [(0, (8, 20, 52)), (0.4, (70, 125, 190)), (0.75, (180, 220, 245)), (1, (255, 255, 255))]
)
_NEGATIVE = 251 - curve((0, 0), (1, 1))
_POSTER = steps(5, softness=0.1)
_POSTER_CHROMA = saturation(1.7)


def greyscale(picture: I420) -> I420:
    """Luma alone."""
    shown = I420.like(picture)
    shown.y[:] = picture.y
    shown.data[picture.height :] = NEUTRAL
    return shown


def noir(picture: I420) -> I420:
    """Black and white film: hard contrast, dark corners, grain."""
    shown = greyscale(picture)
    cv2.LUT(picture.y, _HARD, dst=shown.y)
    multiply(shown.y, vignette(picture.width, picture.height, 0.6), shown.y)
    add_grain(shown.y, 0.18, shown.y)
    return shown


def sepia(picture: I420) -> I420:
    """Brown print on cream paper."""
    shown = I420.like(picture)
    _SEPIA.colour(picture.y, shown)
    return shown


def vintage(picture: I420) -> I420:
    """A faded colour print: lifted blacks, warm cast, dark corners, grain."""
    shown = I420.like(picture)
    cv2.LUT(picture.y, _FADED, dst=shown.y)
    multiply(shown.y, vignette(picture.width, picture.height, 0.55), shown.y)
    add_grain(shown.y, 0.16, shown.y)
    cv2.LUT(picture.u, _WARM_U, dst=shown.u)
    cv2.LUT(picture.v, _WARM_V, dst=shown.v)
    return shown


def invert(picture: I420) -> I420:
    """A negative: light and colours turned round."""
    shown = I420.like(picture)
    cv2.LUT(picture.y, _NEGATIVE, dst=shown.y)
    cv2.bitwise_not(picture.u, dst=shown.u)
    cv2.bitwise_not(picture.v, dst=shown.v)
    return shown


def thermal(picture: I420) -> I420:
    """A heat camera: the iron palette on a soft picture."""
    shown = I420.like(picture)
    _HEAT.colour(soft(picture.y, 4, 0.8), shown)
    return shown


def night_vision(picture: I420) -> I420:
    """An image intensifier: green, grainy, gain in the shadows, a round tube."""
    shown = I420.like(picture)
    bright = cv2.LUT(picture.y, _NIGHT_GAIN)
    add_grain(bright, 0.35, bright)
    multiply(bright, vignette(picture.width, picture.height, 0.85), bright)
    _NIGHT.colour(bright, shown)
    return shown


def posterise(picture: I420) -> I420:
    """Few flat tones and strong colours, like a screen print."""
    shown = I420.like(picture)
    smooth = cv2.medianBlur(half(picture.y), 5)
    flat = cv2.resize(smooth, (picture.width, picture.height), interpolation=cv2.INTER_CUBIC)
    cv2.LUT(flat, _POSTER, dst=shown.y)
    for source, target in ((picture.u, shown.u), (picture.v, shown.v)):
        cv2.LUT(cv2.medianBlur(source, 5), _POSTER_CHROMA, dst=target)
    return shown


def _graded(picture: I420, ramp: Ramp, *, share: float) -> I420:
    """The picture through a ramp, with ``1 - share`` of its own light and colours kept."""
    shown = I420.like(picture)
    ramp.colour(picture.y, shown)
    for source, target in ((picture.y, shown.y), (picture.u, shown.u), (picture.v, shown.v)):
        cv2.addWeighted(target, share, source, 1 - share, 0.0, dst=target)
    return shown


def cyberpunk(picture: I420) -> I420:
    """Magenta and cyan light from signs, with a glow round what is bright."""
    shown = _graded(picture, _CYBER, share=0.8)
    cv2.addWeighted(shown.y, 0.85, soft(shown.y, 8, 1.5), 0.3, -10.0, dst=shown.y)
    return shown


def sunset(picture: I420) -> I420:
    """The last warm light of the day."""
    return _graded(picture, _SUNSET, share=0.75)


def underwater(picture: I420) -> I420:
    """Blue-green, as ten metres down."""
    return _graded(picture, _SEA, share=0.8)


def frozen(picture: I420) -> I420:
    """Cold, pale and blue."""
    return _graded(picture, _ICE, share=0.8)


def blur(picture: I420) -> I420:
    """Far out of focus."""
    shown = I420.like(picture)
    for source, target, factor in (
        (picture.y, shown.y, 8),
        (picture.u, shown.u, 4),
        (picture.v, shown.v, 4),
    ):
        height, width = target.shape
        small = cv2.GaussianBlur(shrink(source, factor), (0, 0), 2.2)
        cv2.resize(small, (width, height), dst=target, interpolation=cv2.INTER_CUBIC)
    return shown


def pixelate(picture: I420) -> I420:
    """Square blocks."""
    shown = I420.like(picture)
    across = 80
    down = max(1, round(across * picture.height / picture.width))
    for source, target in ((picture.y, shown.y), (picture.u, shown.u), (picture.v, shown.v)):
        height, width = target.shape
        small = cv2.resize(source, (across, down), interpolation=cv2.INTER_AREA)
        cv2.resize(small, (width, height), dst=target, interpolation=cv2.INTER_NEAREST)
    return shown
