"""Checks where a user wants a file to be written."""

from __future__ import annotations

import os
from pathlib import Path

from decart_widget.errors import InvalidPathError


def check_writable(target: Path, *, is_folder: bool, is_there: bool) -> None:
    """Checks that a file can be made at a path.

    Args:
        target: The absolute path.
        is_folder: Whether there is a folder.
        is_there: Whether there is a file that may not be replaced.

    Raises:
        InvalidPathError: It can't.
    """
    if is_folder:
        raise InvalidPathError(f'"{target}" is a folder.', remedy="Give a file's name in it.")
    if not target.parent.is_dir():
        raise InvalidPathError(
            f'There is no folder "{target.parent}".',
            remedy="Make it first, or record into another folder.",
        )
    if is_there:
        raise InvalidPathError(
            f'"{target}" exists.', remedy="Give another name, or overwrite=True."
        )
    if not os.access(target.parent, os.W_OK):
        raise InvalidPathError(
            f'"{target.parent}" can\'t be written to.', remedy="Record into another folder."
        )
