"""The timers of a session: a timeout that can pause, an ack's deadline, and the budget."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Final


class PausableTimeout:
    """A timeout that can pause, for instance while the session is in the service's queue.

    It has no clock of its own: each call passes the current time.

    Args:
        limit_s: Seconds until it expires, pauses not counted.
        now: The current reading of any monotonic clock, in seconds.
    """

    def __init__(self, limit_s: float, now: float) -> None:
        self._left_s = limit_s
        self._last = now
        self._paused = False

    def remaining(self, now: float) -> float:
        """Returns the seconds left; 0 or less when it has expired."""
        if not self._paused:
            self._left_s -= max(0.0, now - self._last)
        self._last = now
        return self._left_s

    def pause(self, now: float, paused: bool) -> None:
        """Pauses or resumes it.

        Args:
            now: The current reading of the clock, in seconds.
            paused: Whether time doesn't count from now on.
        """
        self.remaining(now)
        self._paused = paused

    @property
    def paused(self) -> bool:
        """Whether it is paused."""
        return self._paused


class AckDeadline:
    """Calls ``on_expired`` when the same ack has been awaited for ``limit_s`` seconds.

    Args:
        limit_s: Seconds that an ack may take.
        on_expired: Called on the event loop.
    """

    def __init__(self, limit_s: float, on_expired: Callable[[], None]) -> None:
        self._limit_s = limit_s
        self._on_expired = on_expired
        self._number: int | None = None
        self._timer: asyncio.TimerHandle | None = None

    def update(self, number: int | None) -> None:
        """Starts, keeps or stops the timer.

        Args:
            number: The number of the request whose ack is awaited now; None for none.
        """
        if number == self._number:
            return
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._number = number
        if number is not None:
            self._timer = asyncio.get_running_loop().call_later(self._limit_s, self._expired)

    def _expired(self) -> None:
        self._number = self._timer = None
        self._on_expired()


LOW_FRACTION: Final = 0.8
"""Used fraction of a budget from which on it is announced as low."""

TICK_GRACE_S: Final = 2.0
"""Seconds without a tick after which our own clock counts, one second at a time."""


class Budget:
    """Calls ``on_spent`` when the budget is used up, by the service's ticks or by our own clock.

    Args:
        seconds: The budget; None for no limit.
        on_spent: Called at least once when the budget is used up.
        on_counted: Called once a second while a generation runs and no tick arrives.
    """

    def __init__(
        self,
        seconds: float | None,
        on_spent: Callable[[], None],
        on_counted: Callable[[], None] = lambda: None,
    ) -> None:
        self._seconds = seconds
        self._on_spent = on_spent
        self._on_counted = on_counted
        self._timer: asyncio.TimerHandle | None = None
        self._count: asyncio.TimerHandle | None = None
        self._billed_s = 0.0
        self._ahead_s = 0  # how far our own clock is ahead of the ticks

    def left(self, billed_s: float) -> float | None:
        """Returns the seconds left after ``billed_s`` seconds; None for no limit."""
        return None if self._seconds is None else max(0.0, self._seconds - billed_s)

    @property
    def remaining(self) -> float | None:
        """Seconds left, as far as is known now; None for no limit."""
        return self.left(self._billed_s + self._ahead_s)

    @property
    def low(self) -> bool:
        """Whether ``LOW_FRACTION`` of it is used up."""
        remaining = self.remaining
        return (
            remaining is not None
            and self._seconds is not None
            and remaining <= self._seconds * (1 - LOW_FRACTION) + 1e-9
        )

    def update(self, billed_s: float, generating: bool) -> None:
        """Updates the billed time, and starts or stops our own clock.

        Args:
            billed_s: Seconds billed so far, by the service's ticks.
            generating: Whether a generation runs, which is billed.
        """
        if billed_s > self._billed_s:
            # Seconds counted by our own clock are kept, or the remaining time would rise.
            self._ahead_s = max(0, math.ceil(self._billed_s + self._ahead_s - billed_s))
            self._billed_s = billed_s
            self._stop_counting()
        left_s = self.left(billed_s)
        if left_s is None or not generating:
            self.close()
        elif left_s <= 0:
            self.use_up()
        else:
            loop = asyncio.get_running_loop()
            if self._timer is None:
                # Our own timer runs as well, because ticks may fail to arrive.
                self._timer = loop.call_later(left_s, self.use_up)
            if self._count is None:
                self._count = loop.call_later(TICK_GRACE_S, self._count_on)

    def use_up(self) -> None:
        """Leaves nothing of it, and calls ``on_spent``; it must have a limit."""
        assert self._seconds is not None
        self._ahead_s = max(self._ahead_s, math.ceil(self._seconds - self._billed_s))
        self._on_spent()

    def close(self) -> None:
        """Stops our own clock."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._stop_counting()

    def _count_on(self) -> None:
        self._ahead_s += 1
        self._count = asyncio.get_running_loop().call_later(1.0, self._count_on)
        self._on_counted()

    def _stop_counting(self) -> None:
        if self._count is not None:
            self._count.cancel()
            self._count = None
