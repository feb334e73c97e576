"""Runs the cells of a sweep: sessions that carry many cells, here or on other machines."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from decart_widget.explore.running.estimates import estimate as estimate
    from decart_widget.explore.running.start import run as run

_HOME: Final = {
    "estimate": "estimates",
    "run": "start",
}
"""The public names and the modules that define them."""

__all__ = ["estimate", "run"]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
