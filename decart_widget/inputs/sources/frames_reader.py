"""Reads frames that the caller's code makes, which runs on a thread of its own."""

from __future__ import annotations

import contextlib
import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import SourceError
from decart_widget.inputs.sources.arrays import as_pixels
from decart_widget.inputs.sources.checks import empty_source
from decart_widget.inputs.sources.fit import Fitter
from decart_widget.inputs.sources.rate import RateLimit
from decart_widget.inputs.sources.reader import ReadFrame, Target
from decart_widget.inputs.sources.steps import END, Step

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

THREAD_NAME: Final = "decart-frames"
"""Name of the thread on which the caller's code runs."""


class FramesReader:
    """Reads frames; `read` may be woken by `close` while the caller's code doesn't return.

    The caller's code is asked for a frame when `read` is called, so it makes none in advance, and
    may use the memory of a frame again when it is asked for the next one.

    Args:
        step: Gives the items.
        target: The picture that is made of each frame.
        label: What the source is, for people.
        fps: Frames/s of frames without times.
        frame_count: How many items there are, as far as is known.

    Attributes:
        label: As given.
        is_live: False: frames are read when they are due.
        fps: As given, but no more than the target takes.
        duration_s: Length in seconds, as far as is known.
        frame_count: How many frames are read, as far as is known.
        skipped: How many frames were skipped so far, because the model takes fewer.
    """

    is_live = False

    def __init__(
        self, step: Step, target: Target, *, label: str, fps: float, frame_count: int | None
    ) -> None:
        self.label = label
        self._own_fps = fps
        self.fps: float | None = min(fps, target.fps)
        self.duration_s = None if frame_count is None else frame_count / fps
        share = min(1.0, target.fps / fps)
        self.frame_count = None if frame_count is None else max(1, round(frame_count * share))
        self._fitter = Fitter(target)
        self._rate = RateLimit(target.fps)
        self._index = -1
        self._has_times: bool | None = None
        self._begin_s = 0.0
        self._last_s = -math.inf
        self._caller = _CallersThread(step, self._picture)

    @property
    def skipped(self) -> int:
        """How many frames were skipped so far."""
        return self._rate.skipped

    def read(self) -> ReadFrame | None:
        """Returns the next frame; None at the end, and after `close`.

        Raises:
            SourceError: The caller's code raised (``__cause__`` is what), or gave no picture.
        """
        return self._caller.next()

    def close(self) -> None:
        """Ends the caller's thread when its code returns. May be called twice."""
        self._caller.close()

    def _picture(self, next_item: Callable[[], Any]) -> ReadFrame | None:
        """Returns the next frame that isn't skipped; runs on the caller's thread."""
        while (item := next_item()) is not END:
            self._index += 1
            what = f"Frame {self._index}"
            time_s, value = self._timed(item, what)
            pixels = as_pixels(value, what)
            if self._rate.takes(time_s):
                return ReadFrame(self._fitted(pixels), self._index, time_s)
        if self._index < 0:
            raise empty_source(self.label[0].upper() + self.label[1:])
        return None

    def _fitted(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        return self._fitter.picture(pixels)

    def _timed(self, item: Any, what: str) -> tuple[float, Any]:
        """Returns an item's time in seconds from the first one, and its picture.

        Raises:
            SourceError: Some items have times and others don't, or times don't rise.
        """
        has_time = isinstance(item, tuple)
        if self._has_times not in (None, has_time):
            raise SourceError(
                f"{what} {'has a' if has_time else 'has no'} time, unlike those before.",
                remedy="Give (seconds, frame) for each frame, or for none.",
            )
        self._has_times = has_time
        if not has_time:
            return self._index / self._own_fps, item
        if len(item) != 2 or not _is_time(item[0]):
            kinds = ", ".join(type(part).__name__ for part in item[:4])
            raise SourceError(
                f"{what} is a tuple ({kinds}).", remedy="Give (seconds, frame), or the frame alone."
            )
        time_s = float(item[0])
        if self._index == 0:
            self._begin_s = time_s
        if time_s <= self._last_s or not math.isfinite(time_s):
            raise SourceError(
                f"{what} has the time {time_s:g} s, after {self._last_s:g} s.",
                remedy="Give times that rise, in seconds.",
            )
        self._last_s = time_s
        return time_s - self._begin_s, item[1]


def _is_time(value: Any) -> bool:
    return not hasattr(value, "__len__") and hasattr(value, "__float__")


class _CallersThread:
    """Calls a step on a daemon thread when the next frame is asked for.

    Args:
        step: Gives the items.
        make: Makes the next frame, given a function that returns the next item; None at the end.
    """

    def __init__(self, step: Step, make: Callable[[Callable[[], Any]], ReadFrame | None]) -> None:
        self._step = step
        self._make = make
        self._changed = threading.Condition()
        self._is_asked = False
        self._closed = self._ended = False
        self._result: ReadFrame | BaseException | None = None
        self._thread: threading.Thread | None = None

    def next(self) -> ReadFrame | None:
        """Returns the next frame; None at the end.

        Raises:
            SourceError: The caller's code raised, or gave no picture.
        """
        with self._changed:
            if self._closed or self._ended:
                return None
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=THREAD_NAME, daemon=True)
                self._thread.start()
            self._is_asked, self._result = True, None
            self._changed.notify_all()
            self._changed.wait_for(self._is_answered)
            result: ReadFrame | BaseException | None = self._take()
        if isinstance(result, SourceError):
            raise result
        if isinstance(result, BaseException):
            raise _failure(result) from result
        return result

    def _is_answered(self) -> bool:
        return self._closed or not self._is_asked

    def _take(self) -> ReadFrame | BaseException | None:
        """Returns what the thread has made; None after `close`."""
        result, self._result = self._result, None
        if not isinstance(result, ReadFrame):
            self._ended = True
            self._changed.notify_all()
        return None if self._closed else result

    def close(self) -> None:
        """Ends the thread, and wakes whoever waits for it."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _run(self) -> None:
        try:
            while self._is_wanted():
                result: ReadFrame | BaseException | None
                try:
                    result = self._make(self._step)
                except BaseException as error:  # the caller's code may even call sys.exit()
                    result = error
                with self._changed:
                    self._result, self._is_asked = result, False
                    self._changed.notify_all()
                del result  # a frame is megabytes
        finally:
            with contextlib.suppress(Exception):
                self._step.close()

    def _is_wanted(self) -> bool:
        """Waits until a frame is asked for; returns False when none will be any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_asked or self._closed or self._ended)
            return not (self._closed or self._ended)


def _failure(error: BaseException) -> SourceError:
    text = shorten(f"{type(error).__name__}: {error}", 200).rstrip(": ")
    return SourceError(
        f"Your frames raised {text}.",
        remedy="The error's __cause__ has your traceback. Correct the code that makes the frames.",
    )
