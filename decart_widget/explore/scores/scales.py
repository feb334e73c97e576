"""What each score means: its unit, its place on a bar from 0 to 1, and the noise to take off."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

VISIBLE_LEVELS: Final = 6.0
"""Levels of 255 at which flicker and swim are plain to see, and their bar is at 1/e. Brightness
that pulses by 4 % scores 7, a good codec 0.1."""

CLEAR_CHANGE: Final = 30.0
"""Mean distance in CIE Lab at which the bar of ``change`` is at 1 - 1/e: a restyled picture. 2 is
just visible."""

SLOW_S: Final = 0.8
"""Seconds of settling at which the bar of ``settled`` is at 1/e."""


@dataclass(frozen=True)
class Scale:
    """What a score means.

    Attributes:
        name: Of the score, as in ``CellResult.scores``.
        label: One word for people; a full bar is much of what it says.
        unit: Of the figure; empty for a plain number.
        meaning: One sentence.
        better: ``"more"`` or ``"less"`` where that is better for nearly everybody, else None.
        least: The least difference that is worth a word, in the score's unit: less is not seen, or
            is within what a codec does to a picture.
        place: Gives the length of the bar, 0 to 1, of a figure.
        noise: How the figure of the control cell, which has only the noise of codec and connection,
            is taken off: as a ``"difference"`` or a ``"ratio"``; None: not.
    """

    name: str
    label: str
    unit: str
    meaning: str
    better: Literal["more", "less"] | None
    least: float
    place: Callable[[float], float]
    noise: Literal["difference", "ratio"] | None = None

    def to_unit(self, value: float) -> float:
        """Returns the length of the score's bar, 0 to 1; 0 for what is no number."""
        return 0.0 if math.isnan(value) else min(1.0, max(0.0, self.place(value)))


def _fading(size: float) -> Callable[[float], float]:
    """Returns a scale on which 0 is a full bar, and ``size`` is at 1/e."""
    return lambda value: math.exp(-max(0.0, value) / size)


_ALL: Final = (
    Scale(
        "flicker",
        "calm",
        "levels",
        "How much the picture jumps where nothing moved, in levels of 255.",
        "less",
        0.3,
        _fading(VISIBLE_LEVELS),
        "difference",
    ),
    Scale(
        "swim",
        "follows",
        "levels",
        "How much of the texture sticks to the glass while the scene moves, in levels of 255.",
        "less",
        0.3,
        _fading(VISIBLE_LEVELS),
        "difference",
    ),
    Scale(
        "structure",
        "keeps",
        "",
        "How many of the outlines are kept: 1 all, 0 none, whatever their colour.",
        "more",
        0.02,
        lambda value: value,
        "ratio",
    ),
    Scale(
        "change",
        "change",
        "dE",
        "How far the colours are from what was sent: mean distance in CIE Lab.",
        None,
        1.0,
        lambda value: 1 - math.exp(-max(0.0, value) / CLEAR_CHANGE),
        "difference",
    ),
    Scale(
        "sharpness",
        "sharp",
        "x",
        "Fine detail relative to what was sent: 1 is as sharp. Grain and hatching count as sharp.",
        None,
        0.03,
        lambda value: 1.0 if value == math.inf else max(0.0, value) / (1 + max(0.0, value)),
        "ratio",
    ),
    Scale(
        "judder",
        "smooth",
        "share",
        "Share of the frames that repeat the one before although the scene moved.",
        "less",
        0.02,
        lambda value: 1 - value,
        "difference",
    ),
    Scale(
        "settled",
        "settled",
        "s",
        "Seconds from the change of the prompt until the look no longer changed.",
        "less",
        0.1,
        _fading(SLOW_S),
    ),
)

SCALES: Final[Mapping[str, Scale]] = {scale.name: scale for scale in _ALL}
"""The scales of the package's own scores, by name. The places on the bars were chosen so that they
agree with the eye over 29 effects at 640x360."""

LARGEST_RATIO: Final = 10.0
"""A ratio to the control's figure is not taken to more than this; the control of a clip without
detail has a figure near 0."""


def scale_of(name: str) -> Scale:
    """Returns the scale of a score; for one of the user's, whose range nobody knows, 0 to 1."""
    return SCALES.get(name) or Scale(name, name, "", "", "more", 0.0, lambda value: value)


def bars(name: str, values: Sequence[float | None]) -> list[float]:
    """Returns the lengths of the bars of one score in all cells of a sheet.

    A score of the package has its fixed scale. One of the user's reaches from the least value of
    the sheet, an empty bar, to the greatest, a full one.

    Args:
        name: Of the score.
        values: Of each cell; None or NaN where there is none.

    Returns:
        Lengths from 0 to 1, in the order of ``values``.
    """
    numbers = [math.nan if value is None else float(value) for value in values]
    if name in SCALES:
        return [SCALES[name].to_unit(number) for number in numbers]
    finite = [number for number in numbers if math.isfinite(number)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    if high == low:
        return [1.0 if math.isfinite(number) else 0.0 for number in numbers]
    # Each is divided first, as the span of two large floats may overflow.
    span = high / 2 - low / 2
    return [
        (number / 2 - low / 2) / span if math.isfinite(number) else float(number == math.inf)
        for number in numbers
    ]


def above_floor(scores: Mapping[str, float], control: Mapping[str, float]) -> dict[str, float]:
    """Takes the noise of codec and connection off the scores of a cell.

    Args:
        scores: Of the cell.
        control: Of the control cell: the untouched clip on the same way.

    Returns:
        The scores by name. Flicker, swim, change and judder are what exceeds the control's, at
        least 0; structure and sharpness are relative to the control's; others are as they were.
    """
    found = dict(scores)
    for name, value in scores.items():
        floor, noise = control.get(name), scale_of(name).noise
        if noise is None or floor is None or not math.isfinite(floor):
            continue
        if noise == "difference":
            found[name] = max(0.0, value - floor)
        elif floor > 0:
            most = 1.0 if name == "structure" else LARGEST_RATIO
            found[name] = min(most, value / floor)
    return found
