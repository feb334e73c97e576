"""What a widget's session gives away, as verbs: stills, frames, clips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from decart_widget.errors import InvalidOptionError

if TYPE_CHECKING:
    import os

    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.capture.frames import Frames
    from decart_widget.capture.recording import Recording
    from decart_widget.capture.taps import Which
    from decart_widget.runtime.background import Background, Operation
    from decart_widget.runtime.controller import WidgetController


class CaptureMethods:
    """Mixed into the widget; the work is done on its background thread."""

    _background: Background
    _controller: WidgetController

    if TYPE_CHECKING:

        def _need_open(self) -> None:
            """Raises ``ClosedError`` when the widget is closed."""

    def snapshot(self, which: Which = "output") -> Operation[NDArray[np.uint8]]:
        """Takes one picture, lossless, at the size in which it is received or sent.

        Args:
            which: ``"output"`` (as it comes back) or ``"input"`` (as it is sent).

        The result is a ``(height, width, 3)`` uint8 RGB array. Awaiting raises ``MediaError`` when
        there is no session, or no picture within 15 s.
        """
        from decart_widget.capture.snapshot import snapshot
        from decart_widget.capture.taps import WHICH, no_picture
        from decart_widget.widgets.arguments import one_of

        self._need_open()
        one_of("which", which, WHICH)
        if not self._controller.is_active:
            raise no_picture()
        return self._background.start(snapshot(self._controller.taps, which), "snapshot")

    def frames(
        self,
        fps: float | None = None,
        which: Which = "output",
        size: tuple[int, int] | None = None,
    ) -> Frames:
        """The frames of the running session, for ``async for image, time in w.frames():``.

        Args:
            fps: Frames a second at most; None for each that comes.
            which: As in ``snapshot``.
            size: (width, height) in pixels to scale them to, in the page; None for their own.

        Each is a ``Frame``: ``(height, width, 3)`` uint8 RGB, from a JPEG of quality 0.92, and the
        time in seconds since 1970. A reader that is slow gets the newest one when it comes back;
        what it missed is counted in ``dropped``. Ends when the session does. Reading raises
        ``MediaError`` when there is none. Raises ``InvalidOptionError`` or ``ClosedError``.
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
        return Frames(self._controller, self._background, which, fps, size)

    def record(
        self,
        path: str | os.PathLike[str],
        which: Which = "output",
        seconds: float | None = None,
        *,
        overwrite: bool = False,
    ) -> Recording:
        """Records a clip while the session runs.

        Args:
            path: Ends in ``.mp4`` or ``.webm``; in a folder that exists.
            which: As in ``snapshot``.
            seconds: How long; None until ``stop()``, or the end of the session.
            overwrite: Whether a file of that name may be replaced.

        Returns a ``Recording`` at once; await it, or its ``stop()``, for the path. What is recorded
        is written while it comes, to ``<path>.part1``; that stays when something breaks. A
        reconnect doesn't end it. Raises ``InvalidPathError``, ``InvalidOptionError``,
        ``ClosedError`` or, without a session, ``MediaError``.
        """
        from decart_widget.capture.taps import WHICH
        from decart_widget.widgets.arguments import one_of

        self._need_open()
        one_of("which", which, WHICH)
        return self._controller.clips.record(path, which, seconds, overwrite=overwrite)
