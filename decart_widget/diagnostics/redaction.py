"""What must not be read in any text: everything that looks like a secret, and every one we hold.

The shapes catch what nobody told us of (a key that a service quotes back); the known ones catch
what has no shape (a TURN password, a room's token of another make).
"""

from __future__ import annotations

import re
import threading
import traceback
from collections import OrderedDict
from typing import Final
from urllib.parse import quote_plus

MAX_KNOWN: Final = 256
"""Secrets remembered, the newest; a session needs about three."""

SHORTEST: Final = 8
"""Characters; hiding shorter ones would make holes in every text."""

# Anything in a text that has the form of one of our secrets, and query values named like one.
_SHAPES = re.compile(
    r"\b(?:dct|ek)_[A-Za-z0-9_.\-]{4,}"
    r"|\beyJ[A-Za-z0-9_\-]{8,}(?:\.[A-Za-z0-9_\-]+){0,2}"
    r"|(?<=api_key=)[^&\s\"']{4,}|(?<=access_token=)[^&\s\"']{4,}"
)


class _Known:
    """The secrets of this process. No ``repr``, no dictionary: nothing for a traceback to show."""

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

    def hide(self, text: str) -> str:
        with self.__lock:
            found = [value for value in self.__values if value in text]
        # The longest first: one may be part of another.
        for value in sorted(found, key=len, reverse=True):
            text = text.replace(value, "***")
        return text


_known = _Known()


def remember(value: str) -> None:
    """Takes note of a secret: no text that passes ``redact`` will show it."""
    if len(value) >= SHORTEST:
        _known.add(value)


def redact(text: str) -> str:
    """The text with every secret that we hold, and all that looks like one, replaced by ``***``."""
    return _known.hide(_SHAPES.sub("***", text))


def trace(error: BaseException) -> str:
    """The error's traceback as text, redacted.

    To be logged in place of ``exc_info``, from which handlers make tracebacks of their own, some
    with the value of every variable.
    """
    return redact("".join(traceback.format_exception(error))).rstrip()
