"""The ledger of a sweep: one line of JSON for each cell that ended, written for good at once.

A line counts when it ends with a line break. The last line of a process that was killed while it
wrote has none: it is left out when the ledger is read, and cut off before more is written. Of
several lines of a cell the last one holds.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Final

from decart_widget.explore.records import CellResult

MAX_LINE: Final = 1_000_000
"""Bytes of a line; a longer one is none of ours."""


def append(path: Path, result: CellResult) -> None:
    """Adds a line, and returns when the disk has it.

    Args:
        path: The ledger; made if it isn't there.
        result: What is written.

    Raises:
        OSError: The line can't be written, as where the disk is full.
    """
    line = json.dumps(result.as_json(), ensure_ascii=False, allow_nan=False) + "\n"
    with path.open("r+b" if path.exists() else "w+b") as file:
        end = _whole_end(file.read())
        try:
            file.seek(end)
            file.truncate()
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
        except OSError:
            file.truncate(end)  # half a line would hide what comes after it
            raise


def read(path: Path) -> tuple[dict[str, CellResult], int]:
    """Reads a ledger as far as it is whole.

    Args:
        path: The ledger; it may be missing.

    Returns:
        The results by the cells' keys, and how many lines can't be read; a torn last line, the
        work of a process that was killed, isn't counted.

    Raises:
        OSError: The file can't be read.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return {}, 0
    results: dict[str, CellResult] = {}
    damaged = 0
    for line in data[: _whole_end(data)].splitlines():
        if not line.strip():
            continue
        try:
            if len(line) > MAX_LINE:
                raise ValueError("too long")
            result = CellResult.from_json(json.loads(line))
        except (ValueError, TypeError, RecursionError):
            damaged += 1
            continue
        results[result.key] = result
    return results, damaged


def _whole_end(data: bytes) -> int:
    """Returns where the last whole line ends."""
    return data.rfind(b"\n") + 1
