"""Stills, frames and recordings of a widget's session in the kernel, which need no page."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, cast

from decart_widget.capture.clips import PAGE_BYTES, PAGE_RESERVE_BYTES, new_target
from decart_widget.capture.parts import page_text
from decart_widget.capture.snapshot import PATIENCE_S, late_error
from decart_widget.engine.frame_stream import FrameStream
from decart_widget.engine.media import EngineMedia
from decart_widget.engine.output import checked_output, sound_of
from decart_widget.engine.recording import EngineRecording
from decart_widget.engine.streams import Streams
from decart_widget.errors import DecartError, InvalidOptionError, MediaError, no_session_error
from decart_widget.files import FULL_DISK
from decart_widget.session.background import Background

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.diagnostics.log import Log
    from decart_widget.engine.recorder import Which
    from decart_widget.page.pages import Pages
    from decart_widget.runtime.kernel_engine import KernelEngine
    from decart_widget.runtime.session_runner import SessionRunner
    from decart_widget.runtime.settings import Settings


PAGE_CLIP_S: Final = 3600.0
"""Seconds of a clip that a page asks for."""


class KernelCaptures:
    """Captures sessions in the kernel; from any thread, unless a docstring says otherwise.

    Args:
        engine: Has the source, if the kernel sends one.
        sessions: Runs the sessions, whose media carries the frames.
        pages: Shows a recording's state.
        settings: Returns the settings of the next session.
        log: Receives errors of recordings that were started in a page.
    """

    def __init__(
        self,
        engine: KernelEngine,
        sessions: SessionRunner,
        pages: Pages,
        settings: Callable[[], Settings],
        log: Log,
    ) -> None:
        self._engine = engine
        self._sessions = sessions
        self._pages = pages
        self._settings = settings
        self._log = log
        self._open: tuple[EngineMedia, Streams] | None = None
        self._finishing: asyncio.Task[None] | None = None
        self._recording: EngineRecording | None = None
        self._asked_by_page: EngineRecording | None = None
        self._following: asyncio.Task[None] | None = None
        self._page_bytes = 0  # of the clips that pages have asked for

    @property
    def in_use(self) -> bool:
        """Whether code takes or records frames, so that the session is of use without a page."""
        is_recorded = self._recording is not None and self._recording is not self._asked_by_page
        return is_recorded or (self._open is not None and self._open[1].is_read)

    def over(self, error: DecartError | None) -> None:
        """The session is over: its streams and recordings end; on the background loop.

        Args:
            error: With which it failed; else None.
        """
        if self._open is not None:
            self._open[1].over(error)
        if isinstance(media := self._sessions.media, EngineMedia):
            self._finishing = asyncio.ensure_future(media.recordings.finish())

    def frames(self, which: str, fps: float | None, size: tuple[int, int] | None) -> FrameStream:
        """Returns the frames of the session; without one, reading them raises ``MediaError``.

        Args:
            which: ``"output"`` or ``"input"``.
            fps: Frames/s at most; None for all.
            size: Width and height in pixels; None for their own.
        """
        try:
            return self._streams().open(which=which, fps=fps, size=size)
        except MediaError as error:
            stream = FrameStream(False, lambda _sink: None)
            stream.over(error)
            return stream

    async def snapshot(self, which: str) -> NDArray[np.uint8]:
        """Takes the next frame.

        Args:
            which: ``"output"`` or ``"input"``.

        Raises:
            MediaError: There is no session, or no frame came within 15 s.
        """
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._streams().first(which)
        except TimeoutError:
            raise late_error() from None

    def record(
        self, path: Any, which: str, seconds: float | None, *, overwrite: bool
    ) -> EngineRecording:
        """Records the session.

        Args:
            path: The file; a name without a suffix gets ``.mp4``.
            which: ``"output"``, ``"input"`` or ``"both"``.
            seconds: Its length; None until it is stopped or the session ends.
            overwrite: Whether an existing file may be replaced.

        Raises:
            InvalidPathError: The file can't be written.
            InvalidOptionError: ``seconds`` is out of range.
            MediaError: There is no session, or it is being recorded already.
        """
        if seconds is not None and not 0 < seconds <= 86_400:
            raise InvalidOptionError(
                f"seconds is {seconds:g}.", remedy="Give more than 0 and at most 86400, or None."
            )
        source = self._engine.source
        if isinstance(path, str | os.PathLike) and not os.path.splitext(path)[1]:  # noqa: PTH122
            path = f"{os.fsdecode(path)}.mp4"
        target = checked_output(path, source, overwrite=overwrite)
        media = self._media()
        if self._recording is not None:
            raise MediaError(
                "This session is being recorded already.",
                remedy="Stop that recording first; which='both' has both pictures in one file.",
            )
        return self._start(media, target, which, seconds, overwrite=overwrite)

    def asked_by_page(self, *, on: bool) -> None:
        """Starts or stops the recording of the Record button; on the background loop.

        The file is named by date and time, and written to the kernel's working directory.
        """
        current = self._asked_by_page
        if current is not None:
            if not on:
                current.stop_now()
            return
        if not on:
            return
        name = "a clip"
        try:
            target = new_target()
            name = target.name
            self._check_space(target)
            recording = self.record(target, "output", PAGE_CLIP_S, overwrite=False)
        except DecartError as error:
            self._log.add("error", str(error), code=error.code)
            self._pages.recording("failed", name, page_text(error))
            return
        self._asked_by_page = recording

    # --- inside -------------------------------------------------------------------------------

    def _start(
        self,
        media: EngineMedia,
        target: Path,
        which: str,
        seconds: float | None,
        *,
        overwrite: bool,
    ) -> EngineRecording:
        source = self._engine.source
        rate = media.source_info.get("fps") or self._settings().video.max_framerate
        self._recording = EngineRecording(
            media,
            Background.get(),
            target,
            cast("Which", which),
            seconds,
            every=False,
            fps=float(rate),
            sound=None if source is None else sound_of(source),
            overwrite=overwrite,
            over=self._over,
        )
        Background.get().call(self._follow, self._recording)
        return self._recording

    def _follow(self, recording: EngineRecording) -> None:
        self._following = asyncio.ensure_future(self._show(recording))

    def _check_space(self, target: Path) -> None:
        """Raises ``MediaError`` where pages have recorded enough, or the disk is nearly full."""
        if self._page_bytes > PAGE_BYTES:
            raise MediaError(
                "The clips of this widget's Record button have reached their limit.",
                remedy="Record from a cell, with record().",
            )
        if shutil.disk_usage(target.parent).free < PAGE_RESERVE_BYTES:
            raise MediaError("The disk is nearly full.", remedy=FULL_DISK)

    def _over(self, _recording: EngineRecording) -> None:
        self._recording = None

    async def _show(self, recording: EngineRecording) -> None:
        """Tells pages the states of a recording."""
        self._pages.recording("recording", recording.path.name)
        text = ""
        try:
            path = await recording
        except DecartError as error:
            text = page_text(error)
            if recording is self._asked_by_page:
                self._log.add("error", str(error), code=error.code)
        else:
            if recording is self._asked_by_page:
                self._page_bytes += path.stat().st_size
        finally:
            if recording is self._asked_by_page:
                self._asked_by_page = None
        self._pages.recording(recording.state, recording.path.name, text)

    def _media(self) -> EngineMedia:
        """The media of the session; raises ``MediaError`` without one."""
        media = self._sessions.media
        if not self._sessions.is_active or not isinstance(media, EngineMedia):
            raise no_session_error()
        return media

    def _streams(self) -> Streams:
        media = self._media()
        if self._open is None or self._open[0] is not media:
            self._open = media, Streams(media)
        return self._open[1]
