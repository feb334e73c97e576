"""The futures that ``Session.submit`` returns, until their requests are answered."""

from __future__ import annotations

import asyncio
from typing import Literal

from decart_widget.errors import DecartError

Outcome = Literal["applied", "superseded"]
"""What a request's future becomes when it raises nothing."""


class Outcomes:
    """The futures of open requests by the requests' numbers. Use it on one event loop."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._open: dict[int, tuple[asyncio.Future[str], float]] = {}

    def __len__(self) -> int:
        return len(self._open)

    def add(self, number: int) -> asyncio.Future[str]:
        """Returns a new future for the request with this number."""
        future: asyncio.Future[str] = self._loop.create_future()
        # Callers need not await it, since traits show the outcome: this avoids asyncio's warning
        # that an exception was never retrieved.
        future.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._open[number] = future, self._loop.time()
        return future

    def settle(self, number: int, outcome: Outcome | DecartError) -> float | None:
        """Completes the future of a request.

        Args:
            number: The request's number.
            outcome: The future's result, or the error that it raises.

        Returns:
            When the request was added, on the event loop's clock, in seconds; None for a request
            that was never added, such as a reconnect's initial state.
        """
        future, added_at = self._open.pop(number, (None, None))
        if future is not None and not future.done():
            if isinstance(outcome, DecartError):
                future.set_exception(outcome)
            else:
                future.set_result(outcome)
        return added_at

    def settle_all(self, outcome: Outcome | DecartError) -> None:
        """Completes every open future."""
        for number in list(self._open):
            self.settle(number, outcome)
