from __future__ import annotations

import itertools

import pytest

from decart_widget.protocol.states import (
    ACTIVE_STATES,
    TRANSITIONS,
    ConnectionState,
    Event,
    ServiceStatus,
    transition,
)

S, E = ConnectionState, Event
EVERYTHING = list(itertools.product(ConnectionState, Event))


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


@pytest.mark.parametrize(("state", "event"), EVERYTHING)
def test_a_pair_that_the_table_does_not_list_changes_nothing(
    state: ConnectionState, event: Event
) -> None:
    assert transition(state, event) is TRANSITIONS.get((state, event), state)


def test_no_transition_leads_nowhere() -> None:
    assert all(before is not after for (before, _), after in TRANSITIONS.items())


def test_every_state_can_be_reached_from_idle() -> None:
    reached = {S.IDLE}
    while (
        new := {after for (before, _), after in TRANSITIONS.items() if before in reached} - reached
    ):
        reached |= new
    assert reached == set(ConnectionState)


def test_only_the_end_of_the_generation_a_loss_a_disconnect_or_an_error_leaves_generating() -> None:
    leaving = {event for event in Event if transition(S.GENERATING, event) is not S.GENERATING}
    assert leaving == {E.GENERATION_ENDED, E.LOST, E.DISCONNECT, E.FAIL}


@pytest.mark.parametrize("state", sorted(ACTIVE_STATES))
def test_every_live_session_can_be_ended_by_its_user_and_by_an_error(
    state: ConnectionState,
) -> None:
    assert transition(state, E.DISCONNECT) is S.DISCONNECTED
    assert transition(state, E.FAIL) is S.ERROR


@pytest.mark.parametrize("state", sorted(set(ConnectionState) - ACTIVE_STATES))
def test_a_session_begins_wherever_none_is_live_and_nowhere_else(state: ConnectionState) -> None:
    assert transition(state, E.CONNECT) is S.CONNECTING
    assert {before for (before, event) in TRANSITIONS if event is E.CONNECT} == set(
        S
    ) - ACTIVE_STATES


def test_what_never_stood_is_not_lost() -> None:
    assert transition(S.CONNECTING, E.LOST) is S.CONNECTING
