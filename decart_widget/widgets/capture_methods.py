"""The methods that capture pictures of a widget's session: stills, frames and clips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from decart_widget.errors import InvalidOptionError

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.capture.frames import Frames
    from decart_widget.capture.recording import Recording
    from decart_widget.capture.taps import Which
    from decart_widget.engine.frame_stream import FrameStream
    from decart_widget.engine.recording import EngineRecording
    from decart_widget.runtime.controller import WidgetController
    from decart_widget.session.background import Background, Operation


class CaptureMethods:
    """A mix-in of the widget; the work is done on the background thread."""

    _background: Background
    _controller: WidgetController
    engine: Any

    if TYPE_CHECKING:

        def _need_open(self) -> None:
            """Raises ``ClosedError`` when the widget is closed."""

    def snapshot(self, which: Which = "output") -> Operation[NDArray[np.uint8]]:
        """Takes one picture, lossless, at the size in which it is received or sent.

        Args:
            which: ``"output"`` (the transformed picture) or ``"input"`` (the one that is sent).

        Returns:
            An operation whose result is a ``(height, width, 3)`` uint8 RGB array. Awaiting it
            raises ``MediaError`` when no picture comes within 15 s.

        Raises:
            MediaError: There is no session.
            InvalidOptionError: ``which`` is neither.
            ClosedError: The widget is closed.
        """
        from decart_widget.capture.snapshot import snapshot
        from decart_widget.capture.taps import WHICH
        from decart_widget.errors import no_session_error
        from decart_widget.widgets.arguments import one_of

        self._need_open()
        one_of("which", which, WHICH)
        if not self._controller.is_active:
            raise no_session_error()
        if self._in_kernel:
            return self._background.start(self._controller.captures.snapshot(which), "snapshot")
        return self._background.start(snapshot(self._controller.taps, which), "snapshot")

    def frames(
        self,
        fps: float | None = None,
        which: Which = "output",
        size: tuple[int, int] | None = None,
    ) -> Frames | FrameStream:
        """Returns the running session's frames, for ``async for image, time in w.frames():``.

        Args:
            fps: Frames a second at most; None for all.
            which: As in ``snapshot``.
            size: Width and height (px) to which they are scaled; None for their own.

        Returns:
            An asynchronous iterator of ``Frame``: ``(height, width, 3)`` uint8 RGB, and the time in
            seconds since 1970. A slow reader gets the newest frame, and ``dropped`` counts those
            that it missed. The iterator ends with the session. Reading raises ``MediaError`` when
            there is no session. A page sends frames as JPEG of quality 0.92; the kernel's are those
            that were received, also for ``for``, and say which frame of the source they were made
            from.

        Raises:
            InvalidOptionError: An argument is out of range.
            ClosedError: The widget is closed.
        """
        from decart_widget.capture.frames import Frames
        from decart_widget.capture.taps import WHICH
        from decart_widget.widgets.arguments import one_of

        self._need_open()
        one_of("which", which, WHICH)
        if fps is not None and not 0 < fps <= 120:
            raise InvalidOptionError(f"fps is {fps:g}.", remedy="Give 120 or less, or None.")
        if size is not None and not all(isinstance(n, int) and 16 <= n <= 4096 for n in size):
            raise InvalidOptionError(
                f"size is {size!r}.", remedy="Give (width, height), each from 16 to 4096 pixels."
            )
        if self._in_kernel:
            return self._controller.captures.frames(which, fps, size)
        return Frames(self._controller.taps, self._background, which, fps, size)

    def record(
        self,
        path: str | os.PathLike[str],
        which: str = "output",
        seconds: float | None = None,
        *,
        overwrite: bool = False,
    ) -> Recording | EngineRecording:
        """Records a clip while the session runs.

        Data is written as it arrives, to a file beside it with ``.part`` in its name, which is kept
        if the recording fails. A reconnect doesn't end the recording.

        Args:
            path: In a folder that exists. The last suffix selects the format, ``.mp4`` or
                ``.webm`` (of a session in the kernel also ``.mov`` and ``.mkv``); a name without a
                suffix gets ``.mp4``.
            which: As in ``snapshot``; of a session in the kernel also ``"both"``: side by side.
            seconds: Its length; None until ``stop()`` or the end of the session.
            overwrite: Whether an existing file may be replaced. A link is replaced as well, not
                followed.

        Returns:
            The recording, immediately; await it, or its ``stop()``, for the file's path.

        Raises:
            InvalidPathError: The file can't be written.
            InvalidOptionError: Another argument is out of range.
            MediaError: There is no session, or the disk is full.
            ClosedError: The widget is closed.
        """
        from decart_widget.capture.taps import WHICH
        from decart_widget.widgets.arguments import one_of

        self._need_open()
        if self._in_kernel:
            one_of("which", which, (*WHICH, "both"))
            return self._controller.captures.record(path, which, seconds, overwrite=overwrite)
        one_of("which", which, WHICH)
        clips = self._controller.page_clips
        return clips.record(path, cast("Which", which), seconds, overwrite=overwrite)

    @property
    def _in_kernel(self) -> bool:
        """Whether the session, or the next one, is in the kernel: captures need no page then."""
        return bool(self.engine == "kernel")
