"""What can be made to go wrong, so that tests and the curious see how it is survived."""

from __future__ import annotations

from dataclasses import dataclass, fields

#: What a room can tell its participants; LiveKit's words.
LEAVE_ACTIONS = ("disconnect", "reconnect", "resume")


@dataclass(frozen=True)
class Faults:
    """Things that a sandbox does wrong. All are off unless set; times are in seconds.

    Assign a new one to `Sandbox.faults` (or ``SandboxServer.faults``) at any time: open sessions
    follow it at once.

    Attributes:
        queue_s: A new session waits in the queue this long, and is told its place.
        capacity: Sessions open at once; one more is closed with code 1013.
        refuse_key: Every key is refused, also for minting tokens.
        ack_delay_s: Prompts and images are acknowledged this much later.
        no_ack: Prompts and images are never acknowledged.
        refuse_prompts: Prompts are refused with this text.
        refuse_images: Images are refused with this text.
        no_answer: Offers are never answered, in rooms neither.
        drop_control_after_s: The socket breaks off, without a close frame, so long after the
            session began.
        dead_peer_after_s: The media side vanishes without a word so long after the first frame went
            out; socket and ticks go on.
        freeze_after_s: No frame goes out any more so long after the first one; everything else goes
            on.
        join_delay_s: A room answers those who join it this much later.
        drop_signal_after_s: The room's signal sockets break off so long after the first frame went
            out; media and control socket go on.
        refuse_resume: A broken signal socket can't be replaced: the client has to join anew.
        leave_after_s: The room tells everybody to go so long after the first frame went out.
        leave_action: What it tells them: ``disconnect``, ``reconnect`` or ``resume``.
        room_token_s: Room tokens are good for this long; None: ten minutes.
        error_after_s: ``error_text`` is sent as an error message so long after the session began.
        error_text: See ``error_after_s``.
        junk: Malformed, unknown, mistyped and binary messages between the real ones.
        junk_bytes: One message of this size, of an unknown type, right after the session began.
        sessions: Only so many sessions, counted from when these faults were set, are faulty; None:
            all. With 1, the reconnection that follows a fault goes well.
    """

    queue_s: float = 0.0
    capacity: int | None = None
    refuse_key: bool = False
    ack_delay_s: float = 0.0
    no_ack: bool = False
    refuse_prompts: str | None = None
    refuse_images: str | None = None
    no_answer: bool = False
    drop_control_after_s: float | None = None
    dead_peer_after_s: float | None = None
    freeze_after_s: float | None = None
    join_delay_s: float = 0.0
    drop_signal_after_s: float | None = None
    refuse_resume: bool = False
    leave_after_s: float | None = None
    leave_action: str = "disconnect"
    room_token_s: float | None = None
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


#: Nothing goes wrong.
NONE = Faults()
