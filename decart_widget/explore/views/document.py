"""The document of a sheet: everything that its view, its picture and its exported file show.

It is one JSON object; ``js/src/explore/document.ts`` has the same as types. Repeats of a cell are
one entry, with intervals. Pictures aren't in it, but their names are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from decart_widget.explore.records import Axis, Cell, CellResult
from decart_widget.explore.views.figures import (
    control_scores,
    default_score,
    figures_of,
    score_infos,
)

VERSION: Final = 1
"""Version of the document, for programs that read exported files."""

State = Literal["planned", "running", "stopped", "done", "failed", "cancelled"]
"""What a sheet is doing."""

INPUT: Final = "sent"
"""Name of the sprite of the untouched input."""

_PHASES: Final[Mapping[str, str]] = {
    "opening": "opens a session",
    "settling": "settling…",
    "waiting": "waits for a free session",
}
"""What a running cell is doing, by the runner's word; while frames are taken, the share is said."""


@dataclass(frozen=True)
class PlanSums:
    """What a start would do, for the plan's card.

    Attributes:
        cells: Places of the sheet that would run.
        cell_s: Seconds billed for each of them, its repeats included.
        fixed_s: Seconds billed beside them, for the control cell and what sessions lose.
        price_per_s: US dollars; None where no price is known.
        budget_s: What may be billed in all, in seconds; None without a budget.
        used_s: What of the budget was billed before, in seconds.
        before_s: Seconds that were billed for the sheet before.
        sessions: Sessions side by side.
        open_s: Seconds on the clock before and beside the cells, as while sessions open.
        wall_cell_s: Seconds on the clock that one more cell takes.
        rows: What else is to be known: a name and a text each.
    """

    cells: int
    cell_s: float
    fixed_s: float = 0.0
    price_per_s: float | None = None
    budget_s: float | None = None
    used_s: float = 0.0
    before_s: float = 0.0
    sessions: int = 1
    open_s: float = 0.0
    wall_cell_s: float = 0.0
    rows: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Contents:
    """What a document is made of.

    Attributes:
        title: Name of the clip.
        state: What the sheet is doing.
        axes: Of the sheet; the first one is laid across, the others down.
        cells: All of them, repeats and the control too.
        results: Of the cells that ended, by key.
        moments: Times in the source that a sprite shows, in seconds.
        size: Width and height of a moment, in pixels.
        plan: What a start would do.
        error: Why the run failed; empty where it didn't.
        running: Share (0 to 1) and phase of the cells that run now, by key.
        stars: Keys of the cells that somebody starred.
        twins: The cell that shows the same picture, by key.
        has_input: Whether there is a sprite of the input.
        left_s: Seconds that the run still takes; None where nobody knows.
        took_s: Seconds that it took, once it is over.
        folder: Where it is kept, as it is shown.
        said: What was done at somebody's request.
    """

    title: str
    state: State
    axes: Sequence[Axis]
    cells: Sequence[Cell]
    results: Mapping[str, CellResult]
    moments: Sequence[float]
    size: tuple[int, int]
    plan: PlanSums
    error: str = ""
    running: Mapping[str, tuple[float, str]] = field(default_factory=dict)
    stars: frozenset[str] = frozenset()
    twins: Mapping[str, str] = field(default_factory=dict)
    has_input: bool = False
    left_s: float | None = None
    took_s: float | None = None
    folder: str = ""
    said: str = ""


