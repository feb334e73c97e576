"""The sessions that run in this process: listed, ended all at once, and with the interpreter.

A session that outlives whoever started it is billed for nothing. When the process is killed, its
sockets are closed too, which the service takes for the end. When the interpreter exits normally,
the sessions are ended here.
"""

from __future__ import annotations

import asyncio
import atexit
from contextlib import suppress
from typing import TYPE_CHECKING, Final, Protocol

from decart_widget.session.background import Background

if TYPE_CHECKING:
    from decart_widget.session.media import EndReason

EXIT_WAIT_S: Final = 1.5
"""Seconds for which the interpreter's exit waits for sessions to end; then sockets just close."""


class SessionOwner(Protocol):
    """Runs sessions; a widget's controller is one."""

    async def disconnect(self, reason: EndReason = "stopped") -> str:
        """Ends the session and returns when it is over."""


_running: dict[SessionOwner, None] = {}
"""In the order of their sessions' starts; changed on the background loop only."""


def register(owner: SessionOwner, run: asyncio.Task[None]) -> None:
    """Lists an owner whose session begins, until that is over.

    Args:
        owner: Runs the session.
        run: Is done when the session is over.
    """
    _running.pop(owner, None)
    _running[owner] = None
    run.add_done_callback(lambda _: _running.pop(owner, None))


def running() -> list[SessionOwner]:
    """The owners of the sessions that run now, oldest session first; from any thread."""
    return list(_running)


async def end_all(reason: EndReason = "stopped") -> int:
    """Ends all sessions.

    Args:
        reason: Is told to the pages.

    Returns:
        How many there were, once they are over.
    """
    owners = running()
    await asyncio.gather(*(each.disconnect(reason) for each in owners), return_exceptions=True)
    return len(owners)


def _end_at_exit() -> None:
    background = Background.current()
    if background is None or not _running:
        return
    with suppress(Exception):  # nothing may keep the interpreter from exiting
        background.start(end_all("closed"), "exit").result(EXIT_WAIT_S)


atexit.register(_end_at_exit)
