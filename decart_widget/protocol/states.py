"""The seven connection states, as a table.

``TRANSITIONS`` is the source of truth: a pair that it does not list changes nothing. *generating*
is sticky: only the end of the generation, a loss, a disconnect or an error leaves it.
"""

from __future__ import annotations

from enum import StrEnum


class ConnectionState(StrEnum):
    """What the widget shows as ``connection_state``."""

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
    """Somebody asked for a session."""
    ESTABLISHED = "established"
    """Media flows both ways."""
    GENERATION_STARTED = "generation-started"
    """The service said so, or sent a tick."""
    GENERATION_ENDED = "generation-ended"
    LOST = "lost"
    """An established session broke off and is to be tried again."""
    DISCONNECT = "disconnect"
    """Somebody asked for the end."""
    CANCEL = "cancel"
    """A start that never reached the service was given up; as if it had not been asked for."""
    FAIL = "fail"
    """It ended with an error that no retry mends."""


class ServiceStatus(StrEnum):
    """What the service says of itself."""

    UNKNOWN = "unknown"
    ENTERING_QUEUE = "entering-queue"
    READY = "ready"


_S, _E = ConnectionState, Event

TRANSITIONS: dict[tuple[ConnectionState, Event], ConnectionState] = {
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
"""Where each event leads from each state."""

ACTIVE_STATES = frozenset({_S.CONNECTING, _S.CONNECTED, _S.GENERATING, _S.RECONNECTING})
"""States in which a session exists, and may cost money."""


def transition(state: ConnectionState, event: Event) -> ConnectionState:
    """The state after the event; the same state where the table has no such pair."""
    return TRANSITIONS.get((state, event), state)
