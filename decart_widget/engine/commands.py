"""The messages between an engine and its worker process: the one table for both directions.

Each message is a line of JSON with its ``type`` and the fields below. ``COMMANDS`` go to the
worker, ``EVENTS`` come from it. Both sides encode and decode by this table only. Room tokens and
TURN credentials are fields of commands, and appear in no error of this module.

Messages of the types in ``WITH_PART`` have a binary part: the line begins with its length,
``{"bytes": 1234, ``, and that many bytes follow the line.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

LINE_BYTES: Final = 1_000_000
"""Largest length of a message; a session description has about 10,000 bytes."""

PART_BYTES: Final = 16_000_000
"""Largest length of a binary part: a picture of 4096x2560 that isn't encoded."""

WITH_PART: Final = frozenset({"picture", "webcam_frame"})
"""The types of messages that have a binary part."""

_PART: Final = re.compile(rb'\{"bytes": (\d{1,9}), ')
"""How the line of a message with a binary part begins, whatever follows."""

MAX_INDICES: Final = 1024
"""Indices of frames in one message."""

CODECS: Final = ("h264", "jpeg", "i420")
"""How pictures for watchers are encoded; ``"i420"``: not at all, for code."""

CODE: Final = "code"
"""The watcher that is no page, but code of the parent."""

WEBCAM_CODECS: Final = ("h264", "jpeg")
"""How the frames of a page's camera are encoded."""

STATES: Final = ("camera", "connected", "first-frame", "reconnecting", "failed", "ended")
"""States of an attempt's media that a worker reports, as in ``session.media.MediaState``."""


class MessageError(ValueError):
    """A message that the table lacks, or with a field that doesn't match it."""


Check = Callable[[object], bool]
"""Whether a value may be that field's."""


def _whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _flag(value: object) -> bool:
    return isinstance(value, bool)


def _text(value: object) -> bool:
    return isinstance(value, str)


def _mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _state(value: object) -> bool:
    return value in STATES


def _indices(value: object) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= MAX_INDICES
        and all(_whole(index) for index in value)
    )


def _error(value: object) -> bool:
    """Whether a value describes an error: ``code``, ``message`` and ``remedy``."""
    return isinstance(value, Mapping) and all(
        isinstance(value.get(name), str) for name in ("code", "message", "remedy")
    )


def _streams(value: object) -> bool:
    """Whether a value lists the pictures that are watched: received ones, those that are sent."""
    return isinstance(value, list) and value in ([], ["output"], ["input"], ["output", "input"])


def _sound(value: object) -> bool:
    """Whether a value is a path, a start and an end in seconds, or None for no end."""
    if not isinstance(value, list) or len(value) != 3:
        return False
    path, start, end = value
    return _text(path) and _number(start) and (end is None or _number(end))


def _optional(check: Check) -> Check:
    return lambda value: value is None or check(value)


COMMANDS: Final[Mapping[str, Mapping[str, Check]]] = {
    # Imports what a connection of this transport needs, in advance.
    "warm": {"transport": _text},
    # Which source to read from now on; ``description`` None: the frames of the upward ring.
    # ``target``: the fields of ``inputs.sources.reader.Target``. Frames up to the index ``after``
    # (-1: none) are not sent again.
    "source": {
        "generation": _whole,
        "description": _optional(_mapping),
        "is_live": _flag,
        "label": _text,
        "fps": _optional(_number),
        "target": _mapping,
        "after": _whole,
    },
    # The frames of the upward ring end with the one of this number.
    "source_end": {"generation": _whole, "number": _whole},
    # Whether each frame that is sent has to come back, or be named as lost.
    "every": {"on": _flag},
    # ``connection``: the fields of ``engine.connection.ConnectionSettings``.
    "prepare": {"attempt": _whole, "connection": _mapping},
    "join": {"attempt": _whole, "url": _text, "token": _text},
    "answer": {"attempt": _whole, "sdp": _text},
    # ``candidate``: an ``RTCIceCandidateInit``; None: the end of candidates.
    "candidate": {"attempt": _whole, "candidate": _optional(_mapping)},
    "end": {"attempt": _whole, "keep_source": _flag},
    "figures": {"request": _whole},
    # Writes a file, which must not exist: ``which`` is "output", "input" or "both". ``sound``: path
    # of a video file, and the part in seconds whose sound is kept.
    "record": {
        "number": _whole,
        "path": _text,
        "which": _text,
        "every": _flag,
        "fps": _number,
        "sound": _optional(_sound),
    },
    "record_stop": {"number": _whole},
    # What a watcher wants to see of an attempt from now on; see ``engine.views``. ``width`` and
    # ``height``: the size in pixels that pictures are scaled down to; 0: their own.
    "watch": {
        "watcher": _text,
        "attempt": _whole,
        "streams": _streams,
        "codec": lambda value: value in CODECS,
        "width": _whole,
        "height": _whole,
    },
    # A frame of the page's camera, which is the binary part; see ``inputs.sources.webcam_reader``.
    "webcam_frame": {
        "number": _whole,
        "codec": lambda value: value in WEBCAM_CODECS,
        "key": _flag,
        "at_ms": _number,
    },
    # The watcher has shown the picture of this number.
    "shown": {"watcher": _text, "attempt": _whole, "stream": _text, "number": _whole},
}
"""Type of each command -> its fields."""

