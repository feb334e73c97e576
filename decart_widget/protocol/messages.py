"""The control channel's messages: JSON text frames whose ``type`` names them.

``decode`` never raises: what it can't read comes back as ``Ignored`` with a reason, because an
unknown type, an unknown field or a piece of junk must never end a session that costs money.
Source of names and fields: the service's public clients.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from decart_widget.diagnostics.redaction import redact, remember

MAX_FRAME: Final = 1_000_000
"""Characters; a longer frame from the service is ignored (an answer has about 5,000)."""


@dataclass(frozen=True)
class Candidate:
    """One ICE candidate, as the W3C's ``RTCIceCandidateInit`` has it."""

    candidate: str = field(repr=False)
    sdp_mid: str | None = field(default=None, repr=False)
    sdp_m_line_index: int | None = None

    def as_json(self) -> dict[str, Any]:
        """The W3C form."""
        return {
            "candidate": self.candidate,
            "sdpMid": self.sdp_mid,
            "sdpMLineIndex": self.sdp_m_line_index,
        }


# --- from the service -------------------------------------------------------------------------


@dataclass(frozen=True)
class SessionId:
    """The session has a name."""

    session_id: str


@dataclass(frozen=True)
class Status:
    """A text about the service: entering the queue, ready, or something else."""

    status: str


@dataclass(frozen=True)
class QueuePosition:
    """Our place in the queue, counted from 1, and how long the queue is."""

    position: int
    size: int | None


@dataclass(frozen=True)
class PromptAck:
    """Answers the ``Prompt`` with the same text."""

    prompt: str
    success: bool
    error: str | None


@dataclass(frozen=True)
class SetImageAck:
    """Answers the oldest open ``SetImage``."""

    success: bool
    error: str | None


@dataclass(frozen=True)
class GenerationStarted:
    """Transformed frames begin, and with them the bill."""


@dataclass(frozen=True)
class GenerationTick:
    """Billed seconds so far."""

    seconds: float


@dataclass(frozen=True)
class GenerationEnded:
    """The generation is over."""

    seconds: float | None
    reason: str | None


@dataclass(frozen=True)
class ServerError:
    """Something failed; fails every open request."""

    text: str


@dataclass(frozen=True)
class Answer:
    """The service's session description."""

    sdp: str = field(repr=False)


@dataclass(frozen=True)
class RemoteCandidate:
    """A candidate of the service's, or its end of candidates (None)."""

    candidate: Candidate | None


@dataclass(frozen=True)
class RoomInfo:
    """The room that media goes through, and a token to join it with."""

    url: str
    token: str
    room_name: str
    session_id: str | None = None

    def __post_init__(self) -> None:
        remember(self.token)

    def __repr__(self) -> str:
        return f"RoomInfo(room_name={redact(self.room_name)!r})"


@dataclass(frozen=True)
class Ignored:
    """A frame that changes nothing, and why."""

    reason: str
    type: str | None = None


ServerMessage = (
    SessionId
    | Status
    | QueuePosition
    | PromptAck
    | SetImageAck
    | GenerationStarted
    | GenerationTick
    | GenerationEnded
    | ServerError
    | Answer
    | RemoteCandidate
    | RoomInfo
    | Ignored
)


MAX_SDP: Final = 200_000
"""Characters of a session description; one has about 10,000."""

MAX_TOKEN: Final = 8_192

MAX_NAME: Final = 1_000
"""Characters of a name, a reason or a status; of more only so many are kept, or none."""


class _WrongError(Exception):
    """A field is missing or of the wrong type."""


def sendable(text: str) -> str:
    """The text with what UTF-8 can't carry (half a surrogate pair) replaced by ``?``.

    JSON can spell such a half; handed on as it is, it would break whoever sends it next.
    """
    return text.encode("utf-8", "replace").decode("utf-8")


def _text(fields: Mapping[str, Any], *names: str, limit: int = MAX_FRAME) -> str:
    for name in names:
        if isinstance(fields.get(name), str) and len(fields[name]) <= limit:
            return sendable(fields[name])
    raise _WrongError(names[0])


def _optional_text(fields: Mapping[str, Any], name: str) -> str | None:
    value = fields.get(name)
    return redact(sendable(value[:MAX_NAME])) if isinstance(value, str) else None


def _is_number(value: object) -> bool:
    # Compared, not converted: JSON's whole numbers may be longer than any float.
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15


def _seconds(fields: Mapping[str, Any]) -> float:
    value = fields.get("seconds")
    if not _is_number(value) or float(value) < 0:  # type: ignore[arg-type]
        raise _WrongError("seconds")
    return float(value)  # type: ignore[arg-type]


def _count(fields: Mapping[str, Any], *names: str) -> int:
    for name in names:
        value = fields.get(name)
        if _is_number(value) and 0 <= int(value) < 10**9:  # type: ignore[arg-type]
            return int(value)  # type: ignore[arg-type]
    raise _WrongError(names[0])


