"""A ``Sheet`` as views show it: its document, its pictures, and what people do to it there.

``Sheet`` makes its views, so it isn't imported here.
"""

from __future__ import annotations

import math
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final, Protocol

from decart_widget.errors import DecartError, InvalidOptionError
from decart_widget.explore import sprites
from decart_widget.explore.records import Cell
from decart_widget.explore.scores.scales import scale_of
from decart_widget.explore.views.document import INPUT, Contents, PlanSums, State, describe, grouped

LARGE: Final = "@large"
"""End of the name of a picture with the same moments in more pixels."""

STATIC: Final = "static"
"""Name of the whole sheet as one picture, in PNG."""

MAX_TWINS: Final = 200
"""Cells that are compared for twins; more would take seconds."""


class LiveWidget(Protocol):
    """The widget whose prompt a cell can be used for."""

    prompt: str
    enrich: bool


_LIVE: weakref.WeakKeyDictionary[Any, weakref.ref[Any]] = weakref.WeakKeyDictionary()
"""The live widget of a sheet that was made from one."""


def connect(sheet: Any, widget: LiveWidget) -> None:
    """Has the views of a sheet offer its prompts to a live widget.

    Args:
        sheet: The sheet.
        widget: The widget.
    """
    _LIVE[sheet] = weakref.ref(widget)


