"""The two clocks of a session: an ack that must come, a budget that must not be passed."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Final


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


LOW: Final = 0.8
"""Part of a budget after which its end is announced."""


class Budget:
    """Calls ``spent`` when the seconds are used up, by the service's ticks or by our own clock.

    Args:
        seconds: None for no limit.
        spent: Called at least once when the limit is reached.
        counted: Called once a second while the meter runs and no tick comes.
    """

    def __init__(
        self,
        seconds: float | None,
        spent: Callable[[], None],
        counted: Callable[[], None] = lambda: None,
    ) -> None:
        self._seconds = seconds
        self._on_spent = spent
        self._counted = counted
        self._timer: asyncio.TimerHandle | None = None
        self._count: asyncio.TimerHandle | None = None
        self._billed = 0.0
        self._silent = 0
        """Seconds that our own clock is ahead of the ticks."""

    def left(self, billed: float) -> float | None:
        """Seconds left after ``billed``; None for no limit."""
        return None if self._seconds is None else max(0.0, self._seconds - billed)

    @property
    def remaining(self) -> float | None:
        """Seconds left, as far as is known now; None for no limit."""
        return self.left(self._billed + self._silent)

    @property
    def low(self) -> bool:
        """Whether most of it is used up."""
        remaining = self.remaining
        return (
            remaining is not None
            and self._seconds is not None
            and remaining <= self._seconds * (1 - LOW) + 1e-9
        )

    def watch(self, billed: float, generating: bool) -> None:
        """Says what has been billed and whether the meter runs."""
        if billed > self._billed:
            # What was counted beside the ticks is never given back, or the rest would grow.
            self._silent = max(0, math.ceil(self._billed + self._silent - billed))
            self._billed = billed
            self._stop_counting()
        left = self.left(billed)
        if left is None or not generating:
            self.close()
        elif left <= 0:
            self._used_up()
        else:
            loop = asyncio.get_running_loop()
            if self._timer is None:
                # Ours runs beside the ticks, because ticks may fail to come.
                self._timer = loop.call_later(left, self._used_up)
            if self._count is None:
                self._count = loop.call_later(2.0, self._count_on)

    def close(self) -> None:
        """Stops the clock."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._stop_counting()

    def _used_up(self) -> None:
        assert self._seconds is not None
        self._silent = max(self._silent, math.ceil(self._seconds - self._billed))
        self._on_spent()

    def _count_on(self) -> None:
        self._silent += 1
        self._count = asyncio.get_running_loop().call_later(1.0, self._count_on)
        self._counted()

    def _stop_counting(self) -> None:
        if self._count is not None:
            self._count.cancel()
            self._count = None
