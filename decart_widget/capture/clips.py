"""Recordings of one widget: those that a notebook asks for, and the one of the widget's button."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from decart_widget.capture.recording import Recording, checked_path
from decart_widget.capture.taps import Which, no_picture
from decart_widget.errors import DecartError, InvalidOptionError
from decart_widget.runtime.background import Background

if TYPE_CHECKING:
    from decart_widget.runtime.controller import WidgetController


class Clips:
    """Begins recordings and tells pages how they are doing.

    Args:
        live: The widget's life.
    """

    def __init__(self, live: WidgetController) -> None:
        self._controller = live
        self._asked_by_page: Recording | None = None
        self._finishing: asyncio.Task[None] | None = None

    def record(
        self, path: Any, which: Which, seconds: float | None, *, overwrite: bool
    ) -> Recording:
        """Begins one; from any thread.

        Raises ``InvalidPathError``, ``InvalidOptionError`` or, without a session, ``MediaError``.
        """
        if seconds is not None and not 0 < seconds <= 86_400:
            raise InvalidOptionError(
                f"seconds is {seconds:g}.", remedy="Give more than 0 and at most 86400, or None."
            )
        target = checked_path(path, overwrite=overwrite)
        if not self._controller.is_active:
            raise no_picture()
        recording = Recording(self._controller, Background.get(), target, which, seconds)
        recording.on_change = self._tell
        return recording

    def asked_by_page(self, *, on: bool) -> None:
        """The widget's button: into the folder that the notebook runs in, under a name of ours."""
        current = self._asked_by_page
        if current is not None and not current.done():
            if not on:
                current.stop()
            return
        if not on:
            return
        name = time.strftime("decart-%Y%m%d-%H%M%S.mp4")
        try:
            recording = self.record(Path.cwd() / name, "output", None, overwrite=False)
        except DecartError as error:
            self._controller.pages.recording("failed", name, str(error))
            return
        self._asked_by_page = recording
        self._finishing = asyncio.ensure_future(self._finish(recording))

    async def _finish(self, recording: Recording) -> None:
        try:
            await recording
        except DecartError as error:
            self._controller.log.add("error", error.message, code=error.code)
            self._controller.pages.recording("failed", recording.path.name, str(error))

    def _tell(self, recording: Recording) -> None:
        self._controller.pages.recording(recording.state, recording.path.name)
