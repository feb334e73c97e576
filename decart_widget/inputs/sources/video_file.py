"""Video files as sources of frames."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from decart_widget.errors import SourceError
from decart_widget.inputs.sources.checks import checked_fps, checked_seconds
from decart_widget.inputs.sources.containers import SMALLEST_PX
from decart_widget.inputs.sources.file_reader import VideoFileReader, label_of
from decart_widget.inputs.sources.reader import Target


class VideoFile:
    """A video file, decoded in the process that sends its frames.

    Index and time of a frame count from ``start``. Where the file has more frames/s than the model
    takes, those between are skipped. Rotation, pixels that aren't square, the matrix and range of
    the colours are honoured. The sound isn't sent.

    Args:
        path: Of the file; ``~`` is the home folder.
        loop: Whether it begins again at its end; index and time go on rising.
        start: Seconds from its beginning to the first frame.
        end: Seconds from its beginning after which no frame is read; None: to its end.
        fps: Frames/s at most; None: as many as the model takes.

    Attributes:
        path: Absolute path of the file.
        loop: As given.
        start: As given.
        end: As given.
        fps: As given.

    Raises:
        SourceError: A number is out of range, or the path is none.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        loop: bool = False,
        start: float = 0.0,
        end: float | None = None,
        fps: float | None = None,
    ) -> None:
        try:
            self.path = Path(os.path.abspath(Path(os.fsdecode(path)).expanduser()))  # noqa: PTH100
        except (TypeError, ValueError, RuntimeError, OSError):
            raise SourceError(
                f"A {type(path).__name__} is no path of a video file.",
                remedy="Give the path as a string or a pathlib.Path; frames go into Frames(...).",
            ) from None
        self.loop = bool(loop)
        self.start = checked_seconds(start, "start", may_be_zero=True) or 0.0
        self.end = checked_seconds(end, "end")
        self.fps = checked_fps(fps)
        if self.end is not None and self.end <= self.start:
            raise SourceError(
                f"The source's end ({self.end:g} s) isn't after its start ({self.start:g} s).",
                remedy="Give end in seconds from the beginning of the file, after start.",
            )

    @property
    def label(self) -> str:
        """Name of the file."""
        return label_of(self.path)

    def check(self) -> None:
        """Opens the file and decodes its first frame.

        Raises:
            SourceError: It isn't there, can't be read or decoded, has no video, or has no frame
                between ``start`` and ``end``.
        """
        reader = VideoFileReader(self.describe(), Target(SMALLEST_PX, SMALLEST_PX, 1))
        try:
            reader.read()
        finally:
            reader.close()

    def describe(self) -> Mapping[str, Any]:
        """Returns the description from which the worker opens the source, as JSON values."""
        return {
            "kind": "file",
            "path": str(self.path),
            "loop": self.loop,
            "start": self.start,
            "end": self.end,
            "fps": self.fps,
        }

    def __repr__(self) -> str:
        return f"VideoFile({str(self.path)!r})"
