"""Writes a sheet into a folder that can be shown to others, opened offline and loaded again."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from decart_widget.errors import InvalidPathError
from decart_widget.explore.folders import ledger, manifest, tables
from decart_widget.explore.folders.folder import LEDGER, SENT
from decart_widget.explore.interface import SheetInterface
from decart_widget.explore.views import outputs
from decart_widget.files import FULL_DISK, written_whole


def save(sheet: SheetInterface, target: Path, values: Mapping[str, Any]) -> Path:
    """Writes a sheet's files.

    Args:
        sheet: The sheet.
        target: Absolute path of the folder; the sheet's own, or one that is made.
        values: The manifest, with paths relative to ``target``.

    Returns:
        The folder.

    Raises:
        InvalidPathError: It can't be written to, or is the folder of another sweep.
        DecartError: The front end of this installation can't be written into a file.
    """
    there = manifest.read(target)
    if there is not None and there.get("base") != values["base"]:
        raise InvalidPathError(
            f'"{target}" is the folder of another sweep.', remedy="Save into another folder."
        )
    try:
        target.mkdir(parents=True, exist_ok=True)
        if target != sheet.folder:
            _copy(sheet, target)
            manifest.write(target, values)
        rows = sheet.records()
        _write(target / "records.csv", tables.to_csv(rows))
        if (parquet := tables.to_parquet(rows)) is not None:
            _write(target / "records.parquet", parquet)
        _write(target / "sheet.html", outputs.html_of(sheet).encode())
        _write(target / "sheet.png", outputs.png_of(sheet))
    except OSError as error:
        raise InvalidPathError(
            f'The sheet can\'t be written into "{target}" ({error.strerror}).', remedy=FULL_DISK
        ) from None
    return target


def _copy(sheet: SheetInterface, target: Path) -> None:
    """Copies what the sheet's own folder has of its cells."""
    (target / "cells").mkdir(exist_ok=True)
    names = [f"cells/{SENT}.mp4", f"cells/{SENT}.jpg"]
    known, _ = ledger.read(target / LEDGER)
    for key, result in sheet.results.items():
        names += result.files.values()
        if known.get(key) != result:
            ledger.append(target / LEDGER, result)
    names += [f"images/{cell.image}" for cell in sheet.cells if cell.image is not None]
    for name in dict.fromkeys([*names, "marks.json"]):
        source = sheet.folder / name
        if source.is_file():
            (target / name).parent.mkdir(exist_ok=True)
            with written_whole(target / name, overwrite=True) as temporary:
                shutil.copyfile(source, temporary)


def _write(path: Path, data: bytes) -> None:
    with written_whole(path, overwrite=True) as temporary:
        temporary.write_bytes(data)
