"""What a session's machine reports to its session, besides the messages to send."""

from __future__ import annotations

from dataclasses import dataclass, field

from decart_widget.errors import DecartError
from decart_widget.protocol.messages import Candidate, RoomInfo
from decart_widget.protocol.requests import Request


@dataclass(frozen=True)
class Applied:
    """The service acknowledged this request."""

    request: Request


@dataclass(frozen=True)
class Rejected:
    """The service refused this request or never answered it; the picture is unchanged.

    Args:
        request: What was requested.
        error: Why it was not applied.
        initial: Whether it was the initial state, without which there can be no session.
    """

    request: Request
    error: DecartError
    initial: bool = False


@dataclass(frozen=True)
class Superseded:
    """This request was never answered: a newer one replaced it, or the session ended."""

    request: Request


@dataclass(frozen=True)
class AnswerReceived:
    """Pass this session description to the media."""

    sdp: str = field(repr=False)


@dataclass(frozen=True)
class CandidateReceived:
    """Pass this candidate to the media; None means end of candidates."""

    candidate: Candidate | None


@dataclass(frozen=True)
class RoomReceived:
    """Pass this room to the media."""

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
    Applied
    | Rejected
    | Superseded
    | AnswerReceived
    | CandidateReceived
    | RoomReceived
    | Complaint
    | Ended
)
"""Any of the above."""
