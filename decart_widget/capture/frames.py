"""Iterates over the frames of a running session, as arrays.

The page sends one frame per *credit*; a ``FlowWindow`` says how many may be outstanding. Credits
are granted when the reader takes a frame. So a slow reader causes few frames to be sent in vain; it
gets the newest one when it reads again, and the frames that it missed are counted.
"""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from decart_widget.capture.pictures import to_array
from decart_widget.errors import DecartError
from decart_widget.protocol.flow import FlowWindow
from decart_widget.session.frame import Frame

if TYPE_CHECKING:
    from decart_widget.capture.taps import Taps, Which
    from decart_widget.session.background import Background

STALE_S: Final = 0.25
"""Seconds after which an unread frame is dropped, because newer ones exist."""


class _Reader:
    """The sink of a ``Frames``, to which it holds a weak reference only.

    ``break`` out of ``async for`` doesn't call ``aclose()``. The weak reference lets the iterator
    be garbage-collected then, which closes its tap.
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

    It ends with the session, with ``aclose()``, or when it is garbage-collected. Read it on one
    event loop.

    Args:
        taps: The taps of the session.
        background: Runs the loop that the taps belong to.
        which: The transformed picture, or the one that is sent.
        fps: Frames a second at most; None for all.
        size: Width and height (px) to which the page scales them; None for their own.
    """

    def __init__(
        self,
        taps: Taps,
        background: Background,
        which: Which,
        fps: float | None,
        size: tuple[int, int] | None,
    ) -> None:
        self._taps = taps
        self._background = background
        self._which: Which = which
        self._options: dict[str, Any] = {"fps": fps}
        if size is not None:
            self._options |= {"width": size[0], "height": size[1]}
        self._lock = threading.Lock()
        self._newest: tuple[bytes, float, float] | None = None
        self._reader: tuple[asyncio.AbstractEventLoop, asyncio.Event] | None = None
        self._number: int | None = None
        self._window = FlowWindow()
        self._came = float("-inf")
        self._waits_since: float | None = None
        self._asked = self._began = self._over = False
        self._error: DecartError | None = None
        self._dropped_here = self._dropped_there = 0

    @property
    def dropped(self) -> int:
        """Number of frames of the session that were not read."""
        return self._dropped_here + self._dropped_there

    def __aiter__(self) -> Frames:
        return self

    async def __anext__(self) -> Frame:
        """Returns the next frame, which is at most a quarter of a second old.

        Raises:
            MediaError: There is no session, or the page can't send its picture.
        """
        came = asyncio.Event()
        self._reader = (asyncio.get_running_loop(), came)
        if not self._asked:
            self._asked = True
            self._background.call(self._open)
        while True:
            came.clear()
            newest = self._take()
            self._background.call(self._refill, newest is None)
            if newest is not None:
                data, time = newest
                return Frame(await to_array(data), time, is_rgb=True)
            if self._over:
                if self._error is not None:
                    error, self._error = self._error, None
                    raise error.bare()
                raise StopAsyncIteration
            await came.wait()

    async def aclose(self) -> None:
        """Ends the iteration; frames in transit are dropped."""
        with self._lock:
            self._over, self._newest = True, None
        self._background.call(self._close)
        self._wake()

    def __del__(self) -> None:
        number = getattr(self, "_number", None)
        if number is not None and not self._over:
            with suppress(RuntimeError):  # the loop is closed, because the interpreter exits
                self._background.call(self._taps.close, number)

    def _take(self) -> tuple[bytes, float] | None:
        with self._lock:
            newest, self._newest = self._newest, None
            if newest is None:
                return None
            data, time, received = newest
            if not self._over and self._background.loop.time() - received > STALE_S:
                self._dropped_here += 1
                return None
            return data, time

    def _wake(self) -> None:
        if self._reader is not None:
            loop, came = self._reader
            try:
                loop.call_soon_threadsafe(came.set)
            except RuntimeError:  # the reader's loop is closed, so nothing reads any more
                self._over = True

    # --- on the background loop ---------------------------------------------------------------

    def _open(self) -> None:
        try:
            self._number = self._taps.open(_Reader(self), "frames", self._which, **self._options)
        except DecartError as error:
            self.over(error)

    def _close(self) -> None:
        if self._number is not None:
            self._taps.close(self._number)

    def _refill(self, waits: bool) -> None:
        """Grants the page the missing credits.

        Args:
            waits: Whether the reader waits for a frame; else it has just taken one.
        """
        if waits and self._newest is None and self._waits_since is None:
            self._waits_since = self._background.loop.time()
        if not self._began or self._over or self._number is None:
            return
        if missing := self._window.missing(self._newest is not None):
            self._taps.credit(self._number, missing)

    def began(self, detail: Mapping[str, Any]) -> None:
        """The page has begun; credits that were granted before are void."""
        self._began = True
        self._window.restart()
        self._refill(waits=False)

    def piece(self, data: bytes, detail: Mapping[str, Any], *, last: bool) -> None:
        """A frame has arrived."""
        now = self._background.loop.time()
        at, dropped = detail.get("at"), detail.get("dropped")
        missed = dropped if isinstance(dropped, int) else None
        waits_since, self._waits_since = self._waits_since, None
        self._window.arrived(
            now,
            sent_at=at / 1000 if isinstance(at, int | float) else None,
            size_bytes=len(data),
            missed=missed,
            idle_s=0.0 if waits_since is None else now - max(waits_since, self._came),
        )
        self._came = now
        with self._lock:
            if self._over:
                return
            if self._newest is not None:
                self._dropped_here += 1
                self._window.unread()
            self._newest = (data, float(detail.get("time", 0.0)), now)
            self._dropped_there = max(self._dropped_there, missed or 0)
        self._wake()

    def over(self, error: DecartError | None) -> None:
        """The tap has ended."""
        self._error = error
        self._over = True
        self._wake()
