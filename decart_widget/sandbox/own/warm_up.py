"""The preparation of the user's model, for which sessions wait in the queue."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.redaction import shorten

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.render import Renderer

LONGEST_TEXT: Final = 200
"""Characters of an exception's text that a client is told."""


class WarmUp:
    """Warms a model up when the server starts, and again for the next session when that failed.

    Args:
        renderer: Has the model, and is told what it raises.
    """

    def __init__(self, renderer: Renderer) -> None:
        self._renderer = renderer
        self._running: asyncio.Future[Any] | None = None
        self._is_over = renderer.model is None or not renderer.model.needs_warm_up

    @property
    def is_over(self) -> bool:
        """Whether sessions can be admitted."""
        return self._is_over

    def begin(self) -> asyncio.Future[Any]:
        """Starts it, unless it is running."""
        if self._running is None:
            assert self._renderer.model is not None
            self._running = asyncio.wrap_future(self._renderer.model.warm_up())
            self._running.add_done_callback(self._ended)
        return self._running

    async def wait(self) -> str | None:
        """Waits until it is over; may be cancelled.

        Returns:
            None, or what the client is told because it failed.
        """
        running = self.begin()
        await asyncio.wait([running])
        error = None if running.cancelled() else running.exception()
        if error is None:
            return None
        text = shorten(f"{type(error).__name__}: {error}", LONGEST_TEXT).rstrip(": ")
        return f"The model could not be prepared: {text}"

    def _ended(self, running: asyncio.Future[Any]) -> None:
        self._running = None
        error = None if running.cancelled() else running.exception()
        if error is None:
            self._is_over = True
        else:
            self._renderer.note(error)
