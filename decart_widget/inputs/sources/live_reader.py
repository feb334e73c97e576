"""What readers of cameras share: frames at their own times, of which the newest matters."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

from decart_widget.inputs.sources.fit import Fitter
from decart_widget.inputs.sources.rate import RateLimit
from decart_widget.inputs.sources.reader import ReadFrame, Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class LiveReader:
    """Reads a camera, which is read without pauses so that no old frames wait in it.

    Subclasses implement `_next` and `_free`.

    Args:
        label: What the source is, for people.
        target: The picture that is made of each frame.

    Attributes:
        label: As given.
        is_live: True.
        fps: Frames/s that the camera states, no more than the target takes; None: not known.
        duration_s: None.
        frame_count: None.
        skipped: How many frames were skipped so far, because the model takes fewer.
    """

    is_live = True

    def __init__(self, label: str, target: Target) -> None:
        self.label = label
        self.fps: float | None = None
        self.duration_s: float | None = None
        self.frame_count: int | None = None
        self._target = target
        self._fitter = Fitter(target)
        self._rate = RateLimit(target.fps)
        self._lock = threading.Lock()
        self._closed = False
        self._index = -1
        self._began_s = 0.0

    @property
    def skipped(self) -> int:
        """How many frames were skipped so far."""
        return self._rate.skipped

    def read(self) -> ReadFrame | None:
        """Returns the next frame as soon as the camera gives it; None at the end.

        Raises:
            SourceError: The camera gives no more frames.
        """
        with self._lock:
            try:
                while not self._closed:
                    picture = self._next()
                    if picture is not None:
                        now_s = time.monotonic() - self._began_s
                        return ReadFrame(picture, self._index, now_s)
                    if self._ended:
                        break
                return None
            finally:
                if self._closed:
                    self._free()

    _ended = False

    def close(self) -> None:
        """Closes the camera. May be called twice, and while another thread reads."""
        self._closed = True
        # A thread that reads closes it when it has its frame.
        if self._lock.acquire(blocking=False):
            try:
                self._free()
            finally:
                self._lock.release()

    def _is_taken(self) -> bool:
        """Counts a frame that the camera gave; returns whether it is used."""
        now_s = time.monotonic()
        if self._index < 0:
            self._began_s = now_s
        self._index += 1
        return self._rate.takes(now_s)

    def _next(self) -> NDArray[np.uint8] | None:
        """Returns the next picture; None when it is skipped, or at the end."""
        raise NotImplementedError

    def _free(self) -> None:
        """Closes the camera. May be called twice."""
        raise NotImplementedError
