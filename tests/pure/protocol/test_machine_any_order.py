"""Calls, reports and messages in any order: the machine's invariants hold."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from hypothesis import event, given, settings
from hypothesis import strategies as st

from decart_widget.protocol import messages as m
from decart_widget.protocol import notices
from decart_widget.protocol.codec import decode
from decart_widget.protocol.machine import SessionMachine
from decart_widget.protocol.requests import PromptState
from decart_widget.protocol.states import (
    ACTIVE_STATES,
    TRANSITIONS,
    ConnectionState,
    Event,
    Phase,
    ServiceStatus,
)

# The events of the transition table that each act may cause.
EVENTS = {
    "connect": {Event.CONNECT},
    "disconnect": {Event.DISCONNECT},
    "cancel": {Event.CANCEL},
    "fail": {Event.FAIL},
    "lost": {Event.LOST},
    "media_established": {Event.ESTABLISHED},
    "media_interrupted": {Event.LOST},
    "receive": {Event.GENERATION_STARTED, Event.GENERATION_ENDED},
}
LEAVING = ("lost", "media_interrupted", "disconnect", "fail")
ENDINGS = (notices.Applied, notices.Rejected, notices.Superseded)


class Checker:
    """Performs acts on a machine and checks its invariants after each."""

    def __init__(self) -> None:
        self.machine = SessionMachine()
        self.submitted: set[int] = set()
        self.ended: Counter[int] = Counter()
        self.in_flight: int | None = None
        self.initial: m.ClientMessage | None = None
        self.acknowledged = False
        self.answered = self.room = self.joined = False

    def act(self, name: str, *arguments: Any) -> None:
        machine = self.machine
        state, tick, phase = machine.state, machine.generation_tick, machine.phase
        if name == "receive":
            self._note_ack(*arguments)
        if name == "connect":
            prompt_state, room = arguments
            self.room = self.room if state in ACTIVE_STATES else room
            machine.connect(prompt_state, room=room)
        elif name == "submit":
            prompt_state, with_image = arguments
            self.submitted.add(machine.submit(prompt_state, with_image=with_image).number)
        else:
            getattr(machine, name)(*arguments)
        if machine.phase is Phase.OPENING and phase is not Phase.OPENING:
            self.initial = None  # a new attempt
            self.answered = self.acknowledged = self.joined = False
            self.in_flight = None
        self._check_state(name, state, arguments)
        if not (name == "connect" and state not in ACTIVE_STATES):
            assert machine.generation_tick >= tick
        for notice in machine.take_notices():
            self._check_notice(name, notice)
        if machine.phase is Phase.CLOSED:
            self.in_flight = None
        for message in machine.take_outgoing():
            self._check_outgoing(name, message)
        if name in ("disconnect", "fail") and machine.state not in ACTIVE_STATES:
            assert all(self.ended[number] == 1 for number in self.submitted)

    def _note_ack(self, message: m.ServerMessage) -> None:
        """Recognizes the ack of the initial state by a rule independent of the machine's."""
        initial = self.initial
        if isinstance(message, m.SetImageAck):
            matched = isinstance(initial, m.SetImage)
        elif isinstance(message, m.PromptAck):
            matched = isinstance(initial, m.Prompt) and message.prompt == initial.prompt
        else:
            return
        if matched:
            self.answered, self.acknowledged = True, self.acknowledged or message.success

    def _check_state(self, name: str, before: ConnectionState, arguments: tuple[Any, ...]) -> None:
        machine = self.machine
        if machine.state is not before:
            reachable = {TRANSITIONS.get((before, e)) for e in EVENTS.get(name, ())}
            assert machine.state in reachable
        ended = name == "receive" and isinstance(arguments[0], m.GenerationEnded)
        if before is ConnectionState.GENERATING and name not in LEAVING:
            assert machine.state is before or ended
        if machine.state not in ACTIVE_STATES:
            assert machine.phase is Phase.CLOSED
        if machine.state is ConnectionState.CONNECTING:
            assert machine.phase is not Phase.CLOSED
        if machine.phase is Phase.CLOSED:
            assert machine.session_id is None
            assert machine.service_status is ServiceStatus.UNKNOWN
            assert machine.awaiting_ack is None
        if machine.established:
            assert machine.phase is Phase.ANSWERED
        if machine.established or machine.phase is Phase.CLOSED:
            assert (machine.queue_position, machine.queue_size) == (None, None)
            assert not machine.queued
        if machine.state in (ConnectionState.CONNECTED, ConnectionState.GENERATING):
            assert machine.established
            assert self.room or machine.applied is not None
        assert 0 <= machine.generation_tick < float("inf")

    def _check_notice(self, name: str, notice: notices.Notice) -> None:
        if isinstance(notice, notices.AnswerReceived | notices.CandidateReceived):
            assert name == "receive"
        if not isinstance(notice, ENDINGS):
            return
        number = notice.request.number
        if not isinstance(notice, notices.Superseded):
            assert (
                name == "receive"
                or (name == "ack_timed_out" and number == self.in_flight)
                or (
                    name == "socket_opened"
                    and self.room
                    and notice.request.prompt_state.passthrough
                )
            )
        self.ended[number] += 1
        assert self.ended[number] == 1
        event(type(notice).__name__)
        if number == self.in_flight:
            self.in_flight = None

    def _check_outgoing(self, name: str, message: m.ClientMessage) -> None:
        if isinstance(message, m.LivekitJoin):
            assert self.room
            assert name == "socket_opened"
            assert not self.joined
            self.joined, self.acknowledged = True, message.passthrough
        elif isinstance(message, m.Prompt | m.SetImage):
            if name == "socket_opened" and not self.acknowledged:
                assert self.joined is self.room
                assert self.initial is None
                self.initial = message
            else:
                # In a room a session can be established although its initial state was refused.
                assert self.acknowledged or (self.room and self.answered)
            assert self.in_flight is None
            self.in_flight = self.machine.awaiting_ack
            assert self.in_flight is not None
        elif isinstance(message, m.Offer):
            assert not self.room
            assert self.initial is not None
            assert self.acknowledged
        else:
            assert self.acknowledged or self.room

    # --- acts that bring a session forward in any phase ---------------------------------------

    def next(self, prompt_state: PromptState) -> None:
        """Performs the act that brings the session one phase further."""
        machine = self.machine
        if machine.state is ConnectionState.RECONNECTING and machine.phase is Phase.CLOSED:
            self.act("reconnect")
        elif machine.phase is Phase.CLOSED:
            self.act("connect", prompt_state, self.room)
        elif machine.phase is Phase.OPENING:
            self.act("socket_opened")
        elif machine.phase is Phase.INITIAL:
            self.answer(True)
        elif machine.phase is Phase.READY:
            self.act("offer_made", "v=0")
        elif machine.phase is Phase.OFFERED:
            self.act("receive", ROOM if self.room else m.Answer("v=0"))
        elif machine.state is not ConnectionState.GENERATING:
            self.act("receive", m.GenerationTick(1))
        else:
            self.act("submit", prompt_state, prompt_state.image is not None)

    def answer(self, success: bool) -> None:
        """The service answers the request in flight."""
        request = self.machine.requests.in_flight
        message = self.initial if request is None else request.message()
        if isinstance(message, m.SetImage):
            self.act("receive", m.SetImageAck(success, None))
        elif isinstance(message, m.Prompt):
            self.act("receive", m.PromptAck(message.prompt, success, None))