def describe(
    contents: Contents,
    *,
    ranking: Mapping[str, Any] | None = None,
    comparison: Mapping[str, Any] | None = None,
    can: Mapping[str, bool] | None = None,
) -> dict[str, Any]:
    """Makes the document.

    Args:
        contents: What it is made of.
        ranking: The question of a blind ranking, or its result.
        comparison: What was found between two cells.
        can: What the kernel does when asked: ``use_live``, ``rank``, ``save``.

    Returns:
        JSON values; the same for the same contents.
    """
    places = grouped(contents.cells)
    entries = [_entry(contents, place) for place in places]
    scores, figures = figures_of(contents.cells, contents.results, places)
    for entry, found in zip(entries, figures, strict=True):
        entry["figures"] = found
    bill = [contents.results[cell.key] for cell in contents.cells if cell.key in contents.results]
    return {
        "version": VERSION,
        "title": contents.title,
        "state": contents.state,
        "error": contents.error,
        "axes": [{"name": axis.name, "labels": list(axis.labels)} for axis in contents.axes],
        "moments": [round(moment, 3) for moment in contents.moments],
        "size": list(contents.size),
        "scores": score_infos(scores),
        "score": default_score(scores),
        "cells": entries,
        "input": INPUT if contents.has_input else None,
        "noise": _noise(contents),
        "plan": _plan(contents.plan),
        "progress": _progress(contents, entries, bill),
        "ranking": None if ranking is None else dict(ranking),
        "comparison": None if comparison is None else dict(comparison),
        "folder": contents.folder,
        "said": contents.said,
        "can": {"use_live": False, "rank": False, "save": False, **(can or {})},
    }


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is different between two documents of one sheet.

    Args:
        before: What a view has.
        after: What it shall have.

    Returns:
        The fields that differ; of ``cells`` the entries that do.
    """
    patch = {name: value for name, value in after.items() if before.get(name) != value}
    if "cells" in patch:
        known = {entry["key"]: entry for entry in before["cells"]}
        patch["cells"] = [e for e in after["cells"] if known.get(e["key"]) != e]
    return patch


def grouped(cells: Sequence[Cell]) -> list[list[Cell]]:
    """Takes the repeats of each place together, in the order of the places; the control is none.

    Args:
        cells: Of a sheet.

    Returns:
        The cells of each place, by the number of the repeat.
    """
    places: dict[tuple[int, ...], list[Cell]] = {}
    for cell in cells:
        if not cell.is_control:
            places.setdefault(cell.place, []).append(cell)
    # The first axis is laid across, so it is the one that runs fastest.
    order = sorted(places, key=lambda place: (place[1:], place[:1]))
    return [sorted(places[place], key=lambda cell: cell.repeat) for place in order]


def bill_text(seconds: float, cost: float | None) -> str:
    """Returns seconds and money as they are shown everywhere, for instance ``31.2 s · $0.62``.

    Args:
        seconds: That are billed.
        cost: In US dollars; None where no price is known, 0 where nothing is paid.

    Returns:
        The text.
    """
    text = f"{seconds:.1f} s"
    return f"{text} · ${cost:.2f}" if cost else text


def _entry(contents: Contents, place: Sequence[Cell]) -> dict[str, Any]:
    """Describes one place without its figures."""
    found = [contents.results[cell.key] for cell in place if cell.key in contents.results]
    done = [result for result in found if result.status == "done"]
    bad = next((result for result in found if result.status != "done"), None)
    share, phase = _running(contents, place, len(found))
    if phase is not None:
        status = "running"
    elif len(found) < len(place) and contents.state in ("planned", "cancelled"):
        status = "planned"
    elif len(found) < len(place) and contents.state == "running":
        status = "waiting"
    elif done:
        status = "done"
    else:
        status = "left" if bad is None else bad.status
    billed, costs = sum(r.billed_s for r in found), [r.cost for r in found if r.cost is not None]
    settled = [r.settled_s for r in done if r.settled_s is not None]
    return {
        "key": place[0].key,
        "place": list(place[0].place),
        "status": status,
        "reason": _reason(found, bad),
        "share": round(share, 2),
        "phase": phase or "",
        "picture": place[0].key if done and "sprite" in done[0].files else None,
        "figures": {},
        "settled": f"{sum(settled) / len(settled):.2f} s" if settled else "",
        "billed": f"{billed:.1f} s" if found else "",
        "bill": bill_text(billed, sum(costs) if costs else None),
        "twin": contents.twins.get(place[0].key),
        "starred": place[0].key in contents.stars,
        "repeats": len(place),
    }


def _running(contents: Contents, place: Sequence[Cell], ended: int) -> tuple[float, str | None]:
    """Returns how much of a place is done, and what it is doing; None where it doesn't run."""
    now = [contents.running[cell.key] for cell in place if cell.key in contents.running]
    if not now or contents.state != "running":
        return ended / len(place), None
    share, word = now[0]
    share = min(1.0, max(0.0, share))
    return (ended + share) / len(place), _PHASES.get(word, f"{share:.0%}")


def _reason(found: Sequence[CellResult], bad: CellResult | None) -> str:
    """Returns why a place has no picture, or not all of its figures."""
    if bad is not None:
        return bad.reason
    errors = {name: text for result in found for name, text in result.score_errors.items()}
    return "; ".join(f"{name}: {text}" for name, text in errors.items())


def _noise(contents: Contents) -> str:
    change = control_scores(contents.cells, contents.results).get("change")
    return "" if change is None else f"codec and path: ΔE {change:.1f}, taken off"


def _plan(plan: PlanSums) -> dict[str, Any]:
    return {
        "cells": plan.cells,
        "cell_s": plan.cell_s,
        "fixed_s": plan.fixed_s,
        "price_per_s": plan.price_per_s,
        "budget_s": plan.budget_s,
        "used_s": plan.used_s,
        "sessions": plan.sessions,
        "open_s": plan.open_s,
        "wall_cell_s": plan.wall_cell_s,
        "rows": [list(row) for row in plan.rows],
    }


def _progress(
    contents: Contents, entries: Sequence[Mapping[str, Any]], bill: Sequence[CellResult]
) -> dict[str, Any]:
    count = {word: sum(e["status"] == word for e in entries) for word in _ENDED}
    billed = sum(result.billed_s for result in bill)
    costs = [result.cost for result in bill if result.cost is not None]
    plan = contents.plan
    planned = plan.before_s + (plan.fixed_s + plan.cells * plan.cell_s if plan.cells else 0.0)
    price = plan.price_per_s
    waits = any(word == "waiting" for _, word in contents.running.values())
    return {
        **count,
        "cells": len(entries),
        "left_s": contents.left_s,
        "took_s": contents.took_s,
        "billed": bill_text(billed, sum(costs) if costs else None),
        "planned": bill_text(planned, None if price is None else planned * price),
        "note": _note(count, waits=waits and contents.state == "running"),
    }


_ENDED: Final = ("done", "refused", "failed")
"""The states of cells that count as ended."""


def _note(count: Mapping[str, int], *, waits: bool) -> str:
    parts = []
    if waits:
        parts.append("All sessions of your organisation are in use: it waits for a free one.")
    for word in ("refused", "failed"):
        if count[word]:
            cells = "One cell was" if count[word] == 1 else f"{count[word]} cells were"
            parts.append(f"{cells} {word}, and not billed again.")
    parts.append("What is done stays, in the sheet and on disk.")
    return " ".join(parts)
