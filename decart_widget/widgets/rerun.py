"""Which cell made which widget: a cell that is run again leaves the session of its last run behind.

The output is replaced, and with it Stop; camera and bill would go on out of sight. JupyterLab says
in each request which cell it runs; where nobody says so, nothing is done.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

if TYPE_CHECKING:
    from decart_widget.runtime.controller import WidgetController

MAX_CELLS: Final = 256
"""Cells remembered; the one that was run least recently is forgotten first."""


@dataclass(frozen=True)
class Execution:
    """One run of a cell.

    Args:
        cell: The cell's id, the same in each run.
        request: The id of this run's request.
    """

    cell: str
    request: str


def current_execution() -> Execution | None:
    """The run of a cell that this code is part of; None where that can't be told."""
    try:
        from IPython import get_ipython

        parent: Any = get_ipython().get_parent()
        cell, request = parent["metadata"]["cellId"], parent["header"]["msg_id"]
    except Exception:  # no IPython, no kernel, another host: all of them say nothing
        return None
    known = isinstance(cell, str) and isinstance(request, str) and cell and request
    return Execution(cell, request) if known else None


@dataclass
class _Made:
    request: str
    lives: WeakSet[WidgetController] = field(default_factory=WeakSet)


class Cells:
    """What each cell has made in its last run; for any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[str, _Made] = {}

    def register(
        self, execution: Execution | None, live: WidgetController
    ) -> list[WidgetController]:
        """Notes that this run made a widget; returns those that earlier runs of the cell made."""
        if execution is None:
            return []
        with self._lock:
            made = self._made.pop(execution.cell, None)
            older: list[WidgetController] = []
            if made is None or made.request != execution.request:
                older = [] if made is None else list(made.lives)
                made = _Made(execution.request)
            made.lives.add(live)
            self._made[execution.cell] = made
            while len(self._made) > MAX_CELLS:
                del self._made[next(iter(self._made))]
            return older


cells: Final = Cells()
"""Those of this process."""
