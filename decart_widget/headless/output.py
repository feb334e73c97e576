"""Where recordings of the engine go, and the sound that they get."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decart_widget.engine.recorder import FORMATS
from decart_widget.engine.recordings import Sound
from decart_widget.errors import InvalidPathError

if TYPE_CHECKING:
    from decart_widget.inputs.sources.reader import Source


def checked_output(path: Any, source: Source | None, *, overwrite: bool) -> Path:
    """Checks that a recording can be written to a path.

    Args:
        path: The path; ``~`` is replaced.
        source: What is sent: a file that must not be overwritten while it is read.
        overwrite: Whether an existing file may be replaced.

    Returns:
        The absolute path.

    Raises:
        InvalidPathError: It can't.
    """
    try:
        target = Path(os.path.abspath(Path(os.fsdecode(path)).expanduser()))  # noqa: PTH100
        if "\0" in str(target):
            raise ValueError("null byte")
        is_folder, is_there = target.is_dir(), os.path.lexists(target)
    except (TypeError, ValueError, RuntimeError, OSError) as error:
        raise InvalidPathError(
            f"The output's path can't be used ({type(error).__name__}).",
            remedy='Give a path as text, such as "out.mp4".',
        ) from None
    if target.suffix.lower() not in FORMATS:
        raise InvalidPathError(
            f'No format is known for "{target.name}".',
            remedy=f"Give a name that ends in {', '.join(FORMATS)}.",
        )
    if is_folder:
        raise InvalidPathError(f'"{target}" is a folder.', remedy="Give a file's name in it.")
    if not target.parent.is_dir():
        raise InvalidPathError(
            f'There is no folder "{target.parent}".',
            remedy="Make it first, or write into another folder.",
        )
    read = getattr(source, "path", None)
    if isinstance(read, Path) and is_there and read.exists() and read.samefile(target):
        raise InvalidPathError(
            "The output is the file that is read.", remedy="Give another name for the output."
        )
    if is_there and not overwrite:
        raise InvalidPathError(
            f'"{target}" exists.', remedy="Give another name, or overwrite=True (--overwrite)."
        )
    if not os.access(target.parent, os.W_OK):
        raise InvalidPathError(
            f'"{target.parent}" can\'t be written to.', remedy="Write into another folder."
        )
    return target


def sound_of(source: Source) -> Sound | None:
    """Returns the sound of a video file that is sent; None for another source, and for a loop."""
    from decart_widget.inputs.sources.video_file import VideoFile

    if not isinstance(source, VideoFile) or source.loop:
        return None
    return Sound(str(source.path), source.start, source.end)