ROOM = m.RoomInfo("wss://room", "token", "room-1")
prompts = st.sampled_from(["a", "b"])
images = st.sampled_from([None, m.ImageData(data="QUJD"), m.ImageData(ref="file_1")])
prompt_states = st.builds(PromptState, st.none() | prompts, st.booleans(), images)
candidates = st.none() | st.builds(m.Candidate, st.just("candidate:1"))
calls = st.one_of(
    st.tuples(st.just("connect"), prompt_states, st.booleans()),
    st.tuples(st.just("submit"), prompt_states, st.booleans()),
    st.tuples(st.just("offer_made"), st.just("v=0")),
    st.tuples(st.just("local_candidate"), candidates),
    st.sampled_from(
        [
            (name,)
            for name in (
                "reconnect",
                "disconnect",
                "cancel",
                "fail",
                "socket_opened",
                "socket_refused",
                "media_established",
                "media_interrupted",
                "lost",
                "ack_timed_out",
            )
        ]
    ),
)
odd = st.none() | st.booleans() | st.integers(-2, 10**9) | st.floats() | st.text(max_size=5)
well_formed = st.one_of(
    st.builds(m.SessionId, st.text(max_size=3)),
    st.builds(m.Status, st.sampled_from(["entering queue", "ready", "warm"])),
    st.builds(m.QueuePosition, st.integers(0, 9), st.none() | st.integers(0, 9)),
    st.builds(m.PromptAck, prompts, st.booleans(), st.none()),
    st.builds(m.SetImageAck, st.booleans(), st.none()),
    st.just(m.GenerationStarted()),
    st.builds(m.GenerationTick, st.floats(0, 1e6)),
    st.builds(m.GenerationEnded, st.none() | st.floats(0, 100), st.none()),
    st.builds(m.ServerError, st.sampled_from(["Invalid API key", "oops"])),
    st.just(m.Answer("v=0")),
    st.just(ROOM),
    st.builds(m.RemoteCandidate, candidates),
)
wire = st.builds(
    lambda fields: decode(json.dumps(fields)),
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(
                ["prompt_ack", "generation_tick", "queue_position", "error", "answer", "x"]
            )
        },
        optional=dict.fromkeys(
            ["prompt", "success", "seconds", "position", "queue_size", "error", "sdp"], odd
        ),
    ),
)
junk = st.builds(decode, st.text(max_size=20) | st.binary(max_size=5))
messages = st.tuples(st.just("receive"), well_formed | wire | junk)
floods = st.tuples(st.just("flood"), calls | messages)
good = st.tuples(st.just("next"), prompt_states) | st.tuples(st.just("answer"), st.booleans())
# Most acts bring the session forward; else few examples would reach *generating*.
scenario = st.lists(
    st.one_of(good, good, good, good, calls, messages, floods), min_size=8, max_size=60
)