def _queue_position(fields: Mapping[str, Any]) -> QueuePosition:
    try:
        size = _count(fields, "queue_size", "size")
    except _WrongError:
        size = None
    return QueuePosition(_count(fields, "queue_position", "position"), size)


def _flag(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if not isinstance(value, bool):
        raise _WrongError(name)
    return value


def _generation_ended(fields: Mapping[str, Any]) -> GenerationEnded:
    try:
        seconds: float | None = _seconds(fields)
    except _WrongError:
        seconds = None
    return GenerationEnded(seconds, _optional_text(fields, "reason"))


def _server_error(fields: Mapping[str, Any]) -> ServerError:
    for name in ("error", "message"):
        value = fields.get(name)
        if isinstance(value, str) and value:
            return ServerError(sendable(value[:MAX_NAME]))
        if isinstance(value, Mapping) and isinstance(value.get("message"), str):
            return ServerError(sendable(value["message"][:MAX_NAME]))
    return ServerError("unknown error")


def parse_candidate(value: object) -> Candidate | None:
    """The candidate in its W3C form; None for null and for the empty one, which end the list.

    Raises ``ValueError`` for anything else.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping) or not isinstance(value.get("candidate"), str):
        raise ValueError("not a candidate")
    if not value["candidate"]:
        return None
    mid, index = value.get("sdpMid"), value.get("sdpMLineIndex")
    return Candidate(
        sendable(value["candidate"][:4096]),
        sendable(mid[:256]) if isinstance(mid, str) else None,
        index if type(index) is int and 0 <= index < 2**16 else None,
    )


def _room_url(fields: Mapping[str, Any]) -> str:
    url = _text(fields, "livekit_url", limit=MAX_NAME)
    if not url.startswith(("ws://", "wss://", "http://", "https://")):
        raise _WrongError("livekit_url")
    return url


def _remote_candidate(fields: Mapping[str, Any]) -> RemoteCandidate:
    try:
        return RemoteCandidate(parse_candidate(fields.get("candidate")))
    except ValueError:
        raise _WrongError("candidate") from None


_DECODERS: dict[str, Callable[[Mapping[str, Any]], ServerMessage]] = {
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
    "livekit_room_info": lambda f: RoomInfo(
        _room_url(f),
        _text(f, "token", limit=MAX_TOKEN),
        _text(f, "room_name", limit=MAX_NAME),
        _optional_text(f, "session_id"),
    ),
}


def decode(frame: str | bytes) -> ServerMessage:
    """What the service said. Never raises."""
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
        return Ignored("unknown type", kind[:40])
    try:
        return decoder(fields)
    except _WrongError as wrong:
        return Ignored(f"bad {wrong}", kind)


# --- to the service ---------------------------------------------------------------------------


@dataclass(frozen=True)
class ImageData:
    """A reference image on the wire: its bytes in base64, or the id of an uploaded file."""

    data: str | None = None
    ref: str | None = None

    def __repr__(self) -> str:
        return f"ImageData(ref={self.ref!r})" if self.ref else "ImageData(…)"


@dataclass(frozen=True)
class Prompt:
    """Change the prompt, keep the image."""

    prompt: str
    enhance_prompt: bool

    def as_json(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {
            "type": "prompt",
            "prompt": self.prompt,
            "enhance_prompt": self.enhance_prompt,
        }


@dataclass(frozen=True)
class SetImage:
    """Change image and prompt together; both None is passthrough."""

    image: ImageData | None
    prompt: str | None
    enhance_prompt: bool

    def as_json(self) -> dict[str, Any]:
        """The fields on the wire."""
        fields: dict[str, Any] = {"type": "set_image"}
        if self.image is not None and self.image.ref is not None:
            fields["image_ref"] = self.image.ref
        else:
            fields["image_data"] = None if self.image is None else self.image.data
        fields["prompt"] = self.prompt
        if self.prompt is not None:
            fields["enhance_prompt"] = self.enhance_prompt
        return fields


@dataclass(frozen=True)
class LivekitJoin:
    """Asks for a room; the initial state follows right behind.

    Args:
        passthrough: Whether there is no initial state.
    """

    passthrough: bool

    def as_json(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {
            "type": "livekit_join",
            "passthrough": self.passthrough,
            "client_capabilities": {"frame_timing": True},
        }


@dataclass(frozen=True)
class Offer:
    """Our session description."""

    sdp: str = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {"type": "offer", "sdp": self.sdp}


@dataclass(frozen=True)
class LocalCandidate:
    """A candidate of ours, or the end of them (None)."""

    candidate: Candidate | None

    def as_json(self) -> dict[str, Any]:
        """The fields on the wire."""
        return {
            "type": "ice-candidate",
            "candidate": None if self.candidate is None else self.candidate.as_json(),
        }


ClientMessage = Prompt | SetImage | LivekitJoin | Offer | LocalCandidate


def encode(message: ClientMessage) -> str:
    """The frame to send."""
    return sendable(json.dumps(message.as_json(), ensure_ascii=False, separators=(",", ":")))
