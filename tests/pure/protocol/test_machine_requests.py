"""Prompts and images in the machine: sent once, settled once, restored after a loss."""

from __future__ import annotations

import pytest

from decart_widget.errors import AckTimeoutError, AuthenticationError, RequestRejectedError
from decart_widget.protocol import messages as m
from decart_widget.protocol import notices
from decart_widget.protocol.machine import SessionMachine
from decart_widget.protocol.requests import PromptState
from decart_widget.protocol.states import ConnectionState as S
from decart_widget.protocol.states import Phase
from tests.pure.machines import CAT, DOG, endings, generating, ok


def test_one_request_is_in_flight_and_the_newest_follows_its_ack() -> None:
    machine = generating()
    a = machine.submit(PromptState("a"), with_image=False)
    b = machine.submit(PromptState("b"), with_image=False)
    c = machine.submit(PromptState("c"), with_image=False)
    assert machine.take_outgoing() == [m.Prompt("a", True)]
    assert machine.awaiting_ack == a.number
    machine.receive(ok("a"))
    assert machine.take_outgoing() == [m.Prompt("c", True)]
    machine.receive(ok("c"))
    assert endings(machine) == [
        ("Superseded", b.number),
        ("Applied", a.number),
        ("Applied", c.number),
    ]
    assert machine.applied == PromptState("c")
    assert machine.awaiting_ack is None


def test_a_refused_request_leaves_the_applied_prompt_state_unchanged() -> None:
    machine = generating()
    request = machine.submit(PromptState("bad"), with_image=False)
    machine.receive(m.PromptAck("bad", False, "flagged"))
    (notice,) = machine.take_notices()
    assert isinstance(notice, notices.Rejected)
    assert (notice.request, type(notice.error)) == (request, RequestRejectedError)
    assert machine.applied == PromptState("first")
    assert machine.state is S.GENERATING


def test_after_a_refused_image_a_prompt_does_not_count_it_as_applied() -> None:
    machine = generating(PromptState("first", True, CAT))
    machine.submit(PromptState("first", True, DOG), with_image=True)
    machine.receive(m.SetImageAck(False, "no"))
    machine.submit(PromptState("second", True, DOG), with_image=False)
    machine.receive(ok("second"))
    assert machine.applied == PromptState("second", True, CAT)


def test_an_ack_that_never_comes_rejects_its_request_and_the_next_one_is_sent() -> None:
    machine = generating()
    a = machine.submit(PromptState("a"), with_image=False)
    machine.submit(PromptState("b"), with_image=False)
    machine.take_outgoing()
    machine.ack_timed_out()
    (notice,) = machine.take_notices()
    assert isinstance(notice, notices.Rejected)
    assert (notice.request, type(notice.error)) == (a, AckTimeoutError)
    assert machine.take_outgoing() == [m.Prompt("b", True)]


def test_an_error_of_the_service_fails_the_open_request() -> None:
    machine = generating()
    request = machine.submit(PromptState("a"), with_image=False)
    machine.receive(m.ServerError("Invalid API key"))
    rejected, complaint = machine.take_notices()
    assert isinstance(rejected, notices.Rejected)
    assert rejected.request == request
    assert isinstance(complaint, notices.Complaint)
    assert isinstance(complaint.error, AuthenticationError)


def test_a_prompt_submitted_before_the_socket_opens_becomes_the_initial_state() -> None:
    machine = SessionMachine()
    early = machine.submit(PromptState("early"), with_image=False)
    machine.connect(PromptState("first"))
    request = machine.submit(PromptState("a", True, CAT), with_image=True)
    machine.socket_opened()
    assert machine.take_outgoing() == [m.SetImage(CAT, "a", True)]
    assert machine.awaiting_ack == request.number
    machine.receive(m.SetImageAck(True, None))
    assert endings(machine) == [("Superseded", early.number), ("Applied", request.number)]


def test_a_refused_initial_state_is_reported_once_and_later_acks_change_nothing() -> None:
    machine = SessionMachine()
    request = machine.submit(PromptState("bad"), with_image=False)
    machine.connect(PromptState("first"))
    machine.socket_opened()
    machine.offer_made("v=0")
    machine.take_outgoing()
    machine.receive(m.PromptAck("bad", False, "flagged"))
    machine.receive(m.PromptAck("bad", False, "flagged"))
    machine.receive(ok("bad"))
    assert machine.phase is Phase.INITIAL
    assert machine.awaiting_ack is None
    machine.fail()
    assert endings(machine) == [("Rejected", request.number)]
    assert machine.take_outgoing() == []


@pytest.mark.parametrize("end", ["disconnect", "fail", "cancel"])
def test_an_initial_state_that_was_never_answered_is_superseded_by_the_end(end: str) -> None:
    machine = SessionMachine()
    request = machine.submit(PromptState("a"), with_image=False)
    machine.connect(PromptState("first"))
    machine.socket_opened()
    getattr(machine, end)()
    assert endings(machine) == [("Superseded", request.number)]


def test_requests_still_open_are_superseded_by_the_end() -> None:
    machine = generating()
    a = machine.submit(PromptState("a"), with_image=False)
    b = machine.submit(PromptState("b"), with_image=False)
    machine.disconnect()
    assert endings(machine) == [("Superseded", a.number), ("Superseded", b.number)]
    assert machine.take_outgoing() == []


def test_a_reconnect_brings_back_the_last_applied_prompt_state_and_not_the_first() -> None:
    machine = generating()
    machine.submit(PromptState("second", False, CAT), with_image=True)
    machine.receive(m.SetImageAck(True, None))
    machine.submit(PromptState("bad", False, CAT), with_image=False)
    machine.receive(m.PromptAck("bad", False, None))
    machine.take_outgoing()
    machine.lost()
    assert machine.state is S.RECONNECTING
    machine.reconnect()
    machine.socket_opened()
    assert machine.take_outgoing() == [m.SetImage(CAT, "second", False)]


def test_a_request_in_flight_at_a_loss_is_sent_after_the_last_applied_prompt_state() -> None:
    machine = generating()
    request = machine.submit(PromptState("new"), with_image=False)
    machine.take_outgoing()
    machine.lost()
    machine.reconnect()
    machine.socket_opened()
    assert machine.take_outgoing() == [m.Prompt("first", True)]
    machine.receive(ok("first"))
    assert machine.take_outgoing() == [m.Prompt("new", True)]
    machine.receive(ok("new"))
    assert ("Applied", request.number) in endings(machine)


def test_an_image_in_flight_at_a_loss_is_sent_with_the_prompt_that_waited_behind_it() -> None:
    machine = generating()
    image = machine.submit(PromptState("first", True, CAT), with_image=True)
    machine.submit(PromptState("new", True, CAT), with_image=False)
    machine.lost()
    assert endings(machine) == [("Superseded", image.number)]
    machine.reconnect()
    machine.socket_opened()
    machine.receive(ok("first"))
    assert machine.take_outgoing() == [m.Prompt("first", True), m.SetImage(CAT, "new", True)]
