"""Effects that change brightness and colour but not shapes; most are table look-ups."""

from __future__ import annotations

from typing import Final

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

_SEPIA: Final = Ramp([(0, (20, 10, 4)), (0.5, (150, 112, 70)), (1, (255, 240, 205))])
_FADED: Final = curve((0, 0.10), (0.25, 0.24), (0.75, 0.80), (1, 0.95))
_WARM_U: Final = saturation(0.75, shift=-10)
_WARM_V: Final = saturation(0.8, shift=9)
_HARD: Final = curve((0, 0), (0.2, 0.06), (0.5, 0.5), (0.78, 0.95), (1, 1))
_HEAT: Final = Ramp(
    [
        (0.0, (4, 0, 38)),
        (0.22, (60, 0, 130)),
        (0.42, (190, 20, 110)),
        (0.6, (240, 90, 20)),
        (0.8, (255, 190, 0)),
        (1.0, (255, 255, 225)),
    ]
)
_NIGHT: Final = Ramp(
    [(0, (2, 12, 4)), (0.45, (28, 150, 48)), (0.85, (150, 255, 150)), (1, (235, 255, 230))]
)
_NIGHT_GAIN: Final = curve((0, 0.08), (0.3, 0.45), (0.7, 0.9), (1, 1))
_CYBER: Final = Ramp(
    [
        (0, (10, 4, 40)),
        (0.3, (90, 10, 140)),
        (0.55, (235, 30, 150)),
        (0.8, (60, 210, 255)),
        (1, (235, 255, 255)),
    ]
)
_SUNSET: Final = Ramp(
    [
        (0, (30, 8, 50)),
        (0.35, (150, 35, 70)),
        (0.6, (245, 110, 50)),
        (0.85, (255, 200, 95)),
        (1, (255, 248, 215)),
    ]
)
_SEA: Final = Ramp(
    [(0, (0, 14, 40)), (0.4, (0, 84, 120)), (0.75, (50, 185, 190)), (1, (225, 255, 245))]
)
_ICE: Final = Ramp(
    [(0, (8, 20, 52)), (0.4, (70, 125, 190)), (0.75, (180, 220, 245)), (1, (255, 255, 255))]
)
_NEGATIVE: Final = 251 - curve((0, 0), (1, 1))
_POSTER: Final = steps(5, softness=0.1)
_POSTER_CHROMA: Final = saturation(1.7)


def greyscale(picture: I420) -> I420:
    """Luma alone."""
    output = I420.like(picture)
    output.y[:] = picture.y
    output.data[picture.height :] = NEUTRAL
    return output


def noir(picture: I420) -> I420:
    """Black and white film: hard contrast, dark corners, grain."""
    output = greyscale(picture)
    cv2.LUT(picture.y, _HARD, dst=output.y)
    multiply(output.y, vignette(picture.width, picture.height, 0.6), output.y)
    add_grain(output.y, 0.18, output.y)
    return output


def sepia(picture: I420) -> I420:
    """A brown print on cream paper."""
    output = I420.like(picture)
    _SEPIA.colour(picture.y, output)
    return output


def vintage(picture: I420) -> I420:
    """A faded colour print: lifted blacks, warm cast, dark corners, grain."""
    output = I420.like(picture)
    cv2.LUT(picture.y, _FADED, dst=output.y)
    multiply(output.y, vignette(picture.width, picture.height, 0.55), output.y)
    add_grain(output.y, 0.16, output.y)
    cv2.LUT(picture.u, _WARM_U, dst=output.u)
    cv2.LUT(picture.v, _WARM_V, dst=output.v)
    return output


def invert(picture: I420) -> I420:
    """A negative: luma and chroma inverted."""
    output = I420.like(picture)
    cv2.LUT(picture.y, _NEGATIVE, dst=output.y)
    cv2.bitwise_not(picture.u, dst=output.u)
    cv2.bitwise_not(picture.v, dst=output.v)
    return output


def thermal(picture: I420) -> I420:
    """A thermal camera: the "iron" palette on a blurred picture."""
    output = I420.like(picture)
    _HEAT.colour(soft(picture.y, 4, 0.8), output)
    return output


def night_vision(picture: I420) -> I420:
    """An image intensifier: green, grainy, bright shadows, dark corners."""
    output = I420.like(picture)
    bright = cv2.LUT(picture.y, _NIGHT_GAIN)
    add_grain(bright, 0.35, bright)
    multiply(bright, vignette(picture.width, picture.height, 0.85), bright)
    _NIGHT.colour(bright, output)
    return output


def posterise(picture: I420) -> I420:
    """Few levels of luma and strong colours, like a screen print."""
    output = I420.like(picture)
    smooth = cv2.medianBlur(half(picture.y), 5)
    flat = cv2.resize(smooth, (picture.width, picture.height), interpolation=cv2.INTER_CUBIC)
    cv2.LUT(flat, _POSTER, dst=output.y)
    for source, target in ((picture.u, output.u), (picture.v, output.v)):
        cv2.LUT(cv2.medianBlur(source, 5), _POSTER_CHROMA, dst=target)
    return output


def _graded(picture: I420, ramp: Ramp, *, share: float) -> I420:
    """A mix of the picture coloured with a ramp (``share``, 0 to 1) and the picture itself."""
    output = I420.like(picture)
    ramp.colour(picture.y, output)
    for source, target in ((picture.y, output.y), (picture.u, output.u), (picture.v, output.v)):
        cv2.addWeighted(target, share, source, 1 - share, 0.0, dst=target)
    return output


def cyberpunk(picture: I420) -> I420:
    """Magenta and cyan light, with a glow around what is bright."""
    output = _graded(picture, _CYBER, share=0.8)
    cv2.addWeighted(output.y, 0.85, soft(output.y, 8, 1.5), 0.3, -10.0, dst=output.y)
    return output


def sunset(picture: I420) -> I420:
    """Warm, reddish light."""
    return _graded(picture, _SUNSET, share=0.75)


def underwater(picture: I420) -> I420:
    """Blue-green, as at ten metres of depth."""
    return _graded(picture, _SEA, share=0.8)


def frozen(picture: I420) -> I420:
    """Cold, pale and blue."""
    return _graded(picture, _ICE, share=0.8)


def blur(picture: I420) -> I420:
    """Far out of focus."""
    output = I420.like(picture)
    for source, target, factor in (
        (picture.y, output.y, 8),
        (picture.u, output.u, 4),
        (picture.v, output.v, 4),
    ):
        height, width = target.shape
        small = cv2.GaussianBlur(shrink(source, factor), (0, 0), 2.2)
        cv2.resize(small, (width, height), dst=target, interpolation=cv2.INTER_CUBIC)
    return output


def pixelate(picture: I420) -> I420:
    """Square blocks."""
    output = I420.like(picture)
    across = 80
    down = max(1, round(across * picture.height / picture.width))
    for source, target in ((picture.y, output.y), (picture.u, output.u), (picture.v, output.v)):
        height, width = target.shape
        small = cv2.resize(source, (across, down), interpolation=cv2.INTER_AREA)
        cv2.resize(small, (width, height), dst=target, interpolation=cv2.INTER_NEAREST)
    return output
