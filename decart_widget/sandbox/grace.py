"""A grace period: time for a client to reconnect before it counts as gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Grace:
    """Calls ``act`` a while after `begin`, unless `end` is called first.

    Args:
        seconds: Length of the period.
        act: Called on the event loop when the period is over.
    """

    def __init__(self, seconds: float, act: Callable[[], None]) -> None:
        self._seconds = seconds
        self._act = act
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Start the period, or start it again."""
        self.end()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._act)

    def end(self) -> None:
        """Cancel the period. May be called at any time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
