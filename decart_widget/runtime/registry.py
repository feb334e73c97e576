"""The sessions that run in this process: listed, ended all at once, and with the interpreter.

A session that outlives whoever started it is billed for nothing. Whoever kills the process closes
its sockets too, which the service takes for the end; whatever leaves it in an orderly way comes by
here and says goodbye.
"""

from __future__ import annotations

import asyncio
import atexit
from contextlib import suppress
from typing import TYPE_CHECKING, Final

from decart_widget.runtime.background import Background

if TYPE_CHECKING:
    from decart_widget.runtime.controller import WidgetController
    from decart_widget.session.media import EndReason

LEAVE_WITHIN: Final = 1.5
"""Seconds that the interpreter's end waits for goodbyes; the sockets close by themselves then."""

_running: dict[WidgetController, None] = {}
"""Oldest first; changed on the background loop only."""


def register(controller: WidgetController, run: asyncio.Task[None]) -> None:
    """A session begins; it is listed until ``run`` is done."""
    _running.pop(controller, None)
    _running[controller] = None
    run.add_done_callback(lambda _: _running.pop(controller, None))


def running() -> list[WidgetController]:
    """Whose sessions run now, oldest first; from any thread."""
    return list(_running)


async def end_all(reason: EndReason = "stopped") -> int:
    """Ends them all; returns how many there were once they are over."""
    controllers = running()
    await asyncio.gather(*(each.disconnect(reason) for each in controllers), return_exceptions=True)
    return len(controllers)


def _leave() -> None:
    background = Background.current()
    if background is None or not _running:
        return
    with suppress(Exception):  # nothing may keep an interpreter from leaving, or spoil its end
        background.start(end_all("closed"), "leaving").result(LEAVE_WITHIN)


atexit.register(_leave)
