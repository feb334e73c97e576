"""The running sessions of this process; they are ended when the interpreter exits.

A session that outlived its process would be billed for nothing. When the process is killed, its
sockets are closed, which ends the sessions at the service. When the interpreter exits normally,
this module ends them.
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
"""Seconds that the interpreter's exit waits for sessions to end; then their sockets just close."""


class SessionOwner(Protocol):
    """Runs sessions; implemented by ``SessionRunner``."""

    async def disconnect(self, reason: EndReason = "stopped") -> str:
        """Ends the session and returns when it is over."""


_running: dict[SessionOwner, None] = {}
"""The owners in the order of their sessions' starts; changed on the background loop only."""


def register(owner: SessionOwner, run: asyncio.Task[None]) -> None:
    """Lists an owner as running until its session is over.

    Args:
        owner: Runs the session.
        run: The session's task.
    """
    _running.pop(owner, None)
    _running[owner] = None
    run.add_done_callback(lambda _: _running.pop(owner, None))


def running() -> list[SessionOwner]:
    """Returns the owners of running sessions, oldest session first; from any thread."""
    return list(_running)


async def end_all(reason: EndReason = "stopped") -> int:
    """Ends all sessions.

    Args:
        reason: Sent to the pages.

    Returns:
        The number of sessions, once all of them are over.
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
