"""The control channel's messages in both directions, as dataclasses.

``codec`` reads them from JSON text frames and writes them. Source of names and fields: the
service's public clients.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from decart_widget.diagnostics.redaction import redact, remember

MAX_CANDIDATE: Final = 4096
"""Characters kept of a candidate's text."""

MAX_SDP_MID: Final = 256
"""Characters kept of a candidate's ``sdpMid``."""


def sendable(text: str) -> str:
    """Returns the text with ``?`` in place of what UTF-8 can't encode (unpaired surrogates).

    JSON can spell an unpaired surrogate; passed on unchanged, it would raise in whatever encodes
    the text next.
    """
    return text.encode("utf-8", "replace").decode("utf-8")


@dataclass(frozen=True)
class Candidate:
    """One ICE candidate, with the members of the W3C's ``RTCIceCandidateInit``."""

    candidate: str = field(repr=False)
    sdp_mid: str | None = field(default=None, repr=False)
    sdp_m_line_index: int | None = None

    def as_json(self) -> dict[str, Any]:
        """Returns the ``RTCIceCandidateInit``."""
        return {
            "candidate": self.candidate,
            "sdpMid": self.sdp_mid,
            "sdpMLineIndex": self.sdp_m_line_index,
        }


def parse_candidate(value: object) -> Candidate | None:
    """Reads an ``RTCIceCandidateInit``.

    Args:
        value: The decoded JSON value.

    Returns:
        The candidate; None for null and for an empty candidate, which both mean end of candidates.

    Raises:
        ValueError: It is neither a candidate nor null.
    """
    if value is None:
        return None
    if not isinstance(value, Mapping) or not isinstance(value.get("candidate"), str):
        raise ValueError("not a candidate")
    if not value["candidate"]:
        return None
    mid, index = value.get("sdpMid"), value.get("sdpMLineIndex")
    return Candidate(
        sendable(value["candidate"][:MAX_CANDIDATE]),
        sendable(mid[:MAX_SDP_MID]) if isinstance(mid, str) else None,
        index if type(index) is int and 0 <= index < 2**16 else None,
    )


# --- from the service -------------------------------------------------------------------------


@dataclass(frozen=True)
class SessionId:
    """The service's identifier of the session."""

    session_id: str


@dataclass(frozen=True)
class Status:
    """A text about the service: entering the queue, ready, or something else."""

    status: str


@dataclass(frozen=True)
class QueuePosition:
    """Our place in the queue, counted from 1, and the queue's length."""

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
    """Transformed frames begin, and billing with them."""


@dataclass(frozen=True)
class GenerationTick:
    """Billed seconds so far."""

    seconds: float


@dataclass(frozen=True)
class GenerationEnded:
    """The generation is over; ``seconds`` is what was billed for it."""

    seconds: float | None
    reason: str | None


@dataclass(frozen=True)
class ServerError:
    """The service reports an error; every open request has failed with it."""

    text: str


@dataclass(frozen=True)
class Answer:
    """The service's session description."""

    sdp: str = field(repr=False)


@dataclass(frozen=True)
class RemoteCandidate:
    """A candidate of the service's; None means end of candidates."""

    candidate: Candidate | None


@dataclass(frozen=True)
class RoomInfo:
    """The LiveKit room that carries the media, and a token to join it with."""

    url: str
    token: str
    room_name: str
    session_id: str | None = None

    def __post_init__(self) -> None:
        remember(self.token, "room")

    def __repr__(self) -> str:
        return f"RoomInfo(room_name={redact(self.room_name)!r})"


@dataclass(frozen=True)
class Ignored:
    """A frame that changes nothing.

    Args:
        reason: Why it is ignored.
        type: Its ``type``, when it has one.
    """

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
"""Any message from the service."""


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
    """Changes the prompt and keeps the image."""

    prompt: str
    enhance_prompt: bool

    def as_json(self) -> dict[str, Any]:
        """Returns the fields on the wire."""
        return {
            "type": "prompt",
            "prompt": self.prompt,
            "enhance_prompt": self.enhance_prompt,
        }


@dataclass(frozen=True)
class SetImage:
    """Changes image and prompt together; with both None the picture passes through."""

    image: ImageData | None
    prompt: str | None
    enhance_prompt: bool

    def as_json(self) -> dict[str, Any]:
        """Returns the fields on the wire."""
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
    """Requests a room; the initial state follows immediately.

    Args:
        passthrough: Whether there is no initial state.
        frame_timing: Whether the service is to append LiveKit's packet trailer to each encoded
            frame, with the metadata of the frame that it was made from. Something has to remove
            the trailers before decoding: Chromium decodes no VP9 frame that has one.
    """

    passthrough: bool
    frame_timing: bool = False

    def as_json(self) -> dict[str, Any]:
        """Returns the fields on the wire."""
        fields: dict[str, Any] = {"type": "livekit_join", "passthrough": self.passthrough}
        if self.frame_timing:
            fields["client_capabilities"] = {"frame_timing": True}
        return fields


@dataclass(frozen=True)
class Offer:
    """Our session description."""

    sdp: str = field(repr=False)

    def as_json(self) -> dict[str, Any]:
        """Returns the fields on the wire."""
        return {"type": "offer", "sdp": self.sdp}


@dataclass(frozen=True)
class LocalCandidate:
    """A candidate of ours; None means end of candidates."""

    candidate: Candidate | None

    def as_json(self) -> dict[str, Any]:
        """Returns the fields on the wire."""
        return {
            "type": "ice-candidate",
            "candidate": None if self.candidate is None else self.candidate.as_json(),
        }


ClientMessage = Prompt | SetImage | LivekitJoin | Offer | LocalCandidate
"""Any message to the service."""
