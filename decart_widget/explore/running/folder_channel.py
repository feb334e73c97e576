"""Reports from a worker of a ``concurrent.futures`` executor: files in a folder that both see."""

from __future__ import annotations

import itertools
import os
import shutil
import tempfile
from pathlib import Path
from typing import Final

STOP: Final = "stop"
"""Name of the file that says that the job was stopped."""


class FolderChannel:
    """Implements ``Channel`` with a folder that only this user can read.

    Args:
        folder: Its path; None makes one.

    Attributes:
        folder: Its path.
    """

    def __init__(self, folder: str | None = None) -> None:
        self.folder = folder or tempfile.mkdtemp(prefix="decart-sweep-")
        self._numbers = itertools.count()

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return FolderChannel, (self.folder,)

    def post(self, report: bytes) -> None:
        """Writes a report as one file, which appears when it is whole.

        Raises:
            OSError: The folder is gone, or isn't there on the worker's machine.
        """
        name = f"{next(self._numbers):08d}-{os.getpid()}-{id(self):x}"
        path = Path(self.folder, f".{name}")
        path.write_bytes(report)
        path.rename(Path(self.folder, name))

    @property
    def is_stopped(self) -> bool:
        """Whether the job was stopped: its process says so, or has deleted the folder."""
        return not Path(self.folder).is_dir() or Path(self.folder, STOP).exists()

    def stop(self) -> None:
        """Says that the job was stopped."""
        Path(self.folder, STOP).touch()

    def received(self) -> list[bytes]:
        """Returns the reports that have come, in the order of each worker, and removes them."""
        reports = []
        for path in sorted(Path(self.folder).iterdir()):
            if path.name != STOP and not path.name.startswith("."):
                reports.append(path.read_bytes())
                path.unlink()
        return reports

    def close(self) -> None:
        """Deletes the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)