EVENTS: Final[Mapping[str, Mapping[str, Check]]] = {
    "hello": {},
    # The worker runs; its counts so far.
    "beat": {"sent": _whole, "received": _whole, "skipped": _whole, "lost": _whole},
    "offer": {"attempt": _whole, "sdp": _text},
    "state": {"attempt": _whole, "state": _state},
    # Frames are sent and none comes back.
    "stalled": {"attempt": _whole},
    "refused": {"attempt": _whole, "error": _error},
    "source_opened": {
        "generation": _whole,
        "label": _text,
        "is_live": _flag,
        "fps": _optional(_number),
        "duration_s": _optional(_number),
        "frame_count": _optional(_whole),
    },
    # All of its frames were sent, and came back or are lost; the last one that came back, of any
    # source, has this number in the downward ring.
    "source_ended": {"generation": _whole, "number": _whole},
    "source_failed": {"generation": _whole, "error": _error},
    # While each frame has to come back: those that were handed to the connection, and those that
    # will not come back. ``number``: as in ``source_ended``.
    "sent": {"generation": _whole, "indices": _indices},
    "lost": {"generation": _whole, "indices": _indices, "number": _whole},
    "figures": {"request": _whole, "figures": _mapping},
    # A frame of the page's camera was decoded, or passed over; ``key``: a keyframe is needed.
    # ``began_at``: time 0 of the source, in seconds since 1970 on the page's clock; None: unknown.
    "webcam_taken": {"number": _whole, "key": _flag, "began_at": _optional(_number)},
    # A recording is over: its file is closed. ``problem``: why it failed, for people.
    "recorded": {
        "number": _whole,
        "frames": _whole,
        "dropped": _whole,
        "problem": _optional(_text),
    },
    # A picture for a watcher, which is the binary part; its fields as in ``page.messages.picture``,
    # and those of ``engine.ring.FrameInfo``.
    "picture": {
        "watcher": _text,
        "attempt": _whole,
        "stream": _text,
        "number": _whole,
        "codec": _text,
        "key": _flag,
        "config": _optional(_text),
        "width": _whole,
        "height": _whole,
        "at": _optional(_number),
        "dropped": _whole,
        "index": _whole,
        "captured_ns": _whole,
    },
}
"""Type of each event -> its fields."""


def encode(
    table: Mapping[str, Mapping[str, Check]], kind: str, part: bytes = b"", /, **fields: Any
) -> bytes:
    """Returns a message as a line, and its binary part after it.

    Args:
        table: ``COMMANDS`` or ``EVENTS``.
        kind: The message's type.
        part: The binary part of the types that have one.
        **fields: Its fields.

    Raises:
        MessageError: The message doesn't match the table.
    """
    _check(table, kind, fields)
    if bool(part) is not (kind in WITH_PART) or len(part) > PART_BYTES:
        raise MessageError(f"{kind!r} has a wrong binary part")
    length = {"bytes": len(part)} if part else {}
    try:
        line = json.dumps({**length, "type": kind, **fields}).encode() + b"\n"
    except (TypeError, ValueError, RecursionError):
        raise MessageError(f"{kind!r} has a field that JSON lacks") from None
    if len(line) > LINE_BYTES:
        raise MessageError(f"{kind!r} is too long")
    return line + part


def part_bytes(line: bytes) -> int:
    """Returns how many bytes follow a line: the length of its binary part; 0 for none.

    Raises:
        MessageError: There are too many, so that what follows can't be read.
    """
    begin = _PART.match(line)
    count = 0 if begin is None else int(begin[1])
    if count > PART_BYTES:
        raise MessageError("a binary part is too long")
    return count


def decode(table: Mapping[str, Mapping[str, Check]], line: bytes) -> tuple[str, dict[str, Any]]:
    """Returns the type and the fields of a message.

    Args:
        table: ``COMMANDS`` or ``EVENTS``.
        line: The line, with or without its end; without the binary part.

    Raises:
        MessageError: It is no message of the table.
    """
    if len(line) > LINE_BYTES:
        raise MessageError("a message is too long")
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        raise MessageError("a line is no JSON") from None
    if not isinstance(message, dict):
        raise MessageError("a line is no object")
    kind = message.pop("type", None)
    has_part = message.pop("bytes", None) is not None
    _check(table, kind, message)
    if has_part is not (kind in WITH_PART):
        raise MessageError(f"{kind!r} has a wrong binary part")
    return str(kind), message


def _check(
    table: Mapping[str, Mapping[str, Check]], kind: object, fields: Mapping[str, Any]
) -> None:
    expected = table.get(kind) if isinstance(kind, str) else None
    if expected is None:
        raise MessageError(f"no message is called {str(kind)[:40]!r}")
    if fields.keys() != expected.keys():
        raise MessageError(f"{kind!r} has other fields than {sorted(expected)}")
    for name, check in expected.items():
        if not check(fields[name]):
            raise MessageError(f"{kind!r} has a wrong value of {name!r}")
