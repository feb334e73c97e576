"""The seven connection states with their transitions, and the phases of one attempt.

``TRANSITIONS`` is the source of truth: an event that it doesn't list for a state changes nothing.
*generating* is sticky: only the end of the generation, a loss, a disconnect or an error leaves it.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final


class ConnectionState(StrEnum):
    """The values of the widget's ``connection_state`` trait."""

    IDLE = "idle"
    CONNECTING = "connecting"
    CONNECTED = "connected"
    GENERATING = "generating"
    RECONNECTING = "reconnecting"
    DISCONNECTED = "disconnected"
    ERROR = "error"


class Event(StrEnum):
    """What can move a session from one state to another."""

    CONNECT = "connect"
    """The caller starts a session."""
    ESTABLISHED = "established"
    """Media flows both ways."""
    GENERATION_STARTED = "generation-started"
    """The service announced the generation, or sent a tick."""
    GENERATION_ENDED = "generation-ended"
    """The service announced the end of the generation."""
    LOST = "lost"
    """An established session broke off and is to be tried again."""
    DISCONNECT = "disconnect"
    """The caller ends the session."""
    CANCEL = "cancel"
    """A start was abandoned before it reached the service; the state is *idle* again."""
    FAIL = "fail"
    """The session ended with an error that no retry can repair."""


class ServiceStatus(StrEnum):
    """The values of the widget's ``service_status`` trait, read from the service's messages."""

    UNKNOWN = "unknown"
    ENTERING_QUEUE = "entering-queue"
    READY = "ready"


class Phase(IntEnum):
    """How far an attempt has come; the values rise in the order in which phases follow."""

    CLOSED = 0
    """There is no attempt."""
    OPENING = 1
    """The control socket is being opened."""
    INITIAL = 2
    """The initial state is sent and not yet acknowledged."""
    READY = 3
    """The initial state is acknowledged: the offer may be sent."""
    OFFERED = 4
    """The offer is sent, or a room is requested."""
    ANSWERED = 5
    """The answer or the room has arrived; media is connecting or flows."""


_S, _E = ConnectionState, Event

TRANSITIONS: Final[dict[tuple[ConnectionState, Event], ConnectionState]] = {
    (_S.IDLE, _E.CONNECT): _S.CONNECTING,
    (_S.DISCONNECTED, _E.CONNECT): _S.CONNECTING,
    (_S.ERROR, _E.CONNECT): _S.CONNECTING,
    (_S.IDLE, _E.FAIL): _S.ERROR,
    (_S.DISCONNECTED, _E.FAIL): _S.ERROR,
    #
    (_S.CONNECTING, _E.ESTABLISHED): _S.CONNECTED,
    (_S.CONNECTING, _E.GENERATION_STARTED): _S.GENERATING,
    (_S.CONNECTING, _E.CANCEL): _S.IDLE,
    (_S.CONNECTING, _E.DISCONNECT): _S.DISCONNECTED,
    (_S.CONNECTING, _E.FAIL): _S.ERROR,
    #
    (_S.CONNECTED, _E.GENERATION_STARTED): _S.GENERATING,
    (_S.CONNECTED, _E.LOST): _S.RECONNECTING,
    (_S.CONNECTED, _E.DISCONNECT): _S.DISCONNECTED,
    (_S.CONNECTED, _E.FAIL): _S.ERROR,
    #
    (_S.GENERATING, _E.GENERATION_ENDED): _S.CONNECTED,
    (_S.GENERATING, _E.LOST): _S.RECONNECTING,
    (_S.GENERATING, _E.DISCONNECT): _S.DISCONNECTED,
    (_S.GENERATING, _E.FAIL): _S.ERROR,
    #
    (_S.RECONNECTING, _E.ESTABLISHED): _S.CONNECTED,
    (_S.RECONNECTING, _E.GENERATION_STARTED): _S.GENERATING,
    (_S.RECONNECTING, _E.DISCONNECT): _S.DISCONNECTED,
    (_S.RECONNECTING, _E.FAIL): _S.ERROR,
}
"""The state that follows each state and event."""

ACTIVE_STATES: Final = frozenset({_S.CONNECTING, _S.CONNECTED, _S.GENERATING, _S.RECONNECTING})
"""States in which a session exists, and may cost money."""


def transition(state: ConnectionState, event: Event) -> ConnectionState:
    """Returns the state after an event; the same state where the table has no such pair."""
    return TRANSITIONS.get((state, event), state)
