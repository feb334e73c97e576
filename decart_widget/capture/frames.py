"""Frames of a running session as arrays, one after the other.

The page sends a frame only for a *credit*; the reader gives them back as it reads. Two are out at
most, and a third just after a frame came. So a slow reader costs no more than three frames, gets
the newest there is when it comes back, and what it missed is counted.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from decart_widget.capture.pictures import to_array
from decart_widget.errors import DecartError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.capture.taps import Which
    from decart_widget.runtime.background import Background
    from decart_widget.runtime.controller import WidgetController

IN_FLIGHT: Final = 2
"""Frames on their way at once (measured: one halves the rate)."""

HELD_BACK: Final = 0.04
"""Seconds for which a credit may be on its way without the page having it.

The notebook server's socket joins small messages (Nagle, RFC 896): what follows a first one waits
for the page to confirm that, with its next message or 40 ms later (Linux's ``TCP_DELACK_MIN``).
While frames come one is therefore on its way back at any time. Of 30 a second, 640x360, 23.7 to
26.2 came while it counted as out, 27.5 to 30.0 since (``python -m benchmarks tap``, 2 cores).
"""

STALE: Final = 0.25
"""Seconds after which a frame that waited for its reader is no longer the newest."""


class Frame(NamedTuple):
    """One frame.

    Attributes:
        image: ``(height, width, 3)`` uint8 RGB.
        time: When the page had it, in seconds since 1970 on this machine's clock; differences are
            those of the frames themselves.
    """

    image: NDArray[np.uint8]
    time: float


class _Reader:
    """The sink of frames that somebody reads, for as long as somebody does.

    A loop that is left with ``break`` closes nothing: what it read from just goes.
    """

    def __init__(self, frames: Frames) -> None:
        self._frames = weakref.ref(frames)

    def began(self, detail: Mapping[str, Any]) -> None:
        if (frames := self._frames()) is not None:
            frames.began(detail)

    def piece(self, data: bytes, detail: Mapping[str, Any], *, last: bool) -> None:
        if (frames := self._frames()) is not None:
            frames.piece(data, detail, last=last)

    def over(self, error: DecartError | None) -> None:
        if (frames := self._frames()) is not None:
            frames.over(error)


class Frames(AsyncIterator[Frame]):
    """``async for image, time in widget.frames(fps=10)``.

    Ends when the session does; ``aclose()`` ends it before, and so does letting go of it. Read it
    on one event loop.

    Attributes:
        dropped: Frames that were there and that nobody has read.
    """

    def __init__(
        self,
        live: WidgetController,
        background: Background,
        which: Which,
        fps: float | None,
        size: tuple[int, int] | None,
    ) -> None:
        self._controller = live
        self._background = background
        self._which: Which = which
        self._options: dict[str, Any] = {"fps": fps}
        if size is not None:
            self._options |= {"width": size[0], "height": size[1]}
        self._lock = threading.Lock()
        self._newest: tuple[bytes, float, float] | None = None
        self._reader: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._number: int | None = None
        self._out = 0
        self._came = float("-inf")
        self._asked = self._began = self._over = False
        self._error: DecartError | None = None
        self._dropped_here = self._dropped_there = 0

    @property
    def dropped(self) -> int:
        """Frames that were there and that nobody has read."""
        return self._dropped_here + self._dropped_there

    def __aiter__(self) -> Frames:
        return self

    async def __anext__(self) -> Frame:
        """The next frame, at most a quarter of a second old.

        Raises ``MediaError`` when there is no session, or the page can't give its picture.
        """
        came = asyncio.Event()
        self._reader = (asyncio.get_running_loop(), came)
        if not self._asked:
            self._asked = True
            self._background.call(self._open)
        while True:
            came.clear()
            self._background.call(self._refill)
            newest = self._take()
            if newest is not None:
                data, time = newest
                return Frame(await to_array(data), time)
            if self._over:
                if self._error is not None:
                    error, self._error = self._error, None
                    raise error.bare()
                raise StopAsyncIteration
            await came.wait()

    async def aclose(self) -> None:
        """Ends it; what is on its way is let go."""
        with self._lock:
            self._over, self._newest = True, None
        self._background.call(self._close)
        self._wake()

    def __del__(self) -> None:
        number = getattr(self, "_number", None)
        if number is not None and not self._over:
            with suppress(RuntimeError):  # the interpreter ends, and the loop with it
                self._background.call(self._controller.taps.close, number)

    def _take(self) -> tuple[bytes, float] | None:
        with self._lock:
            newest, self._newest = self._newest, None
            if newest is None:
                return None
            data, time, received = newest
            if not self._over and self._background.loop.time() - received > STALE:
                self._dropped_here += 1
                return None
            return data, time

    def _wake(self) -> None:
        if self._reader is not None:
            loop, came = self._reader
            try:
                loop.call_soon_threadsafe(came.set)
            except RuntimeError:  # the reader's loop is closed: nobody reads any more
                self._over = True

    # --- on the background loop ---------------------------------------------------------------

    def _open(self) -> None:
        try:
            self._number = self._controller.tap(
                _Reader(self), "frames", self._which, **self._options
            )
        except DecartError as error:
            self.over(error)

    def _close(self) -> None:
        if self._number is not None:
            self._controller.taps.close(self._number)

    def _refill(self) -> None:
        """The reader waits: it gets what there is, or what comes next."""
        if not self._began or self._over or self._number is None:
            return
        waiting = self._newest is not None
        returning = self._background.loop.time() - self._came < HELD_BACK
        if (missing := IN_FLIGHT + returning - self._out - waiting) > 0:
            self._out += missing
            self._controller.taps.credit(self._number, missing)

    def began(self, detail: Mapping[str, Any]) -> None:
        """The page has begun, with no credit left from before."""
        self._began, self._out = True, 0
        self._refill()

    def piece(self, data: bytes, detail: Mapping[str, Any], *, last: bool) -> None:
        """A frame came."""
        now = self._background.loop.time()
        self._out, self._came = max(0, self._out - 1), now
        time, dropped = float(detail.get("time", 0.0)), detail.get("dropped")
        with self._lock:
            if self._over:
                return
            if self._newest is not None:
                self._dropped_here += 1
            self._newest = (data, time, now)
            if isinstance(dropped, int):
                self._dropped_there = max(self._dropped_there, dropped)
        self._wake()

    def over(self, error: DecartError | None) -> None:
        """Nothing more will come."""
        self._error = error
        self._over = True
        self._wake()
