"""Trait updates from the background thread, coalesced.

A kernel that sends more than about 1000 messages a second loses some, so what changes often is
sent at most ten times a second, each time as one message with the newest values. A change after a
quiet moment goes out at once: the first frame must not wait for a timer. What follows close behind
waits a moment and goes together: each message costs a notebook's page several milliseconds, which a
start has better uses for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

RATE: Final = 10.0
"""Messages a second in the long run."""

BURST: Final = 20
"""Messages that may go out at once after a quiet moment (a start makes about ten)."""

GATHER: Final = 0.05
"""Seconds from one message to the next, in which changes are gathered."""


class Coalescer:
    """Collects values and hands them to ``publish``, newest value of each name, rate-limited.

    Args:
        publish: Takes the changed names with their newest values; called on the loop.
        shown: What is known to be shown already.
    """

    def __init__(
        self, publish: Callable[[dict[str, Any]], None], shown: dict[str, Any] | None = None
    ) -> None:
        self._publish = publish
        self._published: dict[str, Any] = dict(shown or {})
        self._pending: dict[str, Any] = {}
        self._tokens = float(BURST)
        self._refilled = 0.0
        self._flushed_at = -GATHER
        self._timer: asyncio.TimerHandle | None = None

    def update(self, values: dict[str, Any], *, urgent: bool = True) -> None:
        """Takes new values; those that are what was published last are no news.

        Args:
            values: By name.
            urgent: Whether they may go out at once; otherwise they wait for what follows.
        """
        for name, value in values.items():
            if name in self._published and self._published[name] == value:
                self._pending.pop(name, None)
            else:
                self._pending[name] = value
        if not self._pending or self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        gap = GATHER if not urgent else self._flushed_at + GATHER - loop.time()
        if gap > 0:
            self._timer = loop.call_later(gap, self._late)
        else:
            self._go()

    def _go(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._tokens = min(float(BURST), self._tokens + (now - self._refilled) * RATE)
        self._refilled = now
        if self._tokens < 1:
            self._timer = loop.call_later((1 - self._tokens) / RATE, self._late)
            return
        self._tokens -= 1
        self.flush()

    def _late(self) -> None:
        self._timer = None
        if self._pending:
            self._go()

    def flush(self) -> None:
        """Publishes what is pending now."""
        pending, self._pending = self._pending, {}
        if pending:
            self._flushed_at = asyncio.get_running_loop().time()
            self._published.update(pending)
            self._publish(pending)