class ShownSheet:
    """Reads a sheet for views. Its methods may be called on any thread, one at a time.

    Args:
        sheet: The sheet.
    """

    def __init__(self, sheet: Any) -> None:
        self._sheet = sheet
        self._lock = threading.Lock()
        self._sums: PlanSums | None = None
        self._is_cancelled = False
        self._is_ranking = False
        self._comparison: dict[str, str] | None = None
        self._twins: tuple[frozenset[str], dict[str, str]] = (frozenset(), {})
        self._listeners: set[Callable[[], None]] = set()

    def document(self) -> dict[str, Any]:
        """Returns the document."""
        sheet, contents = self._sheet, self.contents()
        done = [entry for entry in grouped(sheet.cells) if self._is_done(entry[0])]
        return describe(
            contents,
            ranking=self._ranking(),
            comparison=self._comparison,
            can={
                "use_live": self._live() is not None,
                "rank": len(done) > 1 and contents.state != "running",
                "save": bool(done) and contents.state != "running",
            },
        )

    def contents(self) -> Contents:
        """Returns what the document is made of."""
        sheet = self._sheet
        state: State = sheet.state
        results = sheet.results
        error = sheet.error
        return Contents(
            title=sheet.title,
            state="cancelled" if self._is_cancelled and state == "planned" else state,
            axes=sheet.axes,
            cells=sheet.cells,
            results=results,
            moments=sheet.moments,
            size=sprites.moment_size(*sheet.size),
            plan=self._plan(),
            error=f"{error.get('message', '')} {error.get('remedy', '')}".strip(),
            running=dict(sheet.running),
            stars=sheet.stars,
            twins=self._find_twins() if state != "running" else {},
            has_input=any("sprite" in result.files for result in results.values()),
            left_s=sheet.left_s,
            took_s=sheet.took_s,
            folder=_shown(sheet),
        )

    def picture(self, name: str) -> bytes | None:
        """Returns a sprite, or the whole sheet as a PNG; None where there is none.

        Args:
            name: A cell's key, ``document.INPUT``, either with ``LARGE`` behind it, or ``STATIC``.
        """
        try:
            if name == STATIC:
                return self._static()
            if name.endswith(LARGE):
                return self._large(name.removesuffix(LARGE))
            data: bytes = self._sheet.sprite(name)
        except DecartError:
            return None
        return data

    def on_change(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Calls back at each change, from any thread.

        Args:
            callback: Returns quickly.

        Returns:
            What ends that.
        """
        self._listeners.add(callback)
        end = self._sheet.on_change(lambda _keys: callback())

        def unsubscribe() -> None:
            self._listeners.discard(callback)
            end()

        return unsubscribe

    # --- what people do -------------------------------------------------------------------------

    def start(self, cells: int) -> None:
        """Starts planned cells, spread over the sheet; the budget is the one that Python gave.

        Args:
            cells: How many; no more than the plan has are started.
        """
        if self._sheet.state == "running" or self._is_cancelled or cells <= 0:
            return
        # What is started stays to be seen during the run.
        sums = self._plan()
        self._sums = replace(sums, cells=min(cells, sums.cells))
        self._sheet.start(cells)

    def stop(self) -> None:
        """Ends the run, and keeps what is done."""
        self._sheet.stop()

    def cancel(self) -> None:
        """Gives the plan up in the views; code may still start it."""
        self._is_cancelled = True
        self._changed()

    def retry(self, key: str) -> None:
        """Runs one place again, all its repeats, within the budget.

        Args:
            key: Of the place.
        """
        self._sheet.retry(self._first(key))

    def star(self, key: str, *, on: bool) -> None:
        """Marks a place, or takes the mark off.

        Args:
            key: Of the place.
            on: Whether it is marked from now on.
        """
        self._sheet.star(self._first(key), on)

    def use_live(self, key: str) -> str:
        """Sets the prompt of the live widget that the sheet was made from.

        Args:
            key: Of the place whose prompt it gets.

        Returns:
            What to say.

        Raises:
            InvalidOptionError: There is no such widget any more.
        """
        widget, cell = self._live(), self._first(key)
        if widget is None or cell.prompt is None:
            raise InvalidOptionError(
                "There is no live widget for this prompt.", remedy="Set its prompt by hand."
            )
        widget.enrich = cell.enrich
        widget.prompt = cell.prompt
        return "The live widget has this prompt now."

    def save(self) -> str:
        """Writes the sheet's files into its folder.

        Returns:
            What to say.
        """
        self._sheet.save(self._sheet.folder)
        return f"Saved in {_shown(self._sheet)}"

    def compare(self, key: str, against: str, score: str) -> None:
        """Compares two places; the document then has the result.

        Args:
            key: Of the first place.
            against: Of the other one.
            score: Name of the score.
        """
        verdict = self._sheet.compare(self._first(key), self._first(against), score)
        text = f"{scale_of(score).label}: {verdict}"
        self._comparison = {"key": key, "against": against, "score": score, "text": text}
        self._changed()

    def rank(self, answer: str, number: int) -> None:
        """Takes an answer of the blind ranking.

        Args:
            answer: One of ``page.sheet_messages.RANK_ANSWERS``.
            number: Of the question that is answered; an answer to another one is left out.
        """
        if answer in ("begin", "close"):
            self._is_ranking = answer == "begin"
        elif self._is_ranking:
            ranking = self._sheet.ranking
            if number != len(ranking.answers):
                return
            if answer == "undo":
                ranking.undo()
            else:
                ranking.answer(answer)
            self._sheet.keep_ranking()
        self._changed()

    # --- inside ---------------------------------------------------------------------------------

    def _changed(self) -> None:
        for callback in list(self._listeners):
            callback()

    def _live(self) -> Any:
        found = _LIVE.get(self._sheet)
        return None if found is None else found()

    def _first(self, key: str) -> Cell:
        """Returns the cell of a key that a page sent.

        Raises:
            InvalidOptionError: The sheet has no such cell.
        """
        cells: tuple[Cell, ...] = self._sheet.cells
        for cell in cells:
            if cell.key == key and not cell.is_control:
                return cell
        raise InvalidOptionError(
            "The sheet has no such cell.", remedy="Run the cell of the notebook again."
        )

    def _is_done(self, cell: Cell) -> bool:
        result = self._sheet.results.get(cell.key)
        return result is not None and result.status == "done" and "sprite" in result.files

    def _plan(self) -> PlanSums:
        """Returns what a start would do; while the sheet runs, what was started."""
        if self._sheet.state != "running" or self._sums is None:
            self._sums = _sums(self._sheet)
        return self._sums

    def _ranking(self) -> dict[str, Any] | None:
        if not self._is_ranking:
            return None
        ranking = self._sheet.ranking
        pair = None if ranking.is_done else ranking.next_pair()
        strengths = ranking.strengths() if pair is None else []
        return {
            "number": len(ranking.answers),
            "expected": ranking.wanted,
            "pair": None if pair is None else [pair.left, pair.right],
            "can_undo": len(ranking.answers) > 0,
            "is_open": True,
            "strengths": [
                {
                    "key": each.item,
                    "share": round(_preferred(each.strength), 4),
                    "low": round(_preferred(each.low), 4),
                    "high": round(_preferred(each.high), 4),
                }
                for each in strengths
            ],
        }

    def _find_twins(self) -> Mapping[str, str]:
        """Returns the cell that shows the same picture, by key; found once for the same cells."""
        from decart_widget.explore.scores import fingerprint, twins

        keys = [place[0].key for place in grouped(self._sheet.cells) if self._is_done(place[0])]
        if frozenset(keys) != self._twins[0] and len(keys) <= MAX_TWINS:
            prints = {key: fingerprint(pictures) for key in keys if (pictures := self._ends(key))}
            found = {twin.second: twin.first for twin in twins(prints)}
            self._twins = frozenset(keys), found
        return self._twins[1]

    def _ends(self, key: str) -> list[Any]:
        """Returns three moments of a cell, out of its sprite."""
        data, count = self.picture(key), len(self._sheet.moments)
        if data is None:
            return []
        places = sorted({0, count // 2, count - 1})
        return [sprites.moment(data, index, count) for index in places]

    def _large(self, name: str) -> bytes:
        frames, sheet = self._sheet.clip(name), self._sheet
        key = name if name != INPUT else next(iter(sheet.results), "")
        result = sheet.results.get(key)
        times = result.times if result is not None and len(result.times) == len(frames) else ()
        chosen = [
            frames[min(range(len(times)), key=lambda i: abs(times[i] - moment))]
            for moment in sheet.moments
            if times
        ]
        return sprites.sprite(
            chosen or frames, area=sprites.LARGE_AREA, limit=max(1, len(sheet.moments))
        )

    def _static(self) -> bytes | None:
        from decart_widget.explore.views.static_picture import png

        document = self.document()
        if not any(entry["picture"] for entry in document["cells"]):
            return None
        return png(document, self.picture)


def _sums(sheet: Any) -> PlanSums:
    """Returns the plan as sums of cells: for how many a start is, a page may choose."""
    plan = sheet.plan
    cells = plan.cells - plan.controls
    sums = PlanSums(
        cells=cells,
        cell_s=plan.billed_s / max(1, cells),
        price_per_s=plan.cost / plan.billed_s if plan.cost is not None and plan.billed_s else None,
        budget_s=sheet.limit_s,
        before_s=sum(result.billed_s for result in sheet.results.values()),
        sessions=plan.at_once,
        wall_cell_s=plan.wall_s / max(1, cells),
        rows=tuple(plan.rows()),
    )
    if cells < 2:
        return sums
    one = sheet.plan_for(1)
    cell_s = (plan.billed_s - one.billed_s) / (cells - 1)
    wall_cell_s = max(0.0, (plan.wall_s - one.wall_s) / (cells - 1))
    return replace(
        sums,
        cell_s=cell_s,
        fixed_s=max(0.0, plan.billed_s - cells * cell_s),
        wall_cell_s=wall_cell_s,
        open_s=max(0.0, plan.wall_s - cells * wall_cell_s),
    )


def _preferred(strength: float) -> float:
    """Returns how often an item is preferred to one of mean strength, 0 to 1."""
    return 1 / (1 + math.exp(-strength))


def _shown(sheet: Any) -> str:
    """Returns the folder as seen from here; of one elsewhere the name, as files are passed on."""
    folder = Path(sheet.plan.folder)
    here = Path.cwd()
    return str(folder.relative_to(here)) if folder.is_relative_to(here) else folder.name
