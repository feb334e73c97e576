"""Liveness checks, once a second: page heartbeats, suspends, a busy kernel."""

from __future__ import annotations

import asyncio
from typing import Final, Protocol

from decart_widget.page.sender import BEAT_EVERY_S
from decart_widget.runtime.sleep import SuspendDetector

CHECK_EVERY_S: Final = 1.0
"""Seconds between two checks."""


class LivenessTarget(Protocol):
    """What is checked; a widget's controller."""

    def liveness_due(self) -> bool:
        """Whether checks are needed; otherwise they end."""

    def check_liveness(self, *, beat: bool) -> None:
        """Checks pages and kernel once.

        Args:
            beat: Whether to send pages a ``beat``, which shows that the kernel is alive.
        """

    def suspended(self, seconds: float) -> None:
        """The machine was suspended for so many seconds; called before the check."""

    def liveness_ended(self) -> None:
        """Checks have ended."""


class Liveness:
    """Checks one widget once a second, as long as checks are needed.

    Args:
        target: What is checked.
    """

    def __init__(self, target: LivenessTarget) -> None:
        self._target = target
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Starts the checks, unless they run already."""
        if self._task is None or self._task.done():
            self._task = asyncio.ensure_future(self._run())

    def close(self) -> None:
        """Ends the checks."""
        if self._task is not None:
            self._task.cancel()

    async def _run(self) -> None:
        sleep = SuspendDetector(CHECK_EVERY_S)
        loop = asyncio.get_running_loop()
        next_beat = 0.0
        while self._target.liveness_due():
            if asleep := sleep.suspended_s():
                self._target.suspended(asleep)
            beat = loop.time() >= next_beat
            self._target.check_liveness(beat=beat)
            if beat:
                next_beat = loop.time() + BEAT_EVERY_S - CHECK_EVERY_S / 2
            await asyncio.sleep(CHECK_EVERY_S)
        self._target.liveness_ended()
