"""The methods that take frames out of a ``Session``."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from decart_widget.errors import InvalidOptionError, MediaError, no_session_error

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.engine.frame_stream import FrameStream
    from decart_widget.engine.media import EngineMedia
    from decart_widget.engine.recorder import Which
    from decart_widget.engine.recording import EngineRecording
    from decart_widget.engine.streams import Streams
    from decart_widget.headless.controller import SessionController
    from decart_widget.inputs.sources.reader import Source
    from decart_widget.runtime.settings import Settings
    from decart_widget.session.background import Background, Operation


class FrameMethods:
    """A mix-in of ``Session``; the work is done on the background thread and in the worker."""

    _background: Background
    _controller: SessionController
    _media: EngineMedia
    _streams: Streams
    _source: Source
    _settings: Settings
    _recording: EngineRecording | None = None

    if TYPE_CHECKING:

        def _need_open(self) -> None:
            """Raises ``ClosedError`` when this is closed."""

    def frames(self, *, every: bool = False) -> FrameStream:
        """Returns the transformed frames, for ``for`` and for ``async for``.

        Args:
            every: False: the newest frame each time, so that what is read is never old. True: every
                frame; a source that can wait is held back, and a frame that never comes back is
                named in ``lost``.

        Returns:
            An iterator of ``Frame``. It ends with the source or the session; reading raises the
            error with which the session failed.

        Raises:
            MediaError: There is no session.
            ClosedError: The session is closed.
        """
        self._need_session()
        return self._streams.open(every=every)

    def snapshot(self, which: str = "output") -> Operation[NDArray[np.uint8]]:
        """Takes the next frame.

        Args:
            which: ``"output"`` (a transformed frame) or ``"input"`` (one that is sent).

        Returns:
            An operation whose result is a ``(height, width, 3)`` uint8 RGB array. Awaiting it
            raises ``MediaError`` when the session ends before a frame comes.

        Raises:
            MediaError: There is no session.
            InvalidOptionError: ``which`` is neither.
            ClosedError: The session is closed.
        """
        from decart_widget.widgets.arguments import one_of

        one_of("which", which, ("output", "input"))
        self._need_session()
        return self._background.start(self._streams.first(which), "snapshot")

    def record(
        self,
        path: str | os.PathLike[str],
        which: str = "output",
        seconds: float | None = None,
        *,
        every: bool = False,
        sound: bool = True,
        overwrite: bool = False,
    ) -> EngineRecording:
        """Records the session that runs, or the next one; a reconnect doesn't end the recording.

        Args:
            path: In a folder that exists; ends in ``.mp4``, ``.mov``, ``.mkv`` or ``.webm``.
            which: ``"output"`` (the transformed frames), ``"input"`` (those that are sent) or
                ``"both"`` (side by side).
            seconds: Its length; None until ``stop()`` or the end of the session.
            every: Whether the source is held back so that no frame is missing.
            sound: Whether the sound of a ``VideoFile`` is kept.
            overwrite: Whether an existing file may be replaced.

        Returns:
            The recording, immediately; await it, or its ``stop()``, for the file's path.

        Raises:
            InvalidPathError: The file can't be written.
            InvalidOptionError: Another argument is invalid.
            MediaError: The session is being recorded already.
            ClosedError: The session is closed.
        """
        from decart_widget.engine.output import checked_output, sound_of
        from decart_widget.engine.recording import EngineRecording
        from decart_widget.widgets.arguments import one_of

        one_of("which", which, ("output", "input", "both"))
        if seconds is not None and not 0 < seconds <= 86_400:
            raise InvalidOptionError(
                f"seconds is {seconds:g}.", remedy="Give more than 0 and at most 86400, or None."
            )
        target = checked_output(path, self._source, overwrite=overwrite)
        self._need_open()
        if self._recording is not None:
            raise MediaError(
                "This session is being recorded already.",
                remedy="Stop that recording first; which='both' has both pictures in one file.",
            )
        self._recording = EngineRecording(
            self._media,
            self._background,
            target,
            cast("Which", which),
            seconds,
            every=every,
            fps=self._source_fps,
            sound=sound_of(self._source) if sound else None,
            overwrite=overwrite,
            over=self._recording_over,
        )
        return self._recording

    def _need_session(self) -> None:
        self._need_open()
        if not self._controller.sessions.is_active:
            raise no_session_error()

    @property
    def _source_fps(self) -> float:
        """Frames/s of the source as far as they are known, else those that are sent at most."""
        return float(self._media.source_info.get("fps") or self._settings.video.max_framerate)

    def _recording_over(self, _recording: EngineRecording) -> None:
        self._recording = None
