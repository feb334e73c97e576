"""The connection states, specified by event and by path, independently of the transition table."""

from __future__ import annotations

import itertools

import pytest

from decart_widget.protocol.states import (
    ACTIVE_STATES,
    ConnectionState,
    Event,
    ServiceStatus,
    transition,
)

S, E = ConnectionState, Event
ACTIVE = {S.CONNECTING, S.CONNECTED, S.GENERATING, S.RECONNECTING}
INACTIVE = {S.IDLE, S.DISCONNECTED, S.ERROR}
EVERY_PAIR = list(itertools.product(ConnectionState, Event))

# What each event means: where it has an effect, and to which state it leads.
EFFECTS = {
    E.CONNECT: (INACTIVE, S.CONNECTING),
    E.ESTABLISHED: ({S.CONNECTING, S.RECONNECTING}, S.CONNECTED),
    E.GENERATION_STARTED: (ACTIVE - {S.GENERATING}, S.GENERATING),
    E.GENERATION_ENDED: ({S.GENERATING}, S.CONNECTED),
    E.LOST: ({S.CONNECTED, S.GENERATING}, S.RECONNECTING),
    E.DISCONNECT: (ACTIVE, S.DISCONNECTED),
    E.CANCEL: ({S.CONNECTING}, S.IDLE),
    E.FAIL: (set(S) - {S.ERROR}, S.ERROR),
}

# Sequences of events and the states that ``connection_state`` shows after each of them.
PATHS = {
    "a session from start to stop, and the next one": [
        (E.CONNECT, S.CONNECTING),
        (E.ESTABLISHED, S.CONNECTED),
        (E.GENERATION_STARTED, S.GENERATING),
        (E.DISCONNECT, S.DISCONNECTED),
        (E.CONNECT, S.CONNECTING),
    ],
    "a tick that arrives before media is reported": [
        (E.CONNECT, S.CONNECTING),
        (E.GENERATION_STARTED, S.GENERATING),
        (E.ESTABLISHED, S.GENERATING),
    ],
    "a generation that ends and starts again": [
        (E.CONNECT, S.CONNECTING),
        (E.ESTABLISHED, S.CONNECTED),
        (E.GENERATION_STARTED, S.GENERATING),
        (E.GENERATION_ENDED, S.CONNECTED),
        (E.GENERATION_STARTED, S.GENERATING),
    ],
    "a loss that is repaired": [
        (E.CONNECT, S.CONNECTING),
        (E.ESTABLISHED, S.CONNECTED),
        (E.GENERATION_STARTED, S.GENERATING),
        (E.LOST, S.RECONNECTING),
        (E.ESTABLISHED, S.CONNECTED),
        (E.GENERATION_STARTED, S.GENERATING),
    ],
    "a loss that is not repaired": [
        (E.CONNECT, S.CONNECTING),
        (E.ESTABLISHED, S.CONNECTED),
        (E.LOST, S.RECONNECTING),
        (E.LOST, S.RECONNECTING),
        (E.FAIL, S.ERROR),
        (E.CONNECT, S.CONNECTING),
    ],
    "a stop while reconnecting": [
        (E.CONNECT, S.CONNECTING),
        (E.ESTABLISHED, S.CONNECTED),
        (E.LOST, S.RECONNECTING),
        (E.DISCONNECT, S.DISCONNECTED),
    ],
    "a start that fails is not repeated": [
        (E.CONNECT, S.CONNECTING),
        (E.LOST, S.CONNECTING),
        (E.FAIL, S.ERROR),
    ],
    "a start that is cancelled": [(E.CONNECT, S.CONNECTING), (E.CANCEL, S.IDLE)],
    "an error before any session": [(E.FAIL, S.ERROR), (E.DISCONNECT, S.ERROR)],
}


def test_there_are_the_seven_states_and_three_service_statuses() -> None:
    assert [state.value for state in ConnectionState] == [
        "idle",
        "connecting",
        "connected",
        "generating",
        "reconnecting",
        "disconnected",
        "error",
    ]
    assert [status.value for status in ServiceStatus] == ["unknown", "entering-queue", "ready"]
    assert ACTIVE_STATES == ACTIVE


@pytest.mark.parametrize("event", Event)
def test_an_event_has_its_effect_where_it_makes_sense_and_none_elsewhere(event: Event) -> None:
    acts_in, target = EFFECTS[event]
    for state in ConnectionState:
        assert transition(state, event) is (target if state in acts_in else state)


@pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
def test_a_session_shows_these_states(path: list[tuple[Event, ConnectionState]]) -> None:
    state = S.IDLE
    for event, expected in path:
        state = transition(state, event)
        assert state is expected


@pytest.mark.parametrize(("state", "event"), EVERY_PAIR)
def test_an_event_that_is_reported_twice_counts_once(state: ConnectionState, event: Event) -> None:
    once = transition(state, event)
    assert transition(once, event) is once


def test_every_state_can_be_reached_from_idle() -> None:
    reached = {S.IDLE}
    while new := {transition(s, e) for s, e in EVERY_PAIR if s in reached} - reached:
        reached |= new
    assert reached == set(ConnectionState)


def test_only_the_end_of_the_generation_a_loss_a_disconnect_or_an_error_leaves_generating() -> None:
    leaving = {event for event in Event if transition(S.GENERATING, event) is not S.GENERATING}
    assert leaving == {E.GENERATION_ENDED, E.LOST, E.DISCONNECT, E.FAIL}


@pytest.mark.parametrize("state", sorted(ACTIVE))
def test_every_active_session_can_be_ended_by_its_user_and_by_an_error(
    state: ConnectionState,
) -> None:
    assert transition(state, E.DISCONNECT) is S.DISCONNECTED
    assert transition(state, E.FAIL) is S.ERROR


@pytest.mark.parametrize("state", sorted(INACTIVE))
def test_only_a_connect_starts_a_session_where_none_is_active(state: ConnectionState) -> None:
    starting = {event for event in Event if transition(state, event) in ACTIVE}
    assert starting == {E.CONNECT}
