"""Knows which cell created which widget: running a cell again ends the sessions of its last run.

The new output replaces the Stop button, so camera and billing would continue unnoticed. JupyterLab
names the cell in each execute request; with hosts that don't, no session is ended.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from weakref import WeakSet

if TYPE_CHECKING:
    from decart_widget.runtime.controller import WidgetController

MAX_CELLS: Final = 256
"""Cells kept; when there are more, the one that was run least recently is forgotten."""


@dataclass(frozen=True)
class Execution:
    """One run of a cell.

    Args:
        cell: The cell's id, the same in each run.
        request: The message id of this run's execute request.
    """

    cell: str
    request: str


def current_execution() -> Execution | None:
    """Returns the run of a cell that this code is part of; None if the host doesn't name it."""
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
    """The controllers that each cell created in its last run; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._made: dict[str, _Made] = {}

    def register(
        self, execution: Execution | None, controller: WidgetController
    ) -> list[WidgetController]:
        """Notes that a run of a cell created a widget.

        Args:
            execution: The run; None if the host doesn't name it.
            controller: The widget's controller.

        Returns:
            The controllers that the previous run of the cell created.
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
