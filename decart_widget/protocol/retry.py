"""Whether to try again, and when: a classifier of errors and a list of delays, both pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from decart_widget.diagnostics.secrets import redact
from decart_widget.errors import (
    AtCapacityError,
    AuthenticationError,
    ConnectionLostError,
    DecartError,
    MediaUnreachableError,
    NoFrontEndError,
    RequestRejectedError,
    ServiceError,
    SessionExpiredError,
    TransportError,
)

ATTEMPTS: Final = 5
"""Reconnects after a loss (source: the service's public clients)."""

FIRST_DELAY: Final = 1.0
LONGEST_DELAY: Final = 10.0

CAPACITY_CLOSE_CODE: Final = 1013
"""WebSocket close code "try again later": the service is full."""

# Source: the texts on which the service's public clients stop retrying.
_AUTHENTICATION = (
    "401",
    "403",
    "unauthorized",
    "permission denied",
    "not allowed",
    "invalid api key",
)
_SESSION = ("invalid session", "session expired")
_CAPACITY = ("at capacity", "no capacity", "capacity reached")

_MAX_TEXT = 300


def delays() -> Iterator[float]:
    """Seconds to wait before each reconnect: 1, 2, 4, 8, 10."""
    for attempt in range(ATTEMPTS):
        yield min(FIRST_DELAY * 2**attempt, LONGEST_DELAY)


def _shown(text: str) -> str:
    """The service's words as part of a sentence of ours, which has a full stop of its own."""
    return redact(text)[:_MAX_TEXT].strip().rstrip(".") or "no reason given"


def service_error(text: str, close_code: int | None = None) -> ServiceError:
    """The error that a text of the service's, or the code it closed with, stands for."""
    shown = _shown(text)
    lower = text.lower()
    if close_code == CAPACITY_CLOSE_CODE or any(phrase in lower for phrase in _CAPACITY):
        return AtCapacityError(f"The service is at capacity ({shown}).")
    if any(phrase in lower for phrase in _SESSION):
        return SessionExpiredError(f"The service ended the session: {shown}.")
    if any(phrase in lower for phrase in _AUTHENTICATION):
        return AuthenticationError(f"The service refused the key: {shown}.")
    return ServiceError(f"The service reported an error: {shown}.")


def rejection(what: str, text: str | None) -> RequestRejectedError:
    """The error of a prompt or image that the service refused."""
    return RequestRejectedError(f"The service refused the {what}: {_shown(text or '')}.")


def is_permanent(error: DecartError) -> bool:
    """Whether no retry can help."""
    if isinstance(error, AuthenticationError | SessionExpiredError):
        return True
    return not isinstance(
        error, ServiceError | TransportError | MediaUnreachableError | NoFrontEndError
    )


def closed_error(code: int | None, reason: str) -> DecartError:
    """The error of a control socket that closed without our asking.

    Args:
        code: WebSocket close code; None when the connection just broke.
        reason: The close reason, may be empty.
    """
    if code == CAPACITY_CLOSE_CODE:
        return service_error(reason or "close code 1013", code)
    if reason:
        error = service_error(reason, code)
        if type(error) is not ServiceError:
            return error
    if code in (4401, 4403):
        return AuthenticationError(f"The service refused the key (close code {code}).")
    shown = f"close code {code}" if code is not None else "the connection broke"
    if reason:
        shown += f": {redact(reason)[:_MAX_TEXT]}"
    return ConnectionLostError(f"The service closed the control channel ({shown}).")
