"""The files to which a clip's data is written while it is recorded.

A page sends the data, and any script in a page can send data. So a clip's files are bounded: by the
free space that must remain on the disk, by a number of bytes, and in number.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from decart_widget.errors import DecartError, InvalidPathError, MediaError
from decart_widget.files import FULL_DISK

MAX_PARTS: Final = 100
"""Files of one clip; each reconnect begins another."""

MAX_OLD_PARTS: Final = 1000
"""Files of earlier recordings that may be beside the clip."""

RESERVE_BYTES: Final = 100_000_000
"""Free bytes that a clip leaves on the disk."""


class Parts:
    """Writes ``<name>.part1``, ``.part2`` ... beside a clip's file.

    Args:
        target: The clip's file.
        limit_bytes: Bytes of the clip at most; None for no limit.
        reserve_bytes: Free bytes that remain on the disk.

    Attributes:
        bytes: Bytes written so far.

    Raises:
        InvalidPathError: The first file can't be made.
        MediaError: The disk is full.
    """

    def __init__(
        self, target: Path, limit_bytes: int | None = None, reserve_bytes: int = RESERVE_BYTES
    ) -> None:
        self.bytes = 0
        self._target = target
        self._limit_bytes = limit_bytes
        self._reserve_bytes = reserve_bytes
        self._paths: list[Path] = []
        self._file: int | None = None
        self._file_bytes = 0
        self._check_space(0)
        self._open_next()

    def begin(self) -> None:
        """Begins the next file, unless nothing was written to the present one.

        Raises:
            InvalidPathError: The file can't be made.
            MediaError: There are too many files.
        """
        if self._file_bytes:
            if len(self._paths) >= MAX_PARTS:
                raise MediaError(
                    f"The recording was begun anew {MAX_PARTS} times.",
                    remedy="Record again, over a better connection.",
                    code="recording-failed",
                )
            self._open_next()

    def write(self, data: bytes) -> None:
        """Writes data to the present file.

        Raises:
            MediaError: The disk is full, or the clip has reached its limit.
        """
        if self._file is None:
            return
        if self._limit_bytes is not None and self.bytes + len(data) > self._limit_bytes:
            raise MediaError(
                "The clip ended: no more may be recorded from the page.",
                remedy="Record from the notebook, with w.record(path).",
                code="recording-ended",
            )
        self._check_space(len(data))
        try:
            rest = memoryview(data)
            while rest:  # the system may write less, for instance when the disk becomes full
                rest = rest[os.write(self._file, rest) :]
        except OSError as error:
            raise disk_error(error, self._paths) from None
        self.bytes += len(data)
        self._file_bytes += len(data)

    def close(self) -> list[Path]:
        """Closes the present file, and removes empty ones.

        Returns:
            The files with data, in their order.
        """
        self._close_file()
        written = []
        for path in self._paths:
            try:
                if path.lstat().st_size:
                    written.append(path)
                else:
                    path.unlink()
            except OSError:  # somebody has removed it
                continue
        return written

    def _check_space(self, length: int) -> None:
        """Checks that the data, and a copy of the clip when it is completed, leave the reserve.

        Raises:
            MediaError: They don't.
        """
        try:
            free = shutil.disk_usage(self._target.parent).free
        except OSError:
            return  # a file system that can't tell
        if free - 2 * length - self.bytes < self._reserve_bytes:
            raise MediaError(
                f"The disk is full: only {free / 1e6:.0f} MB are free, and a clip leaves "
                f"{self._reserve_bytes / 1e6:.0f} MB.",
                remedy=FULL_DISK,
                code="recording-ended" if self.bytes else "recording-failed",
            )

    def _open_next(self) -> None:
        """Creates the next file, under a name that no earlier recording has used."""
        self._close_file()
        # O_EXCL: neither an existing file nor a link is opened.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        for number in range(1, MAX_OLD_PARTS + 1):
            path = self._target.with_name(f"{self._target.name}.part{number}")
            try:
                self._file = os.open(path, flags, 0o666)
            except FileExistsError:
                continue
            except OSError as error:
                raise InvalidPathError(
                    f'"{self._target.parent}" can\'t be written to ({error.strerror}).',
                    remedy="Record into another folder.",
                ) from None
            self._file_bytes = 0
            self._paths.append(path)
            return
        raise InvalidPathError(
            f'There are {MAX_OLD_PARTS} files of earlier recordings named "{self._target.name}".',
            remedy="Remove those that end in .part1, .part2 and so on, or choose another name.",
        )

    def _close_file(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def disk_error(error: OSError, parts: list[Path]) -> MediaError:
    """Returns the error of a clip that can't be written.

    Args:
        error: What the system says.
        parts: The files that are kept.
    """
    kept = f" The data so far is in {parts[0]}." if parts else ""
    return MediaError(
        f"The recording can't be written ({error.strerror or type(error).__name__}).",
        remedy=f"{FULL_DISK}{kept}",
        code="recording-failed",
    )


def page_text(error: DecartError) -> str:
    """Returns an error's text for a page, which learns no path of the kernel's machine."""
    if isinstance(error, InvalidPathError):
        return (
            "The folder that the notebook runs in can't be written to. Record into another one, "
            "from the notebook: w.record(path)."
        )
    if error.code == "recording-failed":
        return f"{error.message} {FULL_DISK} The notebook's log says what is kept."
    return str(error)
