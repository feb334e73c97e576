"""The recordings of one widget, started by the notebook or by the Record button."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from decart_widget.capture.parts import Parts, page_text
from decart_widget.capture.recording import Recording, checked_path
from decart_widget.errors import DecartError, InvalidOptionError, no_session_error
from decart_widget.session.background import Background

if TYPE_CHECKING:
    from decart_widget.capture.source import CaptureSource, TapLink
    from decart_widget.capture.taps import Taps, Which
    from decart_widget.diagnostics.log import Log


PAGE_BYTES: Final = 4_000_000_000
"""Bytes of all clips of a widget that its pages ask for: over an hour of video."""

PAGE_RESERVE_BYTES: Final = 500_000_000
"""Free bytes that a clip that a page asks for leaves on the disk."""

MAX_SAME_NAMES: Final = 100
"""Clips of the Record button whose names have the same second."""


class Clips:
    """Starts recordings and shows their states in pages.

    Args:
        source: The session that is recorded.
        taps: Its taps.
        link: Shows a recording's state in pages.
        log: Receives errors of recordings that were started in a page.
    """

    def __init__(self, source: CaptureSource, taps: Taps, link: TapLink, log: Log) -> None:
        self._source = source
        self._taps = taps
        self._link = link
        self._log = log
        self._asked_by_page: Recording | None = None
        """The clip that a page has asked for, until it is saved or has failed."""
        self._finishing: asyncio.Task[None] | None = None
        self._page_bytes = 0
        """Bytes of the finished clips that pages have asked for."""

    def record(
        self, path: Any, which: Which, seconds: float | None, *, overwrite: bool
    ) -> Recording:
        """Starts a recording; from any thread.

        Args:
            path: The file; see ``checked_path``.
            which: The transformed picture, or the one that is sent.
            seconds: Its length; None until it is stopped or the session ends.
            overwrite: Whether an existing file may be replaced.

        Raises:
            InvalidPathError: The file can't be written.
            InvalidOptionError: ``seconds`` is out of range.
            MediaError: There is no session, or the disk is full.
        """
        if seconds is not None and not 0 < seconds <= 86_400:
            raise InvalidOptionError(
                f"seconds is {seconds:g}.", remedy="Give more than 0 and at most 86400, or None."
            )
        target = checked_path(path, overwrite=overwrite)
        if not self._source.is_active:
            raise no_session_error()
        return self._start(target, Parts(target), which, seconds, overwrite=overwrite)

    def _start(
        self, target: Path, parts: Parts, which: Which, seconds: float | None, *, overwrite: bool
    ) -> Recording:
        return Recording(
            self._taps,
            Background.get(),
            target,
            which,
            seconds,
            self._show,
            parts,
            overwrite=overwrite,
        )

    def asked_by_page(self, *, on: bool) -> None:
        """Starts or stops the recording of the widget's Record button.

        The file is named by date and time, and written to the kernel's working directory.

        Args:
            on: Whether to start; otherwise the running one is stopped.
        """
        current = self._asked_by_page
        if current is not None:
            if not on:
                current.stop()
            return
        if not on:
            return
        name = "a clip"
        try:
            if not self._source.is_active:
                raise no_session_error()
            target = new_target()
            name = target.name
            parts = Parts(target, PAGE_BYTES - self._page_bytes, PAGE_RESERVE_BYTES)
            recording = self._start(target, parts, "output", None, overwrite=False)
        except DecartError as error:
            self._log.add("error", str(error), code=error.code)
            self._link.recording("failed", name, page_text(error))
            return
        self._asked_by_page = recording
        self._finishing = asyncio.ensure_future(self._finish(recording))

    async def _finish(self, recording: Recording) -> None:
        try:
            await recording
        except DecartError as error:
            self._log.add("error", str(error), code=error.code)

    def _show(self, recording: Recording) -> None:
        if recording is self._asked_by_page and recording.state in ("saved", "failed"):
            # Before a page is told so, because it may press Record again at once.
            self._asked_by_page = None
            self._page_bytes += recording.bytes
        text = "" if recording.error is None else page_text(recording.error)
        self._link.recording(recording.state, recording.path.name, text)


def new_target() -> Path:
    """Returns the path of a clip of the Record button, named by date and time.

    Raises:
        InvalidPathError: There is no such path, or it can't be written.
    """
    stem = time.strftime("decart-%Y%m%d-%H%M%S")
    for number in range(1, MAX_SAME_NAMES + 1):
        # The clock may have been set back, so that the name exists.
        name = f"{stem}.mp4" if number == 1 else f"{stem}-{number}.mp4"
        if number == MAX_SAME_NAMES or not os.path.lexists(name):
            break
    return checked_path(name, overwrite=False)
