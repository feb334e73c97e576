"""The folder of a sweep: ``manifest.json``, ``ledger.jsonl``, the cells' files, and the lock.

Reading needs no lock. Writing does: `SweepFolder.open` takes it, `close` gives it up.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from decart_widget.errors import InvalidPathError
from decart_widget.explore.folders import ledger, manifest
from decart_widget.explore.folders.lock import FolderLock
from decart_widget.explore.planning.definition import Definition
from decart_widget.explore.records import CellResult
from decart_widget.files import written_whole

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LEDGER: Final = "ledger.jsonl"
"""Name of the ledger in the folder."""

PARENT: Final = "sweeps"
"""Where the folders are made that nobody names, in the folder in which the process runs."""

SENT: Final = "sent"
"""What the files of the clip as it was sent are called, in place of a cell's key."""


@dataclass(frozen=True)
class Found:
    """What a folder holds of a sweep.

    Attributes:
        results: By the cells' keys; without those whose files are damaged.
        damaged: One sentence for each thing that isn't whole.
    """

    results: Mapping[str, CellResult]
    damaged: tuple[str, ...]


class SweepFolder:
    """The folder of one sweep; made when it is opened for writing.

    Args:
        path: The folder; ``~`` is the home folder.

    Attributes:
        path: Its absolute path.

    Raises:
        InvalidPathError: It is no path.
    """

    def __init__(self, path: Any) -> None:
        try:
            text = os.fsdecode(path)
            if not text or "\0" in text:
                raise ValueError("no path")
            self.path = Path(os.path.abspath(Path(text).expanduser()))  # noqa: PTH100
        except (TypeError, ValueError, RuntimeError, OSError):
            raise InvalidPathError(
                "The folder's path can't be used.", remedy='Give a path, such as folder="run-1".'
            ) from None
        self._lock: FolderLock | None = None

    # --- reading ------------------------------------------------------------------------------

    def check(self, definition: Definition, *, overwrite: bool = False) -> None:
        """Checks that a sweep can be written there; makes nothing.

        Args:
            definition: The sweep.
            overwrite: Whether the place of another sweep may be taken.

        Raises:
            InvalidPathError: It can't, or it is the folder of another sweep.
        """
        there = self.path
        while not there.exists() and there != there.parent:
            there = there.parent
        if not there.is_dir():
            raise InvalidPathError(
                f'"{there}" is a file, no folder.', remedy="Give another folder=."
            )
        if not os.access(there, os.W_OK | os.X_OK):
            raise self._unwritable("no permission")
        if overwrite:
            return
        values = manifest.read(self.path)
        if values is None:
            if there == self.path and any(self.path.iterdir()):
                known = {LEDGER, ".lock", "cells", "images"}
                if not any(entry.name in known for entry in self.path.iterdir()):
                    raise InvalidPathError(
                        f'"{self.path}" holds other files.',
                        remedy="Give a new or empty folder=, or overwrite=True.",
                    )
            return
        if values.get("base") == definition.base:
            keys = {cell.key for cell in definition.cells}
            olds = values.get("cells")
            if isinstance(olds, list) and all(
                isinstance(old, dict) and old.get("key") in keys for old in olds
            ):
                return  # the same sweep, or one that has grown
            other = "of other prompts or settings"
        else:
            other = "of another clip, other moments or other options"
        raise InvalidPathError(
            f'"{self.path}" is the folder of another sweep: {other}.',
            remedy="Give another folder=; or overwrite=True to have its place (cells that are done "
            "are kept).",
            code="other-sweep",
        )

    def find(self) -> Found:
        """Reads the results, and looks whether the files of each are whole.

        Returns:
            What is whole, and what isn't.

        Raises:
            InvalidPathError: The ledger can't be read.
        """
        try:
            results, lines = ledger.read(self.path / LEDGER)
        except OSError as error:
            raise InvalidPathError(
                f'The ledger in "{self.path}" can\'t be read ({error.strerror}).',
                remedy="Check the folder's permissions.",
            ) from None
        damaged = []
        if lines:
            damaged.append(f"{lines} line{'s' if lines > 1 else ''} of the ledger can't be read")
        whole = {}
        for key, result in results.items():
            bad = [name for name in result.files.values() if not self._is_whole(name, result)]
            if bad:
                damaged.append(f"{', '.join(bad)}: missing or damaged")
            else:
                whole[key] = result
        return Found(whole, tuple(damaged))

    def file(self, name: str) -> Path:
        """Returns the path of a file of the folder.

        Args:
            name: As in ``CellResult.files``.

        Raises:
            InvalidPathError: The name leads out of the folder.
        """
        path = self.path / name
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise InvalidPathError(f"{name!r} is no file of the sweep's folder.")
        return path

    def _is_whole(self, name: str, result: CellResult) -> bool:
        try:
            size = self.file(name).stat().st_size
        except (OSError, InvalidPathError):
            return False
        return size > 0 and size == result.sizes.get(name, size)

    # --- writing ------------------------------------------------------------------------------

    def open(
        self, definition: Definition, *, scores: tuple[str, ...] = (), overwrite: bool = False
    ) -> None:
        """Makes the folder, takes its lock and writes the manifest; may be called again.

        Args:
            definition: The sweep.
            scores: Names of the user's own score functions.
            overwrite: As in `check`.

        Raises:
            InvalidPathError: The folder can't be made or written to, is another sweep's, or a
                sweep is running in it.
        """
        if self._lock is not None:
            return
        self.check(definition, overwrite=overwrite)
        try:
            (self.path / "cells").mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise self._unwritable(error.strerror) from None
        lock = FolderLock(self.path)
        try:
            self.check(definition, overwrite=overwrite)  # it may have changed before the lock
            for key, data in definition.images.items():
                path = manifest.image_path(self.path, key)
                path.parent.mkdir(exist_ok=True)
                _write(path, data)
            manifest.write(self.path, manifest.written(definition, self.path, scores))
        except OSError as error:
            lock.release()
            raise self._unwritable(error.strerror) from None
        except BaseException:
            lock.release()
            raise
        self._lock = lock

    def close(self) -> None:
        """Gives the lock up. May be called twice."""
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def write_cell(
        self,
        name: str,
        frames: Sequence[NDArray[np.uint8]],
        times: Sequence[float],
        moments: Sequence[int],
    ) -> tuple[dict[str, str], dict[str, int]]:
        """Writes the clip and the sprite of a cell, or of what was sent.

        Args:
            name: The cell's key, or ``SENT``.
            frames: uint8 RGB arrays ``(height, width, 3)``.
            times: Of each frame, in seconds.
            moments: Which of the frames the sprite shows.

        Returns:
            The names of the files as in ``CellResult.files``, and their sizes in bytes by name.

        Raises:
            OSError: A file can't be written.
        """
        from decart_widget.explore.folders.cell_files import write_clip
        from decart_widget.explore.sprites import sprite

        clip, row = f"cells/{name}.mp4", f"cells/{name}.jpg"
        write_clip(self.path / clip, frames, times)
        _write(self.path / row, sprite([frames[index] for index in moments]))
        sizes = {each: (self.path / each).stat().st_size for each in (clip, row)}
        return {"clip": clip, "sprite": row}, sizes

    def append(self, result: CellResult) -> None:
        """Adds a result to the ledger, after its files are on the disk.

        Args:
            result: The result.

        Raises:
            OSError: It can't be written.
        """
        for name in result.files.values():
            _sync(self.path / name)
        ledger.append(self.path / LEDGER, result)

    def _unwritable(self, why: str | None) -> InvalidPathError:
        return InvalidPathError(
            f'"{self.path}" can\'t be written to ({why or "unknown"}).',
            remedy="Give a folder= that you may write to.",
        )


def default_folder(definition: Definition) -> Path:
    """Returns the folder of a sweep that nobody names: the same for the same sweep.

    Args:
        definition: The sweep.
    """
    stem = re.sub(r"[^\w.-]+", "-", Path(definition.clip.label).stem).strip("-.")[:40] or "clip"
    return Path(PARENT) / f"{stem}-{definition.digest}"


def with_sizes(
    result: CellResult, files: Mapping[str, str], sizes: Mapping[str, int]
) -> CellResult:
    """Returns a result with its files.

    Args:
        result: The result.
        files: Names of its files.
        sizes: Their sizes in bytes, by name.
    """
    return replace(result, files=dict(files), sizes=dict(sizes))


def _write(path: Path, data: bytes) -> None:
    with written_whole(path, overwrite=True) as temporary:
        temporary.write_bytes(data)


def _sync(path: Path) -> None:
    """Waits until the disk has a file."""
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        os.fsync(descriptor)
    except OSError:
        if os.name != "nt":  # Windows syncs only what was opened for writing
            raise
    finally:
        os.close(descriptor)
