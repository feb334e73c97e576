"""Reads and writes the control channel's frames: JSON objects whose ``type`` names the message.

``decode`` never raises: what it can't read becomes an ``Ignored`` with a reason, because an
unknown type, an unknown field or malformed data must never end a session that costs money.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

from decart_widget.diagnostics.redaction import shorten
from decart_widget.protocol.messages import (
    Answer,
    ClientMessage,
    GenerationEnded,
    GenerationStarted,
    GenerationTick,
    Ignored,
    PromptAck,
    QueuePosition,
    RemoteCandidate,
    RoomInfo,
    ServerError,
    ServerMessage,
    SessionId,
    SetImageAck,
    Status,
    parse_candidate,
    sendable,
)

MAX_FRAME: Final = 1_000_000
"""Characters; a longer frame from the service is ignored (an answer has about 5,000)."""

MAX_SDP: Final = 200_000
"""Characters of a session description; a longer one is ignored (one has about 10,000)."""

MAX_TOKEN: Final = 8_192
"""Characters of a room's token; a message with a longer one is ignored."""

MAX_NAME: Final = 1_000
"""Characters of a name, a status, a reason or an error: optional texts are cut to this length, and
a message whose required text is longer is ignored."""

MAX_TYPE: Final = 40
"""Characters kept of an unknown ``type``."""


class _FieldError(Exception):
    """A field, which the text names, is missing or of the wrong type."""


def decode(frame: str | bytes) -> ServerMessage:
    """Reads a frame from the service. Never raises.

    Args:
        frame: The WebSocket message: text, or bytes for a binary one.

    Returns:
        The message; ``Ignored`` for a frame that can't be read.
    """
    if isinstance(frame, bytes):
        return Ignored("binary frame")
    if len(frame) > MAX_FRAME:
        return Ignored("frame too long")
    try:
        fields = json.loads(frame)
    except (ValueError, RecursionError):
        return Ignored("not JSON")
    if not isinstance(fields, dict) or not isinstance(fields.get("type"), str):
        return Ignored("no type")
    kind = fields["type"]
    decoder = _DECODERS.get(kind)
    if decoder is None:
        return Ignored("unknown type", kind[:MAX_TYPE])
    try:
        return decoder(fields)
    except _FieldError as wrong:
        return Ignored(f"bad {wrong}", kind)


def encode(message: ClientMessage) -> str:
    """Returns the text frame of a message to the service."""
    return sendable(json.dumps(message.as_json(), ensure_ascii=False, separators=(",", ":")))


# --- fields -----------------------------------------------------------------------------------


def _text(fields: Mapping[str, Any], *names: str, limit: int = MAX_FRAME) -> str:
    for name in names:
        if isinstance(fields.get(name), str) and len(fields[name]) <= limit:
            return sendable(fields[name])
    raise _FieldError(names[0])


def _optional_text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return shorten(sendable(value), MAX_NAME) if isinstance(value, str) else None


def _is_number(value: object) -> bool:
    # Compared, not converted to float: JSON's integers can be too large for any float.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _seconds(fields: Mapping[str, Any]) -> float:
    value = fields.get("seconds")
    if not _is_number(value) or float(value) < 0:  # type: ignore[arg-type]
        raise _FieldError("seconds")
    return float(value)  # type: ignore[arg-type]


def _count(fields: Mapping[str, Any], *names: str) -> int:
    for name in names:
        value = fields.get(name)
        if _is_number(value) and 0 <= int(value) < 10**9:  # type: ignore[arg-type]
            return int(value)  # type: ignore[arg-type]
    raise _FieldError(names[0])


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if not isinstance(value, bool):
        raise _FieldError(name)
    return value


# --- messages ---------------------------------------------------------------------------------


def _queue_position(fields: Mapping[str, Any]) -> QueuePosition:
    try:
        size = _count(fields, "queue_size", "size")
    except _FieldError:
        size = None
    return QueuePosition(_count(fields, "queue_position", "position"), size)


def _generation_ended(fields: Mapping[str, Any]) -> GenerationEnded:
    try:
        seconds: float | None = _seconds(fields)
    except _FieldError:
        seconds = None
    return GenerationEnded(seconds, _optional_text(fields, "reason"))


def _server_error(fields: Mapping[str, Any]) -> ServerError:
    for name in ("error", "message"):
        value = fields.get(name)
        if isinstance(value, str) and value:
            return ServerError(shorten(sendable(value), MAX_NAME))
        if isinstance(value, Mapping) and isinstance(value.get("message"), str):
            return ServerError(shorten(sendable(value["message"]), MAX_NAME))
    return ServerError("unknown error")


def _remote_candidate(fields: Mapping[str, Any]) -> RemoteCandidate:
    try:
        return RemoteCandidate(parse_candidate(fields.get("candidate")))
    except ValueError:
        raise _FieldError("candidate") from None


def _room_info(fields: Mapping[str, Any]) -> RoomInfo:
    url = _text(fields, "livekit_url", limit=MAX_NAME)
    if not url.startswith(("ws://", "wss://", "http://", "https://")):
        raise _FieldError("livekit_url")
    return RoomInfo(
        url,
        _text(fields, "token", limit=MAX_TOKEN),
        _text(fields, "room_name", limit=MAX_NAME),
        _optional_text(fields, "session_id"),
    )


_DECODERS: Final[dict[str, Callable[[Mapping[str, Any]], ServerMessage]]] = {
    "session_id": lambda f: SessionId(_text(f, "session_id", "sessionId", limit=MAX_NAME)),
    "status": lambda f: Status(_text(f, "status", limit=MAX_NAME)),
    "queue_position": _queue_position,
    "prompt_ack": lambda f: PromptAck(
        _text(f, "prompt"), _flag(f, "success"), _optional_text(f, "error")
    ),
    "set_image_ack": lambda f: SetImageAck(_flag(f, "success"), _optional_text(f, "error")),
    "generation_started": lambda _: GenerationStarted(),
    "generation_tick": lambda f: GenerationTick(_seconds(f)),
    "generation_ended": _generation_ended,
    "error": _server_error,
    "answer": lambda f: Answer(_text(f, "sdp", limit=MAX_SDP)),
    "ice-candidate": _remote_candidate,
    "livekit_room_info": _room_info,
}
"""Readers of a message's fields by its ``type``; each may raise ``_FieldError``."""
