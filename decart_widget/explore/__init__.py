"""Prompt exploration: many prompts on the same clip, compared, kept and repeatable.

``explore.sweep("clip.mp4", explore.grid("{style}, {light}", style=[...], light=[...]))`` makes a
sheet whose plan says what it will take; nothing is billed before it is started. The public names
are imported on first use. No module here has the name of a public function, because importing a
module sets an attribute of its package.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from decart_widget.explore.differences import diff as diff
    from decart_widget.explore.planning.axes import grid as grid
    from decart_widget.explore.planning.axes import replace as replace
    from decart_widget.explore.records import Axis as Axis
    from decart_widget.explore.records import Captured as Captured
    from decart_widget.explore.records import Cell as Cell
    from decart_widget.explore.records import CellResult as CellResult
    from decart_widget.explore.scheduling import schedule as schedule
    from decart_widget.explore.screening.previews import preview as preview
    from decart_widget.explore.sheets.sheet import Sheet as Sheet
    from decart_widget.explore.sweeps import load as load
    from decart_widget.explore.sweeps import repeat as repeat
    from decart_widget.explore.sweeps import sweep as sweep
    from decart_widget.inputs.schedules import Schedule as Schedule
    from decart_widget.inputs.templates import Template as Template
    from decart_widget.inputs.templates import scale as scale
    from decart_widget.inputs.templates import template as template

_HOME: Final = {
    "Axis": "explore.records",
    "Captured": "explore.records",
    "Cell": "explore.records",
    "CellResult": "explore.records",
    "Schedule": "inputs.schedules",
    "Sheet": "explore.sheets.sheet",
    "Template": "inputs.templates",
    "diff": "explore.differences",
    "grid": "explore.planning.axes",
    "load": "explore.sweeps",
    "repeat": "explore.sweeps",
    "replace": "explore.planning.axes",
    "preview": "explore.screening.previews",
    "scale": "inputs.templates",
    "schedule": "explore.scheduling",
    "sweep": "explore.sweeps",
    "template": "inputs.templates",
}
"""The public names and the modules that define them."""

_FOLDERS: Final = ("scores", "verdict")
"""Public folders of this package, imported when they are used first."""

__all__ = [
    "Axis",
    "Captured",
    "Cell",
    "CellResult",
    "Schedule",
    "Sheet",
    "Template",
    "diff",
    "grid",
    "load",
    "preview",
    "repeat",
    "replace",
    "scale",
    "schedule",
    "sweep",
    "template",
]


def __getattr__(name: str) -> Any:
    if name in _FOLDERS:
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"decart_widget.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
