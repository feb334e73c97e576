"""Which frame was sent with which time stamp, so that a received one can be told by its stamp."""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

from decart_widget.engine.connection import OutgoingFrame

KEPT_FRAMES: Final = 1024
"""Sent frames that are kept, the newest: 17 s at 60 frames/s, more than any service's delay."""

FIRST_STAMP_US: Final = 1
"""The first frame's stamp in microseconds; LiveKit takes 0 for no stamp."""


class FrameStamps:
    """Gives each frame that is sent a time stamp, and finds it by that."""

    def __init__(self) -> None:
        self._frames: OrderedDict[int, OutgoingFrame] = OrderedDict()
        self._begin_ns: int | None = None
        self._last_us = FIRST_STAMP_US - 1

    def add(self, frame: OutgoingFrame) -> int:
        """Returns a time stamp for this frame, in microseconds.

        Stamps rise, and no two are equal. As far as that allows, their differences are those of
        the frames' capture times; they don't say how long this machine has been running.
        """
        if self._begin_ns is None:
            self._begin_ns = frame.captured_ns
        captured_us = (frame.captured_ns - self._begin_ns) // 1000 + FIRST_STAMP_US
        self._last_us = stamp_us = max(captured_us, self._last_us + 1)
        self._frames[stamp_us] = frame.without_picture()
        if len(self._frames) > KEPT_FRAMES:
            self._frames.popitem(last=False)
        return stamp_us

    def find(self, stamp_us: int) -> OutgoingFrame | None:
        """Returns the frame that was sent with this stamp, without its picture.

        None if there is none, or if it was sent too long ago. A frame may be found several times,
        since a service may make several frames of one.
        """
        return self._frames.get(stamp_us)
