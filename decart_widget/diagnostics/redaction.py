"""Removes secrets from texts: whatever looks like one, and every secret that this process holds.

The patterns catch secrets that this process was never given (a key that a service quotes); the
lists of known ones catch those without a recognizable form (a TURN password, a room's token).
There is one list for each kind of secret: a service that names hundreds of rooms must displace
neither keys nor client tokens.
"""

from __future__ import annotations

import json
import re
import threading
import traceback
from collections import OrderedDict
from typing import Final, Literal
from urllib.parse import quote, quote_plus

Kind = Literal["key", "token", "room"]
"""``key``: given by the caller and valid for as long as the process runs, an API key or a TURN
password. ``token``: requested by this package, a client token. ``room``: sent by the service."""

LIMITS: Final[dict[Kind, int]] = {"key": 4096, "token": 256, "room": 256}
"""Secrets remembered of each kind, in each of their forms; the newest are kept. A process is given
a few keys; an attempt has a token and a room or two."""

MAX_SCANNED: Final = 100_000
"""Characters of a text that ``shorten`` searches; what follows is removed unseen. An answer of the
API has at most as many."""

MIN_PART: Final = 4
"""Characters of the beginning of a secret, at the end of a cut text, that are removed too."""

MIN_LENGTH: Final = 8
"""Characters of a remembered secret; replacing shorter ones would damage ordinary text."""

_PATTERN: Final = re.compile(
    r"\b(?:dct|ek)_[A-Za-z0-9_.\-]{4,}"
    r"|\beyJ[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]+){0,2}"
    r"|(?<=api_key=)[^&\s\"']{4,}|(?<=access_token=)[^&\s\"']{4,}"
)
"""API keys, client tokens, JWTs, and values of query parameters that carry secrets."""


class _Known:
    """The secrets of this process.

    It has slots and no ``repr``, so that a traceback which shows variables shows none of them.
    """

    __slots__ = ("__limit", "__lock", "__values")

    def __init__(self, limit: int) -> None:
        self.__lock = threading.Lock()
        self.__limit = limit
        self.__values: OrderedDict[str, None] = OrderedDict()

    def add(self, value: str) -> None:
        with self.__lock:
            for form in {value, quote_plus(value), quote(value), json.dumps(value)[1:-1]}:
                self.__values[form] = None
                self.__values.move_to_end(form)
            while len(self.__values) > self.__limit:
                self.__values.popitem(last=False)

    def found_in(self, text: str) -> list[str]:
        with self.__lock:
            return [value for value in self.__values if value in text]

    def begun_at_end_of(self, text: str) -> int:
        """Returns how many characters at the end of a text may be the beginning of a secret."""
        with self.__lock:
            return max((_overlap(text, value) for value in self.__values), default=0)


def _overlap(text: str, value: str) -> int:
    for length in range(min(len(text), len(value) - 1), MIN_PART - 1, -1):
        if text.endswith(value[:length]):
            return length
    return 0


_known: Final = {kind: _Known(limit) for kind, limit in LIMITS.items()}


def remember(value: str, kind: Kind) -> None:
    """Adds a secret to those that ``redact`` replaces, unless it is shorter than ``MIN_LENGTH``.

    Args:
        value: The secret.
        kind: It is forgotten when very many newer ones of the same kind have come.
    """
    if len(value) >= MIN_LENGTH:
        _known[kind].add(value)


def redact(text: str) -> str:
    """Returns the text with ``***`` for every known secret and whatever looks like one."""
    text = _PATTERN.sub("***", text)
    # The longest first, because one secret may be part of another.
    found = {value for known in _known.values() for value in known.found_in(text)}
    for value in sorted(found, key=len, reverse=True):
        text = text.replace(value, "***")
    return text


def shorten(text: str, limit: int) -> str:
    """Returns at most ``limit`` characters of a redacted text; no secret is cut into a part.

    A secret that is cut before it is redacted is not recognized any more. So texts that others
    send are redacted first.

    Args:
        text: A text of any length, not yet redacted.
        limit: Characters of the result.
    """
    if len(text) <= MAX_SCANNED:
        return redact(text)[:limit]
    scanned = text[:MAX_SCANNED]
    begun = max(known.begun_at_end_of(scanned) for known in _known.values())
    return redact(scanned[: len(scanned) - begun])[:limit]


def trace(error: BaseException) -> str:
    """Returns the error's traceback as redacted text.

    Log this instead of ``exc_info``, from which logging handlers make their own tracebacks, some
    with the values of variables.
    """
    return redact("".join(traceback.format_exception(error))).rstrip()
