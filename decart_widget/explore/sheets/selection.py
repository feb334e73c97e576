"""Which cells somebody means who names a place of a sheet."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import InvalidOptionError
from decart_widget.explore.records import Axis, Cell

CONTROL: Final = "control"
"""Selects the controls."""


def select(axes: Sequence[Axis], cells: Sequence[Cell], selector: Any) -> tuple[Cell, ...]:
    """Returns the cells at a place, one for each repeat.

    Args:
        axes: Of the sheet.
        cells: Of the sheet.
        selector: See ``Sheet.select``.

    Returns:
        At least one cell, in the order of repeats.

    Raises:
        InvalidOptionError: There is no such place.
    """
    if isinstance(selector, str) and selector == CONTROL:
        return tuple(cell for cell in cells if cell.is_control)
    if isinstance(selector, Cell):
        selector = selector.key
    if isinstance(selector, str):
        keyed = [cell for cell in cells if cell.key == selector]
        if keyed:
            first = keyed[0]
            if first.is_control:
                return tuple(cell for cell in cells if cell.is_control)
            return _at(cells, first.place)
        selector = (selector,)
    return _at(cells, _place(axes, selector))


def _place(axes: Sequence[Axis], selector: Any) -> tuple[int, ...]:
    if isinstance(selector, Mapping):
        unknown = [name for name in selector if name not in [axis.name for axis in axes]]
        if unknown:
            names = ", ".join(axis.name for axis in axes)
            raise _nowhere(f"The sheet has no axis {unknown[0]!r}.", f"Its axes: {names}.")
        selector = tuple(
            selector.get(axis.name, 0 if len(axis.labels) == 1 else None) for axis in axes
        )
    if not isinstance(selector, Sequence) or len(selector) != len(axes):
        names = ", ".join(axis.name for axis in axes)
        raise _nowhere(
            f"{shorten(repr(selector), 60)} is no place of the sheet.",
            f"Give a label of each axis: {names}.",
        )
    return tuple(_index(axis, each) for axis, each in zip(axes, selector, strict=True))


def _index(axis: Axis, given: Any) -> int:
    if isinstance(given, str):
        if given in axis.labels:
            return axis.labels.index(given)
        near = difflib.get_close_matches(given, axis.labels, n=1, cutoff=0.4)
        raise _nowhere(
            f"The axis {axis.name!r} has no label {shorten(repr(given), 60)}.",
            f"Did you mean {near[0]!r}?" if near else "sheet.axes has the labels.",
        )
    if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < len(axis.labels):
        return given
    raise _nowhere(
        f"The axis {axis.name!r} has no place {shorten(repr(given), 60)}.",
        f"Give a label, or 0 to {len(axis.labels) - 1}.",
    )


def _at(cells: Sequence[Cell], place: tuple[int, ...]) -> tuple[Cell, ...]:
    found = [cell for cell in cells if cell.place == place and not cell.is_control]
    return tuple(sorted(found, key=lambda cell: cell.repeat))


def _nowhere(message: str, remedy: str) -> InvalidOptionError:
    return InvalidOptionError(message, remedy=remedy, code="no-such-cell")
