"""What the views, tables and files of a sheet need of it; ``Sheet`` is the implementation.

``Sheet`` opens them, so they can't import it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self

from decart_widget.explore.planning.plan import Plan
from decart_widget.explore.records import Axis, Cell, CellResult

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.explore.verdict.comparison import Verdict
    from decart_widget.explore.verdict.ranking import Ranking

State = Literal["planned", "running", "stopped", "done", "failed"]
"""What a sheet is doing: nothing was started, cells run, it was stopped before all were done, all
cells have ended, or no more cells could run (see ``error``)."""

Listener = Callable[[frozenset[str]], None]
"""Called with the keys of the cells that changed; none of them: the sheet itself."""


class SheetInterface(Protocol):
    """A sheet; every member may be used from any thread. See ``Sheet`` for what each means."""

    @property
    def title(self) -> str:
        """Name of the clip."""

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The axes; the first one is laid across, the others down."""

    @property
    def cells(self) -> tuple[Cell, ...]:
        """All cells, repeats and controls included."""

    @property
    def moments(self) -> tuple[float, ...]:
        """Times in the clip that sprites show, in seconds."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures, in pixels."""

    @property
    def folder(self) -> Path:
        """Absolute path of the folder; made when the sweep starts."""

    @property
    def state(self) -> State:
        """What the sheet is doing."""

    @property
    def error(self) -> dict[str, str]:
        """Code, message and remedy of what ended the last run; empty without an error."""

    @property
    def results(self) -> Mapping[str, CellResult]:
        """How cells ended, by their keys."""

    @property
    def running(self) -> Mapping[str, tuple[float, str]]:
        """Share (0 to 1) and phase of the cells that run now, by their keys."""

    @property
    def planned(self) -> frozenset[str]:
        """Keys of the cells of the last run."""

    @property
    def plan(self) -> Plan:
        """What a start would run, now."""

    @property
    def billed_s(self) -> float:
        """Seconds billed in the last run."""

    @property
    def cost(self) -> float | None:
        """US dollars of the last run; None where no price is known."""

    @property
    def limit_s(self) -> float | None:
        """Seconds for which the budget pays, of the first model; None without a budget."""

    @property
    def left_s(self) -> float | None:
        """Seconds that the run still takes, estimated; None when nothing runs."""

    @property
    def took_s(self) -> float | None:
        """Seconds that the last run took; None before its end."""

    @property
    def stars(self) -> frozenset[str]:
        """Keys of the cells that were starred."""

    def plan_for(self, cells: int) -> Plan:
        """Returns the plan of a start that is limited to so many cells."""

    def start(self, cells: int | None = None) -> Self:
        """Runs the cells that have no result yet; returns at once."""

    def stop(self) -> None:
        """Ends the run; cells that are done stay."""

    def retry(self, *cells: Any, start: bool = True) -> Self:
        """Runs cells again."""

    def star(self, selector: Any, is_starred: bool = True) -> None:
        """Stars a cell."""

    def select(self, selector: Any) -> tuple[Cell, ...]:
        """Returns the cells at a place, one for each repeat."""

    def sprite(self, selector: Any, repeat: int = 0) -> bytes:
        """Returns the moments of a cell, or of what was ``"sent"``, side by side as a JPEG."""

    def clip(self, selector: Any, repeat: int = 0) -> list[NDArray[np.uint8]]:
        """Returns the frames of a cell, or of what was ``"sent"``."""

    @property
    def ranking(self) -> Ranking:
        """The blind ranking of the cells that are done."""

    def keep_ranking(self) -> None:
        """Keeps the answers of the ranking in the folder."""

    def compare(self, a: Any, b: Any, score: str = "structure") -> Verdict:
        """Says whether one cell's score is better than another's."""

    def save(self, folder: Any) -> Path:
        """Writes the sheet's files into a folder."""

    def records(self) -> list[dict[str, Any]]:
        """Returns one record for each cell."""

    def on_change(self, callback: Listener) -> Callable[[], None]:
        """Calls back with the keys of cells that changed."""
