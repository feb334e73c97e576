"""Time for a client to come back before something counts as over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class Grace:
    """Calls ``act`` a while after `begin`, unless `end` comes first.

    Args:
        seconds: How long.
        act: Called on the loop.
    """

    def __init__(self, seconds: float, act: Callable[[], None]) -> None:
        self._seconds = seconds
        self._act = act
        self._timer: asyncio.TimerHandle | None = None

    def begin(self) -> None:
        """Somebody has gone; a grace that has begun already begins anew."""
        self.end()
        self._timer = asyncio.get_running_loop().call_later(self._seconds, self._act)

    def end(self) -> None:
        """They are back, or it doesn't matter any more. May be called at any time."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
