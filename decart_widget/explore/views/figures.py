"""The figures of a sheet's document: scores as shares of a bar, as texts, and with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

from decart_widget.explore.records import Cell, CellResult
from decart_widget.explore.scores.scales import SCALES, above_floor, bars, scale_of

DEFAULT_SCORE: Final = "structure"
"""The score that a view begins with, unless the user has one of their own."""

_DETAILS: Final[Mapping[str, str]] = {
    "flicker": "flicker {:.1f} levels",
    "swim": "swim {:.1f} levels",
    "structure": "outlines {:.2f}",
    "change": "ΔE {:.0f}",
    "sharpness": "× {:.2f}",
    "judder": "repeats {:.0%}",
    "settled": "after {:.2f} s",
}
"""What a figure is called and its unit, by the score's name."""

_TITLES: Final[Mapping[str, str]] = {
    "flicker": "calm",
    "swim": "follows the motion",
    "structure": "keeps the drawing",
    "sharpness": "sharp",
    "judder": "smooth",
    "settled": "settles fast",
}
"""What a score is called in a menu, by its name; else its label."""


def figures_of(
    cells: Sequence[Cell], results: Mapping[str, CellResult], places: Sequence[Sequence[Cell]]
) -> tuple[list[str], list[dict[str, dict[str, Any]]]]:
    """Makes the figures of each place: the means of its repeats, with intervals.

    Args:
        cells: All cells of the sheet, whose controls are the noise that is taken off.
        results: Of the cells that ended, by key.
        places: The repeats of each place.

    Returns:
        The names of the scores in their order; and for each place its figures by score.
    """
    floor = control_scores(cells, results)
    runs = [
        [_scores(results[cell.key], floor) for cell in place if _is_done(results, cell)]
        for place in places
    ]
    found = {name for scores in runs for each in scores for name in each}
    names = [name for name in SCALES if name in found] + sorted(found - set(SCALES))
    figures: list[dict[str, dict[str, Any]]] = [{} for _ in places]
    for name in names:
        values = [_finite(name, scores) for scores in runs]
        means = [sum(each) / len(each) if each else None for each in values]
        for place, mean, share in zip(range(len(places)), means, bars(name, means), strict=True):
            if mean is not None:
                figures[place][name] = _figure(name, mean, share, values[place], means)
    return names, figures


def control_scores(cells: Sequence[Cell], results: Mapping[str, CellResult]) -> dict[str, float]:
    """Returns the mean scores of the controls that are done, by name.

    Args:
        cells: Of the sheet.
        results: Of the cells that ended, by key.
    """
    runs = [
        results[cell.key].scores for cell in cells if cell.is_control and _is_done(results, cell)
    ]
    found = {name: _finite(name, runs) for name in {name for scores in runs for name in scores}}
    return {name: sum(values) / len(values) for name, values in found.items() if values}


def score_infos(names: Sequence[str]) -> list[dict[str, str]]:
    """Returns what each score is called: on a bar, and in a menu.

    Args:
        names: Of the scores.
    """
    return [
        {"name": name, "label": scale_of(name).label, "title": score_title(name)} for name in names
    ]


def score_title(name: str) -> str:
    """Returns what a score is called in a menu.

    Args:
        name: Of the score.
    """
    return _TITLES.get(name, scale_of(name).label)


def default_score(names: Sequence[str]) -> str:
    """Returns the score that a view begins with; empty without any.

    Args:
        names: Of the scores.
    """
    own = [name for name in names if name not in SCALES]
    if own:
        return own[0]
    return DEFAULT_SCORE if DEFAULT_SCORE in names else next(iter(names), "")


def _is_done(results: Mapping[str, CellResult], cell: Cell) -> bool:
    return cell.key in results and results[cell.key].status == "done"


def _scores(result: CellResult, floor: Mapping[str, float]) -> dict[str, float]:
    scores = above_floor(result.scores, floor)
    if result.settled_s is not None:
        scores.setdefault("settled", result.settled_s)
    return scores


def _finite(name: str, runs: Sequence[Mapping[str, float]]) -> list[float]:
    return [scores[name] for scores in runs if math.isfinite(scores.get(name, math.nan))]


def _figure(
    name: str, mean: float, share: float, values: Sequence[float], means: Sequence[float | None]
) -> dict[str, Any]:
    own = name not in SCALES
    text = f"{mean:.3g}" if own else f"{mean:.2f} s" if name == "settled" else f"{share:.2f}"
    detail = _DETAILS[name].format(mean) if name in _DETAILS else f"{name} {mean:.3g}"
    low, high = _interval(name, values, means)
    return {"share": round(share, 4), "text": text, "detail": detail, "low": low, "high": high}


def _interval(
    name: str, values: Sequence[float], means: Sequence[float | None]
) -> tuple[float, float] | tuple[None, None]:
    """Returns the ends of the interval on the score's bar; None with fewer than two values."""
    if len(values) < 2:
        return None, None
    from decart_widget.explore.verdict.intervals import interval

    found = interval(values)
    if found.low is None or found.high is None:
        return None, None
    ends = sorted(_place(name, end, means) for end in (found.low, found.high))
    return round(ends[0], 4), round(ends[1], 4)


def _place(name: str, value: float, means: Sequence[float | None]) -> float:
    """Returns where a figure is on a score's bar, 0 to 1."""
    if name in SCALES:
        return SCALES[name].to_unit(value)
    known = [mean for mean in means if mean is not None]
    low, span = min(known), max(known) - min(known)
    return min(1.0, max(0.0, (value - low) / span)) if span else 1.0
