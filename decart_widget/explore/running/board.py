"""The cells that are still to run, shared by the sessions of a job; from any thread."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from decart_widget.explore.records import Cell

TRIES: Final = 2
"""How often a cell is tried: once more after its session broke."""


class Board:
    """Hands out cells in their order, each to one session.

    Args:
        cells: In the order in which they are to run.
    """

    def __init__(self, cells: Sequence[Cell]) -> None:
        self._lock = threading.Lock()
        self._open = list(cells)
        self._tries: Counter[str] = Counter()

    def first(self) -> Cell | None:
        """Takes the cell with which a session begins; None when there is none left."""
        with self._lock:
            return self._take(0) if self._open else None

    def next(self, former: Cell) -> Cell | None:
        """Takes a cell that runs in the session of another one; None if none can.

        Args:
            former: The other one.
        """
        with self._lock:
            if former.fresh:
                return None
            for at, cell in enumerate(self._open):
                if cell.model == former.model and not cell.fresh:
                    return self._take(at)
            return None

    def put_back(self, cell: Cell, *, is_tried: bool) -> bool:
        """Gives a cell back whose session broke before it was done.

        Args:
            cell: The cell.
            is_tried: Whether that counts as a try.

        Returns:
            Whether it will run again; False when it was tried often enough.
        """
        with self._lock:
            self._tries[cell.key] += is_tried
            if self._tries[cell.key] >= TRIES:
                return False
            self._open.insert(0, cell)
            return True

    def close(self) -> None:
        """Hands out nothing any more."""
        with self._lock:
            self._open.clear()

    def __len__(self) -> int:
        return len(self._open)

    def _take(self, at: int) -> Cell:
        return self._open.pop(at)
