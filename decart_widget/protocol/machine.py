"""The logic of one session: events go in; messages to send and notices of changes come out.

Theory of operation. A session consists of attempts: the first, and one for each reconnect. In an
attempt the control socket opens, the *initial state* (the prompt state that the first frame must
already show) is sent and acknowledged, and only then the offer is sent, as soon as the browser has
made it; answer and candidates follow, and media flows. Ticks and acks keep arriving on the same
socket.

The session calls one method for each event, then sends ``take_outgoing()`` in order and acts on
``take_notices()``. Methods may be called in any order and never raise: an event that makes no
sense in the present phase changes nothing.

Longer than 400 lines because it is one state machine: every method reads and writes the same
attributes, and the rules of one phase can only be checked beside those of the others.
"""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from typing import Final

from decart_widget.errors import AckTimeoutError
from decart_widget.protocol import messages as m
from decart_widget.protocol.notices import (
    AnswerReceived,
    Applied,
    CandidateReceived,
    Complaint,
    Ended,
    Notice,
    Rejected,
    RoomReceived,
    Superseded,
)
from decart_widget.protocol.requests import PASSTHROUGH, PromptState, Request, RequestQueue
from decart_widget.protocol.retry import ended_error, rejection, service_error
from decart_widget.protocol.states import (
    ACTIVE_STATES,
    ConnectionState,
    Event,
    Phase,
    ServiceStatus,
    transition,
)

MAX_HELD_CANDIDATES: Final = 64
"""Candidates of ours that are kept until the offer is sent; a browser makes about ten."""

MAX_CANDIDATES: Final = 256
"""Candidates in each direction in one attempt; further ones are not passed on."""

MAX_SECONDS: Final = 86_400.0
"""Seconds (one day); a tick above this is ignored as malformed."""


