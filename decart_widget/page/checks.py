"""What the fields of a page's messages may be: the checks that the schema is made of."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from decart_widget.diagnostics.log import LEVELS
from decart_widget.protocol.messages import parse_candidate

MAX_TEXT: Final = 200_000
"""Characters of one text field; a session description has about 10,000."""

POSITIONS: Final = ("front", "back", "unknown")
"""Where a camera is on its device."""

SOURCES: Final = ("camera", "screen", "test-pattern", "file")
"""What a page can send; the values of the ``source`` trait."""


def is_text(value: object, limit: int = MAX_TEXT) -> bool:
    """Whether a value is a text that is not empty, of at most so many characters."""
    return isinstance(value, str) and 0 < len(value) <= limit


def is_whole(value: object) -> bool:
    """Whether a value is a whole number that JavaScript holds exactly, 0 or more."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**53


def is_number(value: object) -> bool:
    """Whether a value is a finite number, or None."""
    return value is None or (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
    )


def is_candidate(value: object) -> bool:
    """Whether a value is an ICE candidate, or None for their end."""
    try:
        parse_candidate(value)
    except ValueError:
        return False
    return True


def is_mapping(value: object) -> bool:
    """Whether a value is an object of few fields, or None."""
    return value is None or (isinstance(value, Mapping) and len(value) <= 16)


def is_moment(value: object) -> bool:
    """Whether a value is a time in milliseconds since 1970, before the year 3000."""
    return (
        isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 32_503_680e6
    )


def is_event(value: object) -> bool:
    """Whether a value is an entry of a page's log: ``[ms since 1970, level, text, details]``."""
    if not isinstance(value, list) or len(value) != 4:
        return False
    at, level, what, details = value
    return (
        is_moment(at)
        and level in LEVELS
        and is_text(what, 300)
        and isinstance(details, Mapping)
        and len(details) <= 8
        and all(is_text(k, 40) and is_detail(v) for k, v in details.items())
    )


def is_detail(value: object) -> bool:
    """Whether a value is one of a log entry's details: a number, a flag or a short text."""
    return (
        isinstance(value, bool)
        or is_number(value)
        or (isinstance(value, str) and len(value) <= 300)
    )


def is_short(value: object) -> bool:
    """Whether a value is a short text, which may be empty."""
    return isinstance(value, str) and len(value) <= 200


def is_words(value: object, allowed: tuple[str, ...]) -> bool:
    """Whether a value is a list of allowed words, each at most once."""
    return (
        isinstance(value, list)
        and len(value) <= len(allowed)
        and all(isinstance(one, str) and one in allowed for one in value)
        and len(set(value)) == len(value)
    )


def is_camera(value: object) -> bool:
    """Whether a value describes a camera: ``id``, ``label`` and ``position``."""
    return (
        isinstance(value, Mapping)
        and is_short(value.get("id"))
        and is_short(value.get("label"))
        and value.get("position") in POSITIONS
    )


def is_obtained(value: object) -> bool:
    """Whether a value describes what a page sends: a camera, source, size, rate and mirroring."""
    return (
        isinstance(value, Mapping)
        and len(value) <= 12
        and is_camera(value)
        and value.get("source") in SOURCES
        and isinstance(value.get("mirrored"), bool)
        and all(is_whole(value.get(name)) for name in ("width", "height", "fps"))
    )
