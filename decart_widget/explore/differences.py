"""``diff``: two runs of a sweep side by side, and what has changed between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from decart_widget.explore.folders.tables import score_names
from decart_widget.explore.records import Cell, CellResult
from decart_widget.explore.scores.scales import above_floor, scale_of
from decart_widget.explore.sheets.sheet import Sheet
from decart_widget.explore.sweeps import load
from decart_widget.explore.verdict.comparison import SAME, compare
from decart_widget.explore.verdict.intervals import interval

if TYPE_CHECKING:
    import os

LEAST_CELLS: Final = 4
"""Cells that a shift of all of them is looked for in; of fewer nothing can be said."""

LEVEL: Final = 0.99
"""Of the interval of such a shift: it is looked for in each score."""


@dataclass(frozen=True)
class Change:
    """One thing that is different.

    Attributes:
        kind: ``"model"``, ``"option"``, ``"clip"``, ``"cell"`` (only in one of the two),
            ``"status"`` (done in one, refused or failed in the other) or ``"score"``.
        name: Of what: a model, an option, a score.
        place: The prompt of the cell; empty where all are meant.
        old: What it was.
        new: What it is.
        text: The whole as a sentence.
    """

    kind: str
    name: str
    place: str
    old: Any
    new: Any
    text: str


@dataclass(frozen=True)
class Diff:
    """What has changed between two sheets.

    Attributes:
        changes: The changes, those of models and options first.
        cells: One record for each cell that both have: its prompt and model, and for each score the
            mean in both (``keeps_old``, ``keeps_new`` by the score's name) and the verdict.
        repeats: The smaller number of runs of a cell; with one, single cells can't be told apart.
    """

    changes: tuple[Change, ...]
    cells: tuple[Mapping[str, Any], ...]
    repeats: int

    def __str__(self) -> str:
        lines = [change.text for change in self.changes]
        if not lines:
            lines = [f"Nothing has changed beyond noise in {len(self.cells)} cells."]
        if self.repeats < 2 and self.cells:
            lines.append("Single cells can't be told apart without repeats (repeats=5).")
        return "\n".join(lines)

    __repr__ = __str__

    def __len__(self) -> int:
        return len(self.changes)


def diff(old: Sheet | str | os.PathLike[str], new: Sheet | str | os.PathLike[str]) -> Diff:
    """Names what has changed between two runs of a sweep, or between two sweeps.

    Scores are compared above the noise of codec and connection, which the control of each run
    measures. A cell's score is named where its repeats tell the two apart; with many cells the
    comparisons count together. A shift that all cells share is named too.

    Args:
        old: A sheet, or the folder of one.
        new: Likewise.

    Returns:
        The changes.

    Raises:
        InvalidPathError: A folder holds no sweep, or can't be read.
    """
    first = old if isinstance(old, Sheet) else load(old)
    second = new if isinstance(new, Sheet) else load(new)
    runs = _Runs(first), _Runs(second)
    both = [name for name in runs[0].groups if name in runs[1].groups]
    changes = [*_settings(first, second), *_only_in_one(*runs), *_statuses(*runs, both)]
    scored, cells, repeats = _scores(*runs, both)
    return Diff((*changes, *scored), tuple(cells), repeats)


_Name = tuple[Any, ...]
"""What makes a cell of one sheet the same as one of the other."""


class _Runs:
    """The cells of a sheet by what they run, with the scores above the noise of their control."""

    def __init__(self, sheet: Sheet) -> None:
        self.groups: dict[_Name, list[Cell]] = {}
        self.results = sheet.results
        self.controls: dict[str, Mapping[str, float]] = {}
        for cell in sheet.cells:
            result = self.results.get(cell.key)
            if cell.is_control:
                if result is not None:
                    self.controls[cell.model] = result.scores
                continue
            cells = self.groups.setdefault(_name(cell), [])
            if cell.key not in [other.key for other in cells]:
                cells.append(cell)

    def done(self, name: _Name) -> list[CellResult]:
        found = [self.results[cell.key] for cell in self.groups[name] if cell.key in self.results]
        return [result for result in found if result.status == "done"]

    def status(self, name: _Name) -> str:
        found = [self.results[cell.key] for cell in self.groups[name] if cell.key in self.results]
        if not found:
            return "open"
        return "done" if any(result.status == "done" for result in found) else found[0].status

    def values(self, name: _Name, score: str) -> list[float]:
        control = self.controls.get(self.groups[name][0].model, {})
        scores = [above_floor(result.scores, control) for result in self.done(name)]
        return [each[score] for each in scores if score in each]


def _name(cell: Cell) -> _Name:
    return (cell.prompt, cell.changes, cell.enrich, cell.image, cell.model, cell.fresh)


def _words(name: _Name) -> str:
    prompt, changes, enrich, image, _, fresh = name
    text = prompt or (changes[0][1] if changes else None) or "no prompt"
    more = [
        word
        for word, is_so in (("enrich off", not enrich), ("own session", fresh), (image, image))
        if is_so
    ]
    return f"{text} ({', '.join(more)})" if more else str(text)


def _settings(old: Sheet, new: Sheet) -> list[Change]:
    found = []
    for name in dict.fromkeys((*old.definition.models, *new.definition.models)):
        ids = [_ids(sheet, name) for sheet in (old, new)]
        if all(ids) and ids[0] != ids[1]:
            text = f"{name} was {' and '.join(ids[0])}, and is {' and '.join(ids[1])} now."
            found.append(Change("model", name, "", ids[0], ids[1], text))
    if old.definition.clip.sha256 != new.definition.clip.sha256:
        labels = old.title, new.title
        found.append(Change("clip", "clip", "", *labels, "The clip is another one."))
    options = [{**sheet.definition.options.described, "span": _span(sheet)} for sheet in (old, new)]
    for name in dict.fromkeys((*options[0], *options[1])):
        before, after = (each.get(name) for each in options)
        if before != after:
            text = f"{name} was {before}, and is {after} now."
            found.append(Change("option", name, "", before, after, text))
    return found


def _span(sheet: Sheet) -> str:
    span = sheet.definition.span
    return f"{span.first_s:g} s to {span.first_s + span.seconds:g} s"


def _ids(sheet: Sheet, model: str) -> list[str]:
    results = sheet.results
    keys = [cell.key for cell in sheet.cells if cell.model == model and cell.key in results]
    return sorted({results[key].model_id for key in keys} - {""})


def _only_in_one(old: _Runs, new: _Runs) -> list[Change]:
    gone = [name for name in old.groups if name not in new.groups]
    come = [name for name in new.groups if name not in old.groups]
    return [
        *(
            Change("cell", "prompt", _words(n), _words(n), None, f"{_words(n)}: no longer there.")
            for n in gone
        ),
        *(Change("cell", "prompt", _words(n), None, _words(n), f"{_words(n)}: new.") for n in come),
    ]


def _statuses(old: _Runs, new: _Runs, both: Sequence[_Name]) -> list[Change]:
    found = []
    for name in both:
        before, after = old.status(name), new.status(name)
        if before != after and "open" not in (before, after):
            text = f"{_words(name)}: was {before}, and is {after} now."
            found.append(Change("status", "status", _words(name), before, after, text))
    return found


def _scores(
    old: _Runs, new: _Runs, both: Sequence[_Name]
) -> tuple[list[Change], list[dict[str, Any]], int]:
    names = score_names([*old.results.values(), *new.results.values()])
    compared = [name for name in both if old.done(name) and new.done(name)]
    cells: list[dict[str, Any]] = [{"prompt": _words(name), "model": name[4]} for name in compared]
    found: list[Change] = []
    comparisons = max(1, len(names) * len(compared))
    for score in names:
        scale, shifts = scale_of(score), []
        for name, record in zip(compared, cells, strict=True):
            values = old.values(name, score), new.values(name, score)
            if not all(values):
                continue
            verdict = compare(
                values[1],
                values[0],
                better=scale.better,
                floor=scale.least,
                comparisons=comparisons,
            )
            means = [sum(each) / len(each) for each in values]
            record[f"{score}_old"], record[f"{score}_new"] = means
            record[f"{score}_verdict"] = verdict.word
            shifts.append(means[1] - means[0])
            if verdict.word != SAME:
                text = f"{_words(name)}: {scale.label} {_figure(*means)}, {verdict}."
                found.append(Change("score", score, _words(name), means[0], means[1], text))
        found += _shift(score, shifts)
    repeats = min((len(r.done(n)) for n in compared for r in (old, new)), default=0)
    return found, cells, repeats


def _shift(score: str, shifts: Sequence[float]) -> list[Change]:
    """Returns the change that all cells share, if there is one."""
    scale, count = scale_of(score), len(shifts)
    if count < LEAST_CELLS:
        return []
    found = interval(shifts, LEVEL)
    if found.mean is None or found.low is None or found.high is None:
        return []
    if found.low <= 0 <= found.high or abs(found.mean) <= scale.least:
        return []
    text = (
        f"{scale.label}: {found.mean:+.3g} in the mean of {count} cells "
        f"({found.low:+.3g} to {found.high:+.3g})."
    )
    return [Change("score", score, "", None, found.mean, text)]


def _figure(old: float, new: float) -> str:
    return f"{old:.3g} before, {new:.3g} now"
