"""Which cell made which widget, so that running a cell again ends the sessions of its last run.

The cell's output is replaced, and the Stop button with it, so camera and billing would go on
unseen. JupyterLab names the cell in each execute request; with hosts that don't, nothing is ended.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

if TYPE_CHECKING:
    from decart_widget.runtime.controller import WidgetController

MAX_CELLS: Final = 256
"""Cells remembered; when there are more, the one that was run least recently is forgotten."""


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
    """The run of a cell that this code is part of; None where the host doesn't name it."""
    try:
        from IPython import get_ipython

        parent: Any = get_ipython().get_parent()
        cell, request = parent["metadata"]["cellId"], parent["header"]["msg_id"]
    except Exception:  # no IPython, no kernel, or another host
        return None
    known = isinstance(cell, str) and isinstance(request, str) and cell and request
    return Execution(cell, request) if known else None


@dataclass
class _Made:
    request: str
    controllers: WeakSet[WidgetController] = field(default_factory=WeakSet)


class Cells:
    """The controllers that each cell has made in its last run; usable from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[str, _Made] = {}

    def register(
        self, execution: Execution | None, controller: WidgetController
    ) -> list[WidgetController]:
        """Notes that a run of a cell made a widget.

        Args:
            execution: The run; None where the host doesn't name it.
            controller: The widget's.

        Returns:
            The controllers that an earlier run of the cell made.
        """
        if execution is None:
            return []
        with self._lock:
            made = self._made.pop(execution.cell, None)
            older: list[WidgetController] = []
            if made is None or made.request != execution.request:
                older = [] if made is None else list(made.controllers)
                made = _Made(execution.request)
            made.controllers.add(controller)
            self._made[execution.cell] = made
            while len(self._made) > MAX_CELLS:
                del self._made[next(iter(self._made))]
            return older


cells: Final = Cells()
"""The cells of this process."""
