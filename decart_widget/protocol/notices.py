"""What a session's machine tells the shell around it, besides what is to be sent."""

from __future__ import annotations

from dataclasses import dataclass, field

from decart_widget.errors import DecartError
from decart_widget.protocol.messages import Candidate, RoomInfo
from decart_widget.protocol.requests import Request


@dataclass(frozen=True)
class InitialApplied:
    """The initial state is acknowledged."""


@dataclass(frozen=True)
class Applied:
    """The service acknowledged this request."""

    request: Request


@dataclass(frozen=True)
class Rejected:
    """The service refused this request, or never answered it; the look is what it was.

    Args:
        request: What was asked for.
        error: Why not.
        initial: Whether it was the initial state, without which there can be no session.
    """

    request: Request
    error: DecartError
    initial: bool = False


@dataclass(frozen=True)
class Superseded:
    """A newer request took the place of this one before it was sent."""

    request: Request


@dataclass(frozen=True)
class AnswerReceived:
    """Hand this session description to the media."""

    sdp: str = field(repr=False)


@dataclass(frozen=True)
class CandidateReceived:
    """Hand this candidate to the media; None ends them."""

    candidate: Candidate | None


@dataclass(frozen=True)
class RoomReceived:
    """Hand this room to the media."""

    room: RoomInfo


@dataclass(frozen=True)
class Complaint:
    """The service reported an error that concerns the session as a whole."""

    error: DecartError


@dataclass(frozen=True)
class Ended:
    """The generation ended."""

    reason: str | None


Notice = (
    InitialApplied
    | Applied
    | Rejected
    | Superseded
    | AnswerReceived
    | CandidateReceived
    | RoomReceived
    | Complaint
    | Ended
)
