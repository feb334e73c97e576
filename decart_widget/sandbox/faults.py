"""Faults that the sandbox can simulate, to test how clients handle them."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final

LEAVE_ACTIONS: Final = ("disconnect", "reconnect", "resume")
"""Actions of LiveKit's LeaveRequest: what a room can tell its participants to do."""


@dataclass(frozen=True)
class Faults:
    """Faults of a sandbox. All are off unless set; times are in seconds.

    Assign a new one to `Sandbox.faults` (or ``SandboxServer.faults``) at any time: open sessions
    follow at once.

    Attributes:
        queue_s: A new session waits this long in the queue, and its client is sent its place.
        capacity: Sessions at once; one more is closed with code 1013.
        quota: Sessions at once of the organisation; one more is refused with an error, and
            ``GET /v1/realtime/quota`` answers this limit.
        credits_s: The account's credits are used up after so many billed seconds of a session,
            which then ends with an error; with 0 every session is refused.
        refuse_key: Every key is refused, over HTTP too.
        client_token_s: Client tokens are valid for this long, whatever was requested.
        new_model: A model's name that ``POST /v1/models/resolve`` knows besides the listed ones.
        ack_delay_s: Prompts and images are acknowledged this much later.
        no_ack: Prompts and images are never acknowledged.
        refuse_prompts: Prompts are refused with this text.
        refuse_images: Images are refused with this text.
        moderated_word: Prompts with this word are refused by moderation.
        no_answer: Offers are never answered, in rooms neither.
        drop_control_after_s: The control channel's socket is closed, without a close frame, this
            long after the session began.
        dead_peer_after_s: All media traffic stops, without a message, this long after the first
            frame was sent; control channel and ticks continue.
        freeze_after_s: No frame is sent from this long after the first one; everything else
            continues.
        picture_delay_s: Each picture is sent this much later, in order, as a model's answers are;
            with offer and answer only, for sessions that begin then.
        start_s: No picture is sent, and nothing is billed, until this long after a session began,
            as a model needs time to start.
        inertia_s: A new look comes in over so many seconds: a cross-fade, from when its prompt or
            image was applied. The first one of a session is there at once. Effects only.
        join_delay_s: A room answers those who join it this much later.
        drop_signal_after_s: The room's signal sockets are closed this long after the first frame
            was sent; media and control channel continue.
        refuse_resume: A signal socket that was lost can't be replaced: clients have to join again.
        leave_after_s: The room sends everybody a LeaveRequest this long after the first frame was
            sent.
        leave_action: That request's action: ``disconnect``, ``reconnect`` or ``resume``.
        room_token_s: Room tokens are valid for this long; None: ten minutes.
        blank_pictures: A room's picture ends with black ones of 2x2 (H.264) or 8x8 pixels (VP8), as
            a LiveKit server closes a track.
        low_layer_s: A room's picture is a quarter as wide and as high for this long after its first
            frame, as a LiveKit server begins with the lowest simulcast layer.
        error_after_s: ``error_text`` is sent as an error message this long after the session began.
        error_text: See ``error_after_s``.
        junk: Malformed, unknown, mistyped and binary messages are sent between the real ones.
        junk_bytes: One message of this size and of an unknown type is sent when a session begins.
        sessions: Only this many sessions, counted from when these faults were set, are faulty;
            None: all. With 1, the reconnection that follows a fault succeeds.
    """

    queue_s: float = 0.0
    capacity: int | None = None
    quota: int | None = None
    credits_s: float | None = None
    refuse_key: bool = False
    client_token_s: float | None = None
    new_model: str | None = None
    ack_delay_s: float = 0.0
    no_ack: bool = False
    refuse_prompts: str | None = None
    refuse_images: str | None = None
    moderated_word: str | None = None
    no_answer: bool = False
    drop_control_after_s: float | None = None
    dead_peer_after_s: float | None = None
    freeze_after_s: float | None = None
    picture_delay_s: float = 0.0
    start_s: float = 0.0
    inertia_s: float = 0.0
    join_delay_s: float = 0.0
    drop_signal_after_s: float | None = None
    refuse_resume: bool = False
    leave_after_s: float | None = None
    leave_action: str = "disconnect"
    room_token_s: float | None = None
    blank_pictures: bool = False
    low_layer_s: float = 0.0
    error_after_s: float | None = None
    error_text: str = "internal server error"
    junk: bool = False
    junk_bytes: int = 0
    sessions: int | None = None

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(value, (int, float)) and value < 0:
                raise ValueError(f"{field.name} can't be negative: {value!r}")
        if self.leave_action not in LEAVE_ACTIONS:
            raise ValueError(f"leave_action must be one of {LEAVE_ACTIONS}")


NONE: Final = Faults()
"""No fault."""
