"""Turns what a user gives as ``source=`` into a source."""

from __future__ import annotations

import os
from collections.abc import AsyncIterable, Iterable
from typing import Any

from decart_widget.errors import SourceError
from decart_widget.inputs.sources.reader import Source


def as_source(value: Any) -> Source:
    """Returns the source that a value stands for, for a session without a page.

    Args:
        value: A source, or a video file's path, a camera's number, ``"test-pattern"``, an array of
            frames, or whatever `Frames` takes.

    Raises:
        SourceError: It stands for none.
    """
    if callable(getattr(value, "describe", None)) and callable(getattr(value, "check", None)):
        source: Source = value
        if source.describe().get("kind") == "webcam":
            raise SourceError(
                "A page's camera needs a page.",
                remedy="Show DecartWidget() in a notebook, or send Camera(0), which is a camera of "
                "this machine.",
            )
        return source
    if isinstance(value, bool) or value is None:
        raise SourceError(f"The source is {value!r}.")
    if isinstance(value, str) and value == "test-pattern":
        from decart_widget.inputs.sources.pattern import TestPattern

        return TestPattern()
    if isinstance(value, int) or (isinstance(value, str) and "://" in value):
        from decart_widget.inputs.sources.camera import Camera

        return Camera(value)
    if isinstance(value, str | os.PathLike):
        from decart_widget.inputs.sources.video_file import VideoFile

        return VideoFile(value)
    if callable(value) or isinstance(value, Iterable | AsyncIterable) or hasattr(value, "read"):
        from decart_widget.inputs.sources.frames import Frames

        return Frames(value)
    raise SourceError(f"No frames come from an object of the type {type(value).__name__}.")
