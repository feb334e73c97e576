"""The cells of a sheet as records, and as files that other programs read."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import Any, Final

from decart_widget.errors import InvalidOptionError
from decart_widget.explore.records import Axis, Cell, CellResult
from decart_widget.explore.scores.scales import SCALES

OPEN: Final = "open"
"""Status of a cell that has not run."""

FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""First characters of a text that a spreadsheet would take for a formula."""


def records(
    axes: Sequence[Axis], cells: Sequence[Cell], results: Mapping[str, CellResult]
) -> list[dict[str, Any]]:
    """Returns one record for each cell, with the same fields in each.

    Args:
        axes: Of the sheet.
        cells: Of the sheet.
        results: By the cells' keys.

    Returns:
        Records with the label on each axis, what ran (``prompt``, ``model`` ...), ``status``
            (``"open"`` where it has not run), ``reason``, ``billed_s``, ``cost``, and the scores by
            name; None where there is none. A field of a template that is called like one of the
            others has ``axis_`` before its name.
    """
    names = score_names(results.values())
    found = []
    for cell in cells:
        result = results.get(cell.key)
        record: dict[str, Any] = {
            "key": cell.key,
            "prompt": cell.prompt,
            "model": cell.model,
            "enrich": cell.enrich,
            "image": cell.image,
            "fresh": cell.fresh,
            "repeat": cell.repeat,
            "is_control": cell.is_control,
            "status": OPEN if result is None else result.status,
            "reason": "" if result is None else result.reason,
            "code": "" if result is None else result.code,
            "billed_s": None if result is None else result.billed_s,
            "cost": None if result is None else result.cost,
            "effect_s": None if result is None else result.effect_s,
            "settled_s": None if result is None else result.settled_s,
            "model_id": None if result is None else result.model_id,
        }
        scores = {name: None if result is None else result.scores.get(name) for name in names}
        taken = {*record, *scores}
        labels = {
            f"axis_{axis.name}" if axis.name in taken else axis.name: (
                None if cell.is_control else axis.labels[cell.place[index]]
            )
            for index, axis in enumerate(axes)
        }
        found.append({**labels, **record, **scores})
    return found


def score_names(results: Iterable[CellResult]) -> list[str]:
    """Returns the names of all scores: the package's own in their order, then the user's."""
    names = {name for result in results for name in result.scores}
    return [name for name in SCALES if name in names] + sorted(names - set(SCALES))


def score_name(given: str, results: Iterable[CellResult]) -> str:
    """Returns the name of a score.

    Args:
        given: Its name or its label.
        results: Which may have scores of the user's.

    Raises:
        InvalidOptionError: There is no such score.
    """
    labels = {scale.label: name for name, scale in SCALES.items()}
    names = {*SCALES, *score_names(results)}
    if given in names:
        return given
    if given in labels:
        return labels[given]
    raise InvalidOptionError(
        f"There is no score {given!r}.", remedy=f"There are {', '.join(sorted(names))}."
    )


def score_of(result: CellResult, name: str) -> float | None:
    """Returns a score of a cell that is done; None where there is none.

    Args:
        result: How the cell ended.
        name: Of the score.
    """
    if result.status != "done":
        return None
    value = result.settled_s if name == "settled" else result.scores.get(name)
    return value if value is not None and math.isfinite(value) else None


def to_frame(rows: list[dict[str, Any]]) -> Any:
    """Returns records as a data frame.

    Args:
        rows: The records.

    Returns:
        One row for each.

    Raises:
        InvalidOptionError: pandas isn't installed.
    """
    try:
        pandas: Any = import_module("pandas")
    except ImportError:
        raise InvalidOptionError(
            "A data frame needs pandas.", remedy="pip install pandas, or use records()."
        ) from None
    return pandas.DataFrame(rows)


def to_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Returns records as a CSV file in UTF-8, which spreadsheets open as it is.

    A text that a spreadsheet would run as a formula gets an apostrophe before it.

    Args:
        rows: Records with the same fields.
    """
    text = io.StringIO(newline="")
    if rows:
        writer = csv.DictWriter(text, list(rows[0]))
        writer.writeheader()
        for row in rows:
            writer.writerow({name: _plain(value) for name, value in row.items()})
    return text.getvalue().encode("utf-8-sig")


def to_parquet(rows: Sequence[Mapping[str, Any]]) -> bytes | None:
    """Returns records as a Parquet file; None where pyarrow isn't installed.

    Args:
        rows: Records with the same fields.
    """
    try:
        arrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        return None
    file = io.BytesIO()
    parquet.write_table(arrow.Table.from_pylist([dict(row) for row in rows]), file)
    return file.getvalue()


def _plain(value: Any) -> Any:
    if isinstance(value, str) and value.startswith(FORMULA):
        return f"'{value}"
    return "" if value is None else value
