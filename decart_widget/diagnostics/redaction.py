"""Removes secrets from texts: whatever looks like one, and every secret that this process holds.

The patterns catch secrets that this process was never given (a key that a service quotes); the list
of known ones catches those without a recognizable form (a TURN password, a room's token).
"""

from __future__ import annotations

import re
import threading
import traceback
from collections import OrderedDict
from typing import Final
from urllib.parse import quote_plus

MAX_KNOWN: Final = 256
"""Secrets remembered, in each of their forms; the newest are kept. A session has about three."""

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

    __slots__ = ("__lock", "__values")

    def __init__(self) -> None:
        self.__lock = threading.Lock()
        self.__values: OrderedDict[str, None] = OrderedDict()

    def add(self, value: str) -> None:
        with self.__lock:
            for form in {value, quote_plus(value)}:
                self.__values[form] = None
                self.__values.move_to_end(form)
            while len(self.__values) > MAX_KNOWN:
                self.__values.popitem(last=False)

    def replace_in(self, text: str) -> str:
        with self.__lock:
            found = [value for value in self.__values if value in text]
        # The longest first, because one secret may be part of another.
        for value in sorted(found, key=len, reverse=True):
            text = text.replace(value, "***")
        return text


_known: Final = _Known()


def remember(value: str) -> None:
    """Adds a secret to those that ``redact`` replaces, unless it is shorter than ``MIN_LENGTH``."""
    if len(value) >= MIN_LENGTH:
        _known.add(value)


def redact(text: str) -> str:
    """Returns the text with ``***`` for every known secret and whatever looks like one."""
    return _known.replace_in(_PATTERN.sub("***", text))


def trace(error: BaseException) -> str:
    """Returns the error's traceback as redacted text.

    Log this instead of ``exc_info``, from which logging handlers make their own tracebacks, some
    with the values of variables.
    """
    return redact("".join(traceback.format_exception(error))).rstrip()
