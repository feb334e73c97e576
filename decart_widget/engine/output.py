"""Where recordings of the engine go, and the sound that they get."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decart_widget.engine.recorder import FORMATS
from decart_widget.engine.recordings import Sound
from decart_widget.errors import InvalidPathError
from decart_widget.inputs.output_path import check_writable

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
    read = getattr(source, "path", None)
    if isinstance(read, Path) and is_there and read.exists() and read.samefile(target):
        raise InvalidPathError(
            "The output is the file that is read.", remedy="Give another name for the output."
        )
    check_writable(target, is_folder=is_folder, is_there=is_there and not overwrite)
    return target


def sound_of(source: Source) -> Sound | None:
    """Returns the sound of a video file that is sent; None for another source, and for a loop."""
    from decart_widget.inputs.sources.video_file import VideoFile

    if not isinstance(source, VideoFile) or source.loop:
        return None
    return Sound(str(source.path), source.start, source.end)
