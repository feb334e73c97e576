"""Writes files as a whole, without following links."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

FULL_DISK: Final = "Free disk space, or choose a folder on another disk."
"""Remedy for a disk without enough free space."""


@contextmanager
def written_whole(target: Path, *, overwrite: bool) -> Iterator[Path]:
    """Provides a path to write a file to, and moves the file to its place afterwards.

    The path is in a new folder beside the target that only this user may enter, so nobody can put
    a link there. A link at the target itself is replaced, never followed: the file it names stays
    as it is. After an error the target is as it was.

    Args:
        target: Where the file belongs, in a folder that exists.
        overwrite: Whether a file that is at the target by then is replaced.

    Yields:
        The path, with the target's name.

    Raises:
        FileExistsError: There is a file at the target.
        OSError: The folder can't be written to, or the disk is full.
    """
    folder = Path(tempfile.mkdtemp(prefix=".decart-", dir=target.parent))
    try:
        temporary = folder / target.name
        yield temporary
        if not overwrite:
            _place(temporary, target)
        else:
            temporary.replace(target)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _place(temporary: Path, target: Path) -> None:
    """Moves a file to a place where there is none.

    Raises:
        FileExistsError: There is one.
        OSError: It can't be moved.
    """
    try:
        os.link(temporary, target)  # fails atomically where a file exists
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target)) from None
        temporary.replace(target)
