"""Errors that the worker has reported, as errors again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from decart_widget.errors import (
    DecartError,
    MediaError,
    MediaUnreachableError,
    ServiceError,
    SourceError,
)

RETRIED: Final[Mapping[str, type[DecartError]]] = {
    "room-refused": ServiceError,
    "room-unreachable": MediaUnreachableError,
}
"""Classes of errors of a connection by their codes: of those after which an established session
tries again. After any other it ends."""


def connection_error(reported: Mapping[str, str]) -> DecartError:
    """Returns the error of a connection.

    Args:
        reported: As ``DecartError.as_trait`` gives it.
    """
    return _rebuilt(RETRIED.get(reported["code"], MediaError), reported)


def source_error(reported: Mapping[str, str]) -> DecartError:
    """Returns the error of a source; see `connection_error`."""
    return _rebuilt(SourceError, reported)


def _rebuilt(kind: type[DecartError], reported: Mapping[str, str]) -> DecartError:
    return kind(reported["message"], remedy=reported["remedy"], code=reported["code"])