def play(checker: Checker, steps: list[tuple[Any, ...]]) -> None:
    for name, *arguments in steps:
        if name in ("next", "answer"):
            getattr(checker, name)(*arguments)
        elif name == "flood":
            for _ in range(30):
                checker.act(*arguments[0])
        else:
            checker.act(name, *arguments)
        event(f"state {checker.machine.state.value}")


@settings(max_examples=200)
@given(scenario)
def test_no_order_of_events_breaks_the_machine(steps: list[tuple[Any, ...]]) -> None:
    checker = Checker()
    play(checker, steps)
    checker.act("disconnect")
    checker.act("fail")
    assert all(checker.ended[number] == 1 for number in checker.submitted)


@settings(max_examples=100)
@given(prompt_states, st.booleans(), scenario)
def test_no_order_of_events_breaks_a_session_that_generates(
    prompt_state: PromptState, room: bool, steps: list[tuple[Any, ...]]
) -> None:
    checker = Checker()
    checker.room = room
    while checker.machine.state is not ConnectionState.GENERATING:
        checker.next(prompt_state)
    play(checker, steps)
    checker.act("fail")
    checker.act("disconnect")
    assert all(checker.ended[number] == 1 for number in checker.submitted)


@given(scenario, prompt_states)
def test_after_any_order_of_events_a_new_session_can_generate(
    steps: list[tuple[Any, ...]], prompt_state: PromptState
) -> None:
    checker = Checker()
    play(checker, steps)
    checker.act("disconnect")
    for _ in range(7):
        checker.next(prompt_state)
        if checker.machine.state is ConnectionState.GENERATING:
            break
    assert checker.machine.state is ConnectionState.GENERATING
    checker.answer(True)
    assert checker.machine.applied == prompt_state
