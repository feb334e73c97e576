"""Whether to try again, and when: a classifier of errors and the delays. Pure logic."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import (
    AtCapacityError,
    AuthenticationError,
    ConnectionLostError,
    DecartError,
    InsufficientCreditsError,
    MediaUnreachableError,
    NoFrontEndError,
    QuotaExceededError,
    RequestRejectedError,
    ServiceError,
    SessionExpiredError,
    SessionLimitError,
    TransportError,
)

ATTEMPTS: Final = 5
"""Reconnects after a loss (source: the service's public clients)."""

FIRST_DELAY_S: Final = 1.0
"""Seconds before the first reconnect; each further delay is twice as long as the last."""

LONGEST_DELAY_S: Final = 10.0
"""Seconds before any reconnect at most."""

CAPACITY_CLOSE_CODE: Final = 1013
"""WebSocket close code "try again later": the service is full."""

AUTHENTICATION_CLOSE_CODES: Final = (4401, 4403)
"""WebSocket close codes of a refused key: HTTP's 401 and 403 in the range for private use (RFC
6455, 7.4.2)."""

CREDITS_CLOSE_CODE: Final = 4402
"""WebSocket close code of an account without credits: HTTP's 402, likewise."""

_AUTHENTICATION: Final = (
    "401",
    "403",
    "unauthorized",
    "permission denied",
    "not allowed",
    "invalid api key",
)
_SESSION: Final = ("invalid session", "session expired")
"""With ``_AUTHENTICATION``: texts on which the service's public clients stop retrying."""

_CAPACITY: Final = ("at capacity", "no capacity", "capacity reached")
"""Texts with which the service says that it is full."""

_CREDITS: Final = (
    "http 402",
    "payment required",
    "insufficient credit",
    "insufficient_credit",
    "insufficient balance",
    "insufficient funds",
    "not enough credit",
    "no credits",
    "out of credit",
    "credits exhausted",
    "credits are exhausted",
    "credits used up",
    "credits are used up",
)
"""Texts that say that the account's credits are used up. The service's documentation gives none, so
these are the phrases in use at comparable services."""

_SESSION_LIMIT: Final = (
    "concurrent session",
    "concurrent realtime session",
    "concurrent connection",
    "session limit",
    "too many sessions",
)
"""Texts that say that too many sessions run at once."""

_QUOTA: Final = ("quota", "usage limit")
"""Texts that say that a quota is used up."""

_MODERATION: Final = (
    "moderation",
    "moderated",
    "content policy",
    "content_policy",
    "safety policy",
)
"""Texts that say that a prompt or an image is against the service's rules for content."""

MODERATION_REMEDY: Final = (
    "The service's rules for content exclude this one: change the prompt or the image."
)
"""The remedy for a prompt or an image that moderation refused."""

_MAX_TEXT: Final = 300
"""Characters of the service's text that an error of ours quotes."""


def delays() -> Iterator[float]:
    """Yields the seconds to wait before each reconnect: 1, 2, 4, 8, 10."""
    for attempt in range(ATTEMPTS):
        yield min(FIRST_DELAY_S * 2**attempt, LONGEST_DELAY_S)


def _quoted(text: str) -> str:
    """Returns the service's text as part of a sentence of ours, which has its own full stop."""
    return shorten(text, _MAX_TEXT).strip().rstrip(".") or "no reason given"


def _has(text: str, phrases: Iterable[str]) -> bool:
    return any(phrase in text for phrase in phrases)


def service_error(text: str, close_code: int | None = None) -> ServiceError:
    """Classifies an error that the service reports.

    Args:
        text: The service's text.
        close_code: The WebSocket close code, when the service closed the channel with one.

    Returns:
        The subclass of ``ServiceError`` that the text or the code identifies, else a
        ``ServiceError``.
    """
    quoted = _quoted(text)
    lower = text.lower()
    # First, because they come with the status 403, and with "not allowed", as a refused key does.
    if _has(lower, _MODERATION):
        return rejection("prompt or image", text)
    if _has(lower, _CREDITS):
        return InsufficientCreditsError(f"The account's credits are used up ({quoted}).")
    if _has(lower, _SESSION_LIMIT):
        return SessionLimitError(f"Too many sessions run at once ({quoted}).")
    if _has(lower, _QUOTA):
        return QuotaExceededError(f"The quota is used up ({quoted}).")
    if close_code == CAPACITY_CLOSE_CODE or _has(lower, _CAPACITY):
        return AtCapacityError(f"The service is at capacity ({quoted}).")
    if _has(lower, _SESSION):
        return SessionExpiredError(f"The service ended the session: {quoted}.")
    if _has(lower, _AUTHENTICATION):
        return AuthenticationError(f"The service refused the key: {quoted}.")
    return ServiceError(f"The service reported an error: {quoted}.")


REDIRECTS: Final = range(300, 400)
"""HTTP statuses that name another address. None is followed: the key would go there too."""


def redirect_error(name: str, status: int) -> ServiceError:
    """Returns the error of a service that answers with the address of another one.

    Args:
        name: The service's name. The other address isn't shown, because it may hold a token.
        status: The HTTP status.
    """
    return ServiceError(
        f"{name} redirects to another address (HTTP {status}), which is not followed: the key "
        "would go there too.",
        remedy="If you trust that address, give it as endpoint= with its own api_key=.",
        code="redirected",
    )


def rejection(what: str, text: str | None) -> RequestRejectedError:
    """Returns the error of a prompt or image that the service refused.

    Args:
        what: ``"prompt"`` or ``"image"``.
        text: The service's reason, if it gives one.
    """
    moderated = _has((text or "").lower(), _MODERATION)
    return RequestRejectedError(
        f"The service refused the {what}: {_quoted(text or '')}.",
        remedy=MODERATION_REMEDY if moderated else None,
    )


def ended_error(reason: str | None) -> ServiceError | None:
    """Returns the error with which the service ended a generation for good; None for no error.

    Args:
        reason: The ``reason`` of ``generation_ended``.
    """
    error = service_error(reason or "")
    return error if isinstance(error, InsufficientCreditsError | QuotaExceededError) else None


def is_permanent(error: DecartError) -> bool:
    """Returns whether no retry can help."""
    if isinstance(
        error,
        AuthenticationError | SessionExpiredError | InsufficientCreditsError | QuotaExceededError,
    ):
        return True
    return not isinstance(
        error, ServiceError | TransportError | MediaUnreachableError | NoFrontEndError
    )


def closed_error(code: int | None, reason: str) -> DecartError:
    """Classifies the close of a control socket that we didn't close.

    Args:
        code: The WebSocket close code; None when the connection broke without a close frame.
        reason: The close reason; may be empty.

    Returns:
        A ``ServiceError`` that the reason or code identifies, else ``ConnectionLostError``.
    """
    if code == CAPACITY_CLOSE_CODE:
        return service_error(reason or "close code 1013", code)
    if reason:
        error = service_error(reason, code)
        if type(error) is not ServiceError:
            return error
    if code in AUTHENTICATION_CLOSE_CODES:
        return AuthenticationError(f"The service refused the key (close code {code}).")
    if code == CREDITS_CLOSE_CODE:
        return service_error(f"payment required, close code {code}")
    what = f"close code {code}" if code is not None else "the connection broke"
    if reason:
        what += f": {shorten(reason, _MAX_TEXT)}"
    return ConnectionLostError(f"The service closed the control channel ({what}).")
