"""The machine with a LiveKit room."""

from __future__ import annotations

import pytest

from decart_widget.protocol import messages as m
from decart_widget.protocol import notices
from decart_widget.protocol.machine import SessionMachine
from decart_widget.protocol.requests import PromptState
from decart_widget.protocol.states import ConnectionState as S
from decart_widget.protocol.states import Phase
from tests.pure.machines import CAT, endings, ok, opened

ROOM = m.RoomInfo("wss://rooms.example.org", "token", "room-1", "s-9")


def in_room(prompt_state: PromptState) -> SessionMachine:
    machine = SessionMachine()
    machine.connect(prompt_state, room=True)
    machine.socket_opened()
    return machine


def test_a_room_is_requested_and_the_initial_state_follows() -> None:
    machine = in_room(PromptState("first", True, CAT))
    assert machine.take_outgoing() == [m.LivekitJoin(False), m.SetImage(CAT, "first", True)]


def test_a_room_without_a_prompt_state_passes_the_picture_through_and_applies_its_request() -> None:
    machine = SessionMachine()
    request = machine.submit(PromptState(), with_image=False)
    machine.connect(PromptState("first"), room=True)
    machine.socket_opened()
    assert machine.take_outgoing() == [m.LivekitJoin(True)]
    assert endings(machine) == [("Applied", request.number)]
    assert machine.applied == PromptState()


def test_trailers_are_requested_in_every_attempt_of_a_session_that_removes_them() -> None:
    machine = SessionMachine()
    machine.connect(PromptState("first"), room=True, frame_timing=True)
    machine.socket_opened()
    join = m.LivekitJoin(False, frame_timing=True)
    assert machine.take_outgoing() == [join, m.Prompt("first", True)]
    machine.receive(ROOM)
    machine.media_established()
    machine.lost()
    machine.reconnect()
    machine.socket_opened()
    assert machine.take_outgoing() == [join, m.Prompt("first", True)]


@pytest.mark.parametrize("prompt_state", [PromptState(), PromptState("first", True, CAT)])
def test_after_a_refused_token_a_room_is_requested_again(prompt_state: PromptState) -> None:
    machine = in_room(prompt_state)
    requested = machine.take_outgoing()
    assert machine.socket_refused()
    machine.socket_opened()
    assert machine.take_outgoing() == requested
    machine.receive(ROOM)
    assert not machine.socket_refused()


def test_a_room_is_passed_on_once_and_a_tick_makes_it_generating() -> None:
    machine = in_room(PromptState("first"))
    machine.receive(ROOM)
    machine.receive(ROOM)
    assert machine.take_notices() == [notices.RoomReceived(ROOM)]
    assert machine.ignored == {"room not requested": 1}
    assert machine.session_id == "s-9"
    machine.receive(m.GenerationTick(1))
    assert machine.state is S.GENERATING


def test_a_room_and_an_answer_are_not_mistaken_for_each_other() -> None:
    machine = in_room(PromptState("first"))
    machine.receive(m.Answer("v=0"))
    assert machine.phase is Phase.OFFERED
    by_offer = opened()
    by_offer.receive(ok("first"))
    by_offer.offer_made("v=0")
    by_offer.receive(ROOM)
    assert by_offer.phase is Phase.OFFERED


def test_media_that_reconnects_by_itself_shows_reconnecting_until_it_is_back() -> None:
    machine = in_room(PromptState("first"))
    machine.media_interrupted()
    assert machine.state is S.CONNECTING
    machine.receive(ok("first"))
    machine.receive(ROOM)
    machine.media_established()
    machine.media_interrupted()
    assert machine.state is S.RECONNECTING  # type: ignore[comparison-overlap]
    machine.reconnect()
    assert machine.phase is Phase.ANSWERED
    machine.media_established()
    assert machine.state is S.CONNECTED


def test_a_room_that_breaks_before_its_first_ack_is_restored_with_the_requested_prompt_state() -> (
    None
):
    machine = SessionMachine()
    request = machine.submit(PromptState("wanted"), with_image=False)
    machine.connect(PromptState("first"), room=True)
    machine.socket_opened()
    machine.receive(ROOM)
    machine.media_established()
    machine.take_outgoing()
    machine.lost()
    machine.reconnect()
    machine.socket_opened()
    assert machine.take_outgoing() == [m.LivekitJoin(False), m.Prompt("wanted", True)]
    machine.receive(ok("wanted"))
    assert endings(machine) == [("Applied", request.number)]
