"""The frames of a remote track that wait to be read, in place of aiortc's unbounded queue."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import deque
from collections.abc import Callable
from typing import Any, Final

SLACK: Final = 8
"""Frames that may wait for a reader that keeps up, after it, or the network, was held up: a quarter
of a second at 30 frames/s."""

KEEPS_UP: Final = 0.7
"""Part of the interval between frames that a reader may need for one and still catches up soon."""

READ: Final = 9
"""Frames of which the reader's time is the median: one that was held up by other work of the
machine doesn't count."""

CAME: Final = 30
"""Frames of which the interval is the mean: those that were held up on their way come together."""

GAP_S: Final = 0.25
"""Longest interval that counts, in seconds: a longer one is a pause."""


class NewestQueue:
    """Holds the newest frame only, unless its reader will catch up with more.

    A reader that needs more time for a frame than there is until the next one gets the newest one
    each time, because frames that wait would only make all later ones late. One that is faster
    gets every frame, also those that came while it was held up for a moment.

    Args:
        clock: A monotonic clock, in seconds.

    Attributes:
        dropped: How many frames were dropped for newer ones before they were read.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._items: deque[Any] = deque()
        self._filled = asyncio.Event()
        self._came_at_s: float | None = None
        self._given_at_s: float | None = None
        self._intervals_s: deque[float] = deque(maxlen=CAME)
        self._needed_s: deque[float] = deque(maxlen=READ)
        self.dropped = 0

    async def put(self, item: Any) -> None:
        """Queue a frame; the end of the track (None) is queued behind the frames."""
        if item is not None:
            now_s = self._clock()
            if self._came_at_s is not None:
                self._intervals_s.append(min(now_s - self._came_at_s, GAP_S))
            self._came_at_s = now_s
            limit = SLACK if self._keeps_up else 1
            while len(self._items) >= limit and self._items[0] is not None:
                self._items.popleft()
                self.dropped += 1
        self._items.append(item)
        self._filled.set()

    async def get(self) -> Any:
        """The next frame, or None at the end of the track."""
        if self._given_at_s is not None:
            self._needed_s.append(self._clock() - self._given_at_s)
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        self._given_at_s = self._clock()
        return self._items.popleft()

    @property
    def _keeps_up(self) -> bool:
        """Whether the reader needs less time for a frame than there is until the next one."""
        if not self._needed_s or not self._intervals_s:
            return False
        interval_s = statistics.mean(self._intervals_s)
        return statistics.median(self._needed_s) <= KEEPS_UP * interval_s
