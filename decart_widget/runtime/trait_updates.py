"""Trait updates from the background thread, coalesced.

A kernel that sends more than about 1000 messages a second loses some, so frequent changes are sent
at most ten times a second, each time as one message with the newest values. The first change after
a pause is sent at once, because the first frame must not wait for a timer. Changes that follow
within 50 ms are sent together, because each message costs a notebook's page several milliseconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Final

from decart_widget.protocol.rate_limit import RateLimit

PER_SECOND: Final = 10.0
"""Messages a second in the long run."""

BURST: Final = 20
"""Messages that may be sent at once after a pause (a start needs about ten)."""

GATHER_S: Final = 0.05
"""Seconds between two messages, in which changes are gathered."""


class Coalescer:
    """Collects values and publishes the newest value of each name, with a rate limit.

    Args:
        publish: Called on the loop with the changed names and their newest values.
        shown: The values that the traits have already.
    """

    def __init__(
        self, publish: Callable[[dict[str, Any]], None], shown: dict[str, Any] | None = None
    ) -> None:
        self._publish = publish
        self._published: dict[str, Any] = dict(shown or {})
        self._pending: dict[str, Any] = {}
        self._rate = RateLimit(burst=BURST, per_second=PER_SECOND)
        self._flushed_at = -GATHER_S
        self._timer: asyncio.TimerHandle | None = None

    def update(self, values: dict[str, Any], *, urgent: bool = True) -> None:
        """Adds new values; those that equal the published ones are ignored.

        Args:
            values: By name.
            urgent: Whether they may be sent at once; otherwise they are gathered with others.
        """
        for name, value in values.items():
            if name in self._published and self._published[name] == value:
                self._pending.pop(name, None)
            else:
                self._pending[name] = value
        if not self._pending or self._timer is not None:
            return
        loop = asyncio.get_running_loop()
        gap = GATHER_S if not urgent else self._flushed_at + GATHER_S - loop.time()
        if gap > 0:
            self._timer = loop.call_later(gap, self._timer_over)
        else:
            self._publish_or_wait()

    def _publish_or_wait(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        if not self._rate.allows(now):
            self._timer = loop.call_later(self._rate.wait_s(now), self._timer_over)
            return
        self.flush()

    def _timer_over(self) -> None:
        self._timer = None
        if self._pending:
            self._publish_or_wait()

    def flush(self) -> None:
        """Publishes pending values now."""
        pending, self._pending = self._pending, {}
        if pending:
            self._flushed_at = asyncio.get_running_loop().time()
            self._published.update(pending)
            self._publish(pending)
