"""The two clocks of a session: an ack that must come, a budget that must not be passed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable


class AckDeadline:
    """Calls ``late`` when one and the same ack has been awaited for ``limit`` seconds."""

    def __init__(self, limit: float, late: Callable[[], None]) -> None:
        self._limit = limit
        self._late = late
        self._number: int | None = None
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, number: int | None) -> None:
        """Says which request's ack is awaited now; None for none."""
        if number == self._number:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._number = number
        if number is not None:
            self._timer = asyncio.get_running_loop().call_later(self._limit, self._expired)

    def _expired(self) -> None:
        self._number = self._timer = None
        self._late()


class Budget:
    """Calls ``spent`` when the seconds are used up, by the service's ticks or by our own clock.

    Args:
        seconds: None for no limit.
        spent: Called at least once when the limit is reached.
    """

    def __init__(self, seconds: float | None, spent: Callable[[], None]) -> None:
        self._seconds = seconds
        self._spent = spent
        self._timer: asyncio.TimerHandle | None = None

    def left(self, billed: float) -> float | None:
        """Seconds left after ``billed``; None for no limit."""
        return None if self._seconds is None else max(0.0, self._seconds - billed)

    def watch(self, billed: float, generating: bool) -> None:
        """Says what has been billed and whether the meter runs."""
        left = self.left(billed)
        if left is None or not generating:
            self.close()
        elif left <= 0:
            self._spent()
        elif self._timer is None:
            # Ours runs beside the ticks, because ticks may fail to come.
            self._timer = asyncio.get_running_loop().call_later(left, self._spent)

    def close(self) -> None:
        """Stops the clock."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
