"""The seconds that a job may be billed: counted over all of its sessions, from any thread."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Final

MARGIN_S: Final = 0.5
"""Seconds from the decision to end a session until the service no longer bills it."""

SMALLEST_S: Final = 0.1
"""Seconds that a session's own budget has at least."""


class Purse:
    """Reserves what a cell may take before it begins, so that the budget is never exceeded.

    Args:
        budget_s: Seconds; None: no limit.
    """

    def __init__(self, budget_s: float | None) -> None:
        self._budget_s = math.inf if budget_s is None else budget_s
        self._lock = threading.Lock()
        self._meters: dict[int, Callable[[], float]] = {}
        self._reserved: dict[int, float] = {}
        self._paid_s = 0.0

    def open(self, session: int, meter: Callable[[], float]) -> None:
        """Begins to count a session.

        Args:
            session: Its number.
            meter: Returns the seconds that it was billed so far; from any thread.
        """
        with self._lock:
            self._meters[session] = meter

    def close(self, session: int) -> None:
        """Keeps what a session cost, which has ended."""
        with self._lock:
            meter = self._meters.pop(session, None)
            self._reserved.pop(session, None)
            self._paid_s += 0.0 if meter is None else meter()

    def reserve(self, session: int, seconds: float) -> bool:
        """Reserves what the next cell of a session may take at most.

        Args:
            session: The session's number.
            seconds: From now on; the end of the session included.

        Returns:
            Whether the budget has as much, beside what other sessions have reserved.
        """
        with self._lock:
            self._reserved.pop(session, None)
            others = sum(
                max(0.0, until - self._spent_of(other)) for other, until in self._reserved.items()
            )
            if self._spent() + others + seconds > self._budget_s:
                return False
            self._reserved[session] = self._spent_of(session) + seconds
            return True

    def left_for(self, session: int) -> float | None:
        """Returns for how many seconds a session may run; None without a limit."""
        with self._lock:
            if math.isinf(self._budget_s):
                return None
            others = sum(
                max(0.0, until - self._spent_of(other))
                for other, until in self._reserved.items()
                if other != session
            )
            return max(SMALLEST_S, self._budget_s - self._spent() - others)

    @property
    def is_used_up(self) -> bool:
        """Whether every session has to end now, so that nothing more is billed."""
        with self._lock:
            return self._spent() + MARGIN_S * len(self._meters) > self._budget_s

    @property
    def spent_s(self) -> float:
        """Seconds that were billed so far."""
        with self._lock:
            return self._spent()

    def _spent(self) -> float:
        return self._paid_s + sum(meter() for meter in self._meters.values())

    def _spent_of(self, session: int) -> float:
        meter = self._meters.get(session)
        return 0.0 if meter is None else meter()
