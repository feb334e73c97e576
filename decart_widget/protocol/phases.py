"""How far an attempt has come, in the order in which it happens."""

from __future__ import annotations

from enum import IntEnum


class Phase(IntEnum):
    """How far an attempt has come."""

    CLOSED = 0
    """There is no attempt."""
    OPENING = 1
    """The control socket is being opened."""
    INITIAL = 2
    """The initial state is sent and not yet acknowledged."""
    READY = 3
    """The initial state is acknowledged: the offer may go."""
    OFFERED = 4
    """The offer is sent, or the room is asked for."""
    ANSWERED = 5
    """The answer, or the room, came; media is on its way or flows."""