class SessionMachine:
    """The pure core of a session with the service.

    Attributes:
        state: The connection state.
        phase: How far the present attempt has come.
        service_status: What the service last said of itself.
        queue_position: Our place in the service's queue, from 1; None outside the queue.
        queue_size: The queue's length; None when it isn't known.
        session_id: The service's identifier of the present attempt's session.
        room_name: The name of the present attempt's room.
        generation_tick: Billed seconds of all attempts of this session together.
        applied: The last prompt state that the service acknowledged; a reconnect restores it.
        established: Whether the present attempt's media flows, or has flowed.
        ignored: How many messages were ignored, by reason.
        requests: The queue of prompts and images.
    """

    def __init__(self) -> None:
        self.state = ConnectionState.IDLE
        self.phase = Phase.CLOSED
        self.service_status = ServiceStatus.UNKNOWN
        self.queue_position: int | None = None
        self.queue_size: int | None = None
        self.session_id: str | None = None
        self.room_name: str | None = None
        self.generation_tick = 0.0
        self.applied: PromptState | None = None
        self.established = False
        self.ignored: dict[str, int] = {}
        self.requests = RequestQueue()
        self._number = 0
        self._billed_before_s = 0.0  # by earlier attempts of this session
        self._initial: Request | None = None  # the initial state, until it is answered
        self._is_initial_submitted = False  # whether it came from `submit()`
        # The initial state of an attempt for which nothing is applied: in a room, media may be
        # established and break before the first ack.
        self._first = PASSTHROUGH
        self._room = self._frame_timing = False
        self._interrupted = False  # the media transport is reconnecting by itself
        self._offer: str | None = None
        self._held: deque[m.Candidate | None] = deque(maxlen=MAX_HELD_CANDIDATES)
        self._candidates = [0, 0]  # ours and the service's, in this attempt
        self._outgoing: list[m.ClientMessage] = []
        self._notices: list[Notice] = []

    # --- output -------------------------------------------------------------------------------

    def take_outgoing(self) -> list[m.ClientMessage]:
        """Returns the messages to send now, in order; each is returned once."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def take_notices(self) -> list[Notice]:
        """Returns what happened since the last call, in order; each is returned once."""
        notices, self._notices = self._notices, []
        return notices

    @property
    def queued(self) -> bool:
        """Whether the session is in the service's queue, where no timeout runs."""
        return (
            Phase.OPENING <= self.phase < Phase.ANSWERED
            and self.service_status is not ServiceStatus.READY
            and (
                self.queue_position is not None
                or self.service_status is ServiceStatus.ENTERING_QUEUE
            )
        )

    @property
    def awaiting_ack(self) -> int | None:
        """The number of the request whose ack is awaited, or None."""
        if self.awaiting_initial and self._initial is not None:
            return self._initial.number
        in_flight = self.requests.in_flight
        return None if in_flight is None else in_flight.number

    @property
    def awaiting_initial(self) -> bool:
        """Whether the awaited ack is that of the initial state."""
        return self.phase >= Phase.INITIAL and self._initial is not None

    # --- calls of the user --------------------------------------------------------------------

    def connect(
        self, prompt_state: PromptState, *, room: bool = False, frame_timing: bool = False
    ) -> None:
        """Starts a session, unless one exists.

        Args:
            prompt_state: The initial state: what the first frame must already show.
            room: Whether media goes through a room rather than by offer and answer.
            frame_timing: Whether the room's frames are to carry packet trailers.
        """
        if self.state in ACTIVE_STATES:
            return
        self._room, self._frame_timing = room, frame_timing
        self._move(Event.CONNECT)
        self.applied, self._first = None, prompt_state
        self.generation_tick = self._billed_before_s = 0.0
        self._begin(prompt_state)

    def reconnect(self) -> None:
        """Starts a further attempt, with the last applied prompt state as its initial state.

        A request that was open when the connection broke is sent once that is acknowledged.
        """
        if self.state is ConnectionState.RECONNECTING and self.phase is Phase.CLOSED:
            self._begin(self.applied or self._first)

    def submit(self, prompt_state: PromptState, *, with_image: bool) -> Request:
        """Requests a prompt state; it is sent as soon as nothing else is in flight.

        Without a session, or before its socket is open, it becomes the initial state.

        Args:
            prompt_state: What to show.
            with_image: Whether image and prompt are sent together.

        Returns:
            The request; exactly one of ``Applied``, ``Rejected`` and ``Superseded`` will name it.
        """
        self._number += 1
        request = Request(self._number, prompt_state, with_image)
        overtaken = self.requests.put(request)
        if overtaken is not None:
            self._notices.append(Superseded(overtaken))
        self._pump()
        return request

    def disconnect(self) -> None:
        """Ends the session on purpose. Requests that are still open are superseded."""
        self._close(Event.DISCONNECT)

    def cancel(self) -> None:
        """Takes back a start that never reached the service."""
        self._close(Event.CANCEL)

    def fail(self) -> None:
        """Ends the session for good after an error."""
        self._close(Event.FAIL)

    # --- events of socket, media and clock ----------------------------------------------------

    def socket_opened(self) -> None:
        """The control socket is open: sends the initial state."""
        if self.phase is not Phase.OPENING or self._initial is None:
            return
        newest = self.requests.waiting
        if newest is not None and self.applied is None:
            # Submitted while the socket opened: it becomes the initial state. Not so in a
            # reconnect, where the state that is known to work is restored first.
            self.requests.waiting = None
            if self._is_initial_submitted:  # submitted before a socket that was refused
                self._notices.append(Superseded(self._initial))
            self._initial, self._first = newest.full_state(), newest.prompt_state
            self._is_initial_submitted = True
        if not self._room:
            self.phase = Phase.INITIAL
            self._outgoing.append(self._initial.message())
            return
        # With a room, media need not wait for the ack: the service itself sends no picture before
        # it has the initial state.
        self.phase = Phase.OFFERED
        prompt_state = self._initial.prompt_state
        self._outgoing.append(m.LivekitJoin(prompt_state.passthrough, self._frame_timing))
        if prompt_state.passthrough:
            self._notices.append(Applied(self._initial))
            self.applied, self._initial = prompt_state, None
            self._pump()
        else:
            self._outgoing.append(self._initial.message())

    def socket_refused(self) -> bool:
        """The service refused the control socket's token; another socket may be opened.

        Returns:
            Whether the attempt is back where its socket is opened; False when the service has
            answered already, which it does only with a valid token.
        """
        if self.phase is Phase.OPENING:
            return True
        asked = self.phase is Phase.INITIAL or (self._room and self.phase is Phase.OFFERED)
        applied = self.applied
        if asked and self._initial is None and applied is not None and applied.passthrough:
            # No initial state was sent into a room, so there was no ack to wait for.
            self._number += 1
            self._initial = Request(self._number, applied, with_image=False)
            self._is_initial_submitted = False
        if not asked or self._initial is None:
            return False
        overtaken = self.requests.put_back()
        if overtaken is not None:
            self._notices.append(Superseded(overtaken))
        self.phase = Phase.OPENING
        self.service_status = ServiceStatus.UNKNOWN
        self.queue_position = self.queue_size = None
        self._outgoing.clear()
        return True

    def offer_made(self, sdp: str) -> None:
        """The media has made its offer; it is held until the initial state is acknowledged."""
        if not Phase.OPENING <= self.phase <= Phase.READY:
            return
        self._offer = sdp
        self._send_offer()

    def local_candidate(self, candidate: m.Candidate | None) -> None:
        """The media has found a candidate; it is held until the offer is sent."""
        if self.phase >= Phase.OFFERED:
            if self._too_many(0):
                self._ignore("too many candidates of ours")
            else:
                self._outgoing.append(m.LocalCandidate(candidate))
        elif self.phase is not Phase.CLOSED:
            self._held.append(candidate)

    def media_established(self) -> None:
        """Media flows both ways."""
        self._interrupted = False
        if self.phase is Phase.ANSWERED:
            self._establish(Event.ESTABLISHED)

    def media_interrupted(self) -> None:
        """The media transport is reconnecting by itself.

        The attempt is not lost, but from now on a tick alone doesn't mean that pictures flow.
        """
        if self.established:
            self._interrupted = True
            self._move(Event.LOST)

    def lost(self) -> None:
        """The attempt broke and is to be repeated; open requests wait for the next attempt.

        A first attempt that breaks is not repeated: end it with ``fail``.
        """
        if self.state not in ACTIVE_STATES or self.state is ConnectionState.CONNECTING:
            return
        self._move(Event.LOST)
        if self._initial is not None and self.applied is None:
            # In a room, media was established before the initial state was acknowledged.
            self.requests.in_flight = self._initial
        overtaken = self.requests.put_back()
        if overtaken is not None:
            self._notices.append(Superseded(overtaken))
        self._reset_attempt()

    def ack_timed_out(self) -> None:
        """The ack of the request in flight did not arrive in time."""
        request = self.requests.drop_in_flight()
        if request is not None:
            error = AckTimeoutError("The service did not answer the prompt or image in time.")
            self._notices.append(Rejected(request, error))
            self._pump()

    def receive(self, message: m.ServerMessage) -> None:
        """The service has sent a message."""
        match message:
            case m.Ignored():
                self._ignore(message.reason)
            case _ if self.phase < Phase.INITIAL:
                self._ignore("no attempt")
            case m.SessionId():
                self.session_id = message.session_id
            case m.Status():
                self._status(message.status.lower())
            case m.QueuePosition():
                if self.established:
                    self._ignore("queue position of an established session")
                else:
                    self.queue_position, self.queue_size = message.position, message.size
            case m.PromptAck() | m.SetImageAck():
                self._acknowledged(message)
            case m.GenerationStarted():
                self._generating()
            case m.GenerationTick():
                self._billed(message.seconds)
                self._generating()
            case m.GenerationEnded():
                if message.seconds is not None:
                    self._billed(message.seconds)
                self._move(Event.GENERATION_ENDED)
                self._notices.append(Ended(message.reason))
                if (error := ended_error(message.reason)) is not None:
                    self._notices.append(Complaint(error))
            case m.ServerError():
                self._complained(message.text)
            case m.Answer():
                if self.phase is Phase.OFFERED and not self._room:
                    self.phase = Phase.ANSWERED
                    self._notices.append(AnswerReceived(message.sdp))
                else:
                    self._ignore("answer without an offer")
            case m.RoomInfo():
                self._room_received(message)
            case m.RemoteCandidate() if self._too_many(1):
                self._ignore("too many candidates")
            case m.RemoteCandidate():
                self._notices.append(CandidateReceived(message.candidate))

    def count_at_least(self, seconds: float) -> None:
        """Raises the billed seconds of the session to what was generated by our own clock."""
        self.generation_tick = max(self.generation_tick, seconds)

    # --- inside -------------------------------------------------------------------------------

    def _move(self, event: Event) -> None:
        self.state = transition(self.state, event)

    def _billed(self, seconds: float) -> None:
        # A malformed tick must neither reduce an attempt's bill nor make it look endless.
        if seconds <= MAX_SECONDS:
            self.generation_tick = max(self.generation_tick, self._billed_before_s + seconds)

    def _too_many(self, side: int) -> bool:
        self._candidates[side] += 1
        return self._candidates[side] > MAX_CANDIDATES

    def _ignore(self, reason: str) -> None:
        self.ignored[reason] = self.ignored.get(reason, 0) + 1

    def _begin(self, prompt_state: PromptState) -> None:
        self._reset_attempt()
        self._number += 1
        self._initial = Request(self._number, prompt_state, with_image=False).full_state()
        self.phase = Phase.OPENING

    def _reset_attempt(self) -> None:
        self.phase = Phase.CLOSED
        self._initial = None
        self._is_initial_submitted = False
        self.established = self._interrupted = False
        self._billed_before_s = self.generation_tick
        self.service_status = ServiceStatus.UNKNOWN
        self.queue_position = self.queue_size = None
        self.session_id = self.room_name = None
        self._offer = None
        self._held.clear()
        self._candidates = [0, 0]
        self._outgoing.clear()

    def _close(self, event: Event) -> None:
        before = self.state
        self._move(event)
        if self.state is before and before in ACTIVE_STATES:
            return
        open_requests = [] if self._initial is None else [self._initial]
        open_requests += self.requests.clear()
        self._notices.extend(Superseded(request) for request in open_requests)
        self._reset_attempt()

    def _status(self, text: str) -> None:
        if "entering queue" in text:
            self.service_status = ServiceStatus.ENTERING_QUEUE
        elif "ready" in text:
            self.service_status = ServiceStatus.READY
            self.queue_position = self.queue_size = None
        else:
            self.service_status = ServiceStatus.UNKNOWN

    def _generating(self) -> None:
        # A tick can arrive before the browser reports its media as established, but not before
        # the answer.
        if self._interrupted:
            return
        if self.phase is Phase.ANSWERED:
            self._establish(Event.GENERATION_STARTED)
        else:
            self._ignore("generation before the answer")

    def _establish(self, event: Event) -> None:
        self.established = True
        self.queue_position = self.queue_size = None
        self._move(event)

    def _room_received(self, room: m.RoomInfo) -> None:
        if self.phase is not Phase.OFFERED or not self._room:
            self._ignore("room not requested")
            return
        self.phase = Phase.ANSWERED
        self.session_id = room.session_id or self.session_id
        self.room_name = room.room_name
        self._notices.append(RoomReceived(room))

    def _acknowledged(self, ack: m.PromptAck | m.SetImageAck) -> None:
        what = "image" if isinstance(ack, m.SetImageAck) else "prompt"
        if self._initial is not None:
            if not self._initial.answered_by(ack):
                self._ignore("unmatched ack")
            elif ack.success:
                if self.phase is Phase.INITIAL:
                    self.phase = Phase.READY
                self.applied = self._initial.prompt_state
                self._notices.append(Applied(self._initial))
                self._initial = None
                self._send_offer()
                self._pump()
            else:
                error = rejection(what, ack.error)
                self._notices.append(Rejected(self._initial, error, initial=True))
                self._initial = None
            return
        request = self.requests.match(ack)
        if request is None:
            self._ignore("unmatched ack")
            return
        if ack.success:
            # A prompt that is sent alone leaves the service's image unchanged; that is not the
            # requested one if the service refused an image in the meantime.
            kept = None if self.applied is None else self.applied.image
            prompt_only = isinstance(ack, m.PromptAck)
            self.applied = (
                replace(request.prompt_state, image=kept) if prompt_only else request.prompt_state
            )
            self._notices.append(Applied(request))
        else:
            self._notices.append(Rejected(request, rejection(what, ack.error)))
        self._pump()

    def _complained(self, text: str) -> None:
        error = service_error(text)
        in_flight = self.requests.drop_in_flight()
        if in_flight is not None:
            self._notices.append(Rejected(in_flight, error))
        self._notices.append(Complaint(error))
        self._pump()

    def _send_offer(self) -> None:
        if self.phase is not Phase.READY or self._offer is None:
            return
        self.phase = Phase.OFFERED
        self._outgoing.append(m.Offer(self._offer))
        self._outgoing.extend(m.LocalCandidate(candidate) for candidate in self._held)
        self._held.clear()

    def _pump(self) -> None:
        """Sends the waiting request, if nothing is in flight and the attempt permits it."""
        if self.phase < Phase.READY or self._initial is not None:
            return
        request = self.requests.next()
        if request is not None:
            self._outgoing.append(request.message())
