"""The lock of a sweep's folder: one process at a time writes into it.

The operating system holds the lock for the process and gives it up when that ends, however it
ends. A file that only says who has it would have to be deleted by hand after a crash.
"""

from __future__ import annotations

import os
import sys
import weakref
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Final, Self

from decart_widget.errors import InvalidPathError

NAME: Final = ".lock"
"""Name of the file in the folder."""

_held: weakref.WeakSet[FolderLock] = weakref.WeakSet()


class FolderLock:
    """Holds a folder from its making until ``release``, the end of a ``with``, or of the process.

    Args:
        folder: An existing folder.

    Raises:
        InvalidPathError: Another sheet or process holds it, or it can't be written to.
    """

    def __init__(self, folder: Path) -> None:
        self._descriptor = -1
        flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
        try:
            descriptor = os.open(folder / NAME, flags, 0o644)
        except OSError as error:
            raise InvalidPathError(
                f'"{folder}" can\'t be written to ({error.strerror}).',
                remedy="Give another folder=.",
            ) from None
        try:
            _lock(descriptor)
        except OSError:
            os.close(descriptor)
            raise InvalidPathError(
                f'A sweep is running in "{folder}".',
                remedy="Wait for it, stop it (sheet.stop(), or in its process), or give another "
                "folder=.",
                code="folder-in-use",
            ) from None
        self._descriptor = descriptor
        _release_in_forks()
        _held.add(self)

    def release(self) -> None:
        """Gives the folder up. May be called twice."""
        descriptor, self._descriptor = self._descriptor, -1
        _held.discard(self)
        if descriptor >= 0:
            with suppress(OSError):
                os.close(descriptor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.release()


def _lock(descriptor: int) -> None:
    """Locks a file for this process.

    Raises:
        OSError: Somebody else has it.
    """
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
    else:
        import fcntl

        # Of the open file, not of the process: two sheets of one process exclude each other too.
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


@cache
def _release_in_forks() -> None:
    """Has forked children give their copies up, which would hold the lock after we are gone."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_close_copies)


def _close_copies() -> None:
    for lock in list(_held):
        lock.release()
