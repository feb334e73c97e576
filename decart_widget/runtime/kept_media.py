"""Media with a worker process that is kept from one session to the next, for a while."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, Generic, TypeVar

if TYPE_CHECKING:
    from decart_widget.engine.media import EngineMedia

IDLE_S: Final = 900.0
"""Seconds after which a worker without a session ends. A visible page repeats the hint that a start
is likely every 600 s, so the worker of a widget that is looked at stays."""

M = TypeVar("M", bound="EngineMedia")


class KeptMedia(Generic[M]):
    """Keeps the media of one widget's sessions, and ends its worker when it rests.

    Use it on the background loop.

    Args:
        is_active: Whether a session exists, or is being started.
    """

    def __init__(self, is_active: Callable[[], bool]) -> None:
        self._is_active = is_active
        self._resting: asyncio.TimerHandle | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._media: M | None = None

    def rest(self, seconds: float) -> None:
        """Ends the worker if no session is active after so many seconds."""
        if self._resting is not None:
            self._resting.cancel()
        self._resting = asyncio.get_running_loop().call_later(seconds, self._rested)

    async def close(self) -> None:
        """Ends the worker, if there is one; the next session starts another one."""
        if self._resting is not None:
            self._resting.cancel()
        media, self._media = self._media, None
        if media is not None:
            await media.recordings.finish()
            await media.close()

    def _rested(self) -> None:
        if not self._is_active():  # else the session's end begins this anew
            self._close_soon()

    def _close_soon(self) -> None:
        task = asyncio.ensure_future(self.close())
        self._closing.add(task)
        task.add_done_callback(self._closing.discard)
