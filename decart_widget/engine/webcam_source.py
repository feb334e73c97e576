"""The camera of a page as the worker's source: its frames come as commands."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

from decart_widget.engine.source_feed import SourceFeed
from decart_widget.inputs.sources.reader import Target
from decart_widget.inputs.sources.webcam_reader import WebcamReader, encoded_frame


class WebcamSource:
    """Reads the page's camera where that is the source; use it on one event loop.

    Args:
        feed: Gets the frames.
        tell: Sends an event to the parent.
    """

    def __init__(self, feed: SourceFeed, tell: Callable[..., Any]) -> None:
        self._feed = feed
        self._tell = tell
        self._reader: WebcamReader | None = None

    def open(self, generation: int, target: Target, after: int) -> None:
        """Sends the page's camera from now on, as the source of this number."""
        loop = asyncio.get_running_loop()

        def taken(number: int, needs_key: bool) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has been closed
                loop.call_soon_threadsafe(self._took, number, needs_key)

        self._reader = reader = WebcamReader(target, taken, after=after)
        self._feed.replace(generation, reader.open, after=after)

    def put(self, number: int, codec: str, key: bool, at_ms: float, data: bytes) -> None:
        """Takes a frame."""
        if self._reader is None:
            self._took(number, True)
        else:
            self._reader.put(encoded_frame(number, codec, key, at_ms, data))

    def close(self) -> None:
        """Ends the camera, if it is the source."""
        reader, self._reader = self._reader, None
        if reader is not None:
            reader.close()

    def _took(self, number: int, needs_key: bool) -> None:
        began_at = None if self._reader is None else self._reader.began_at_s
        self._tell("webcam_taken", number=number, key=needs_key, began_at=began_at)
