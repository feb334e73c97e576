"""Opens the reader of a source from its description, in the process that sends its frames."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from decart_widget.errors import SourceError
from decart_widget.inputs.sources.reader import FrameReader, Target


def open_reader(description: Mapping[str, Any], target: Target) -> FrameReader:
    """Opens a file, a camera or a test pattern.

    Args:
        description: What the source's ``describe()`` returned. It may hold the password of a
            camera's URL, so it belongs in no text.
        target: The picture that the service is sent.

    Returns:
        The reader. Its frames are read on one thread, which it blocks until the next one is there;
        the caller closes it.

    Raises:
        SourceError: The source can't be opened, or its kind isn't opened here.
    """
    kind = description.get("kind")
    if kind == "pattern":
        from decart_widget.inputs.sources.pattern import PatternReader

        return PatternReader(description, target)
    if kind == "file":
        from decart_widget.inputs.sources.file_reader import VideoFileReader

        return VideoFileReader(description, target)
    if kind == "camera":
        from decart_widget.inputs.sources.camera import open_camera

        return open_camera(description, target)
    raise SourceError(
        f"A source of the kind {kind!r} has no frames that can be read here.",
        remedy="Give a VideoFile, a Camera or a TestPattern.",
    )
