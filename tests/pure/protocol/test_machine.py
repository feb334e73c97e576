"""The machine with offer and answer (plain WebRTC), from start to end."""

from __future__ import annotations

from typing import Any

import pytest

from decart_widget.protocol import messages as m
from decart_widget.protocol import notices
from decart_widget.protocol.codec import decode
from decart_widget.protocol.machine import MAX_HELD_CANDIDATES, SessionMachine
from decart_widget.protocol.requests import PromptState
from decart_widget.protocol.states import ConnectionState as S
from decart_widget.protocol.states import Phase, ServiceStatus
from tests.pure.machines import CAT, bring_to_generating, endings, generating, ok, opened


def test_nothing_is_sent_before_the_socket_is_open() -> None:
    machine = SessionMachine()
    machine.connect(PromptState("first"))
    machine.offer_made("v=0")
    machine.local_candidate(None)
    assert machine.state is S.CONNECTING
    assert machine.take_outgoing() == []


@pytest.mark.parametrize(
    ("prompt_state", "message"),
    [
        (PromptState("a"), m.Prompt("a", True)),
        (PromptState("a", False), m.Prompt("a", False)),
        (PromptState("a", True, CAT), m.SetImage(CAT, "a", True)),
        (PromptState(None, True, CAT), m.SetImage(CAT, None, True)),
        (PromptState(), m.SetImage(None, None, True)),
    ],
)
def test_the_initial_state_is_the_first_thing_sent(
    prompt_state: PromptState, message: m.ClientMessage
) -> None:
    machine = SessionMachine()
    machine.connect(prompt_state)
    machine.socket_opened()
    assert machine.take_outgoing() == [message]


def test_the_offer_and_its_candidates_are_held_until_the_initial_state_is_acknowledged() -> None:
    machine = opened()
    candidate = m.Candidate("candidate:1")
    machine.offer_made("v=0")
    machine.local_candidate(candidate)
    machine.local_candidate(None)
    assert machine.take_outgoing() == []
    machine.receive(ok("first"))
    assert machine.take_outgoing() == [
        m.Offer("v=0"),
        m.LocalCandidate(candidate),
        m.LocalCandidate(None),
    ]


def test_an_offer_after_the_ack_is_sent_at_once_and_candidates_trickle() -> None:
    machine = opened()
    machine.receive(ok("first"))
    machine.offer_made("v=0")
    assert machine.take_outgoing() == [m.Offer("v=0")]
    machine.local_candidate(None)
    assert machine.take_outgoing() == [m.LocalCandidate(None)]
    machine.offer_made("v=0 again")
    assert machine.take_outgoing() == []


def test_after_a_refused_token_the_attempt_begins_again_and_keeps_its_offer() -> None:
    machine = opened()
    machine.offer_made("v=0")
    machine.local_candidate(None)
    waiting = machine.submit(PromptState("later"), with_image=False)
    assert machine.socket_refused()
    assert (machine.phase, machine.awaiting_ack) == (Phase.OPENING, None)
    machine.socket_opened()
    assert machine.take_outgoing() == [m.Prompt("later", True)]
    machine.receive(ok("later"))
    assert machine.take_outgoing() == [m.Offer("v=0"), m.LocalCandidate(None)]
    assert endings(machine)[0][0] == "Applied"
    assert waiting.prompt_state == machine.applied


def test_a_request_that_is_overtaken_after_a_refused_token_is_superseded() -> None:
    machine = SessionMachine()
    machine.connect(PromptState("first"))
    overtaken = machine.submit(PromptState("second"), with_image=False)
    machine.socket_opened()
    assert machine.socket_refused()
    machine.submit(PromptState("third"), with_image=False)
    machine.take_notices()
    machine.socket_opened()
    assert machine.take_notices() == [notices.Superseded(overtaken)]


def test_a_generation_that_ends_for_lack_of_credits_is_an_error_without_a_further_message() -> None:
    machine = generating()
    machine.receive(m.GenerationEnded(42, "insufficient_credits"))
    ended, complaint = machine.take_notices()
    assert isinstance(ended, notices.Ended)
    assert isinstance(complaint, notices.Complaint)
    assert complaint.error.code == "insufficient-credits"


def test_a_token_is_not_refused_any_more_once_the_service_has_answered() -> None:
    machine = opened()
    machine.receive(ok("first"))
    assert not machine.socket_refused()
    assert machine.phase is Phase.READY
    assert not generating().socket_refused()
    assert not SessionMachine().socket_refused()


@pytest.mark.parametrize("ack", [ok("other"), m.SetImageAck(True, None)])
def test_an_ack_of_another_request_does_not_release_the_offer(ack: m.ServerMessage) -> None:
    machine = opened()
    machine.offer_made("v=0")
    machine.receive(ack)
    assert machine.take_outgoing() == []
    assert machine.ignored == {"unmatched ack": 1}


def test_candidates_held_are_bounded() -> None:
    machine = opened()
    machine.offer_made("v=0")
    for number in range(5000):
        machine.local_candidate(m.Candidate(f"candidate:{number}"))
    machine.receive(ok("first"))
    sent = machine.take_outgoing()
    assert len(sent) == 1 + MAX_HELD_CANDIDATES
    assert sent[-1] == m.LocalCandidate(m.Candidate("candidate:4999"))


def test_media_establishes_the_session_and_the_service_starts_the_generation() -> None:
    machine = opened()
    machine.receive(ok("first"))
    machine.offer_made("v=0")
    machine.receive(m.Answer("v=0 answer"))
    assert notices.AnswerReceived("v=0 answer") in machine.take_notices()
    assert not machine.established
    machine.media_established()
    assert (machine.state, machine.established) == (S.CONNECTED, True)
    machine.receive(m.GenerationStarted())
    assert machine.state is S.GENERATING


def test_a_tick_that_arrives_before_the_browser_s_report_makes_it_generating() -> None:
    machine = opened()
    machine.receive(ok("first"))
    machine.offer_made("v=0")
    machine.receive(m.Answer("v=0 answer"))
    machine.receive(m.GenerationTick(1))
    assert (machine.state, machine.established) == (S.GENERATING, True)
    machine.media_established()
    assert machine.state is S.GENERATING


def test_a_tick_before_the_answer_is_billed_but_establishes_nothing() -> None:
    machine = opened()
    machine.receive(m.GenerationTick(3))
    assert (machine.state, machine.generation_tick) == (S.CONNECTING, 3)


def test_ticks_never_reduce_the_bill_and_absurd_ones_are_ignored() -> None:
    machine = generating()
    for seconds, expected in [(5, 5), (3, 5), (0, 5), (1e9, 5), (6, 6)]:
        machine.receive(m.GenerationTick(seconds))
        assert machine.generation_tick == expected


def test_seconds_of_all_attempts_are_added_up_and_a_new_session_begins_at_zero() -> None:
    machine = generating()
    machine.receive(m.GenerationTick(10))
    machine.lost()
    machine.reconnect()
    machine.socket_opened()
    bring_to_generating(machine)
    machine.receive(m.GenerationTick(4))
    assert machine.generation_tick == 14
    machine.disconnect()
    assert machine.generation_tick == 14
    machine.connect(PromptState("first"))
    assert machine.generation_tick == 0


def test_the_end_of_a_generation_leads_to_connected_and_a_tick_to_generating() -> None:
    machine = generating()
    machine.receive(m.GenerationEnded(7, "done"))
    assert (machine.state, machine.generation_tick) == (S.CONNECTED, 7)
    assert machine.take_notices() == [notices.Ended("done")]
    machine.receive(m.GenerationTick(8))
    assert machine.state is S.GENERATING


def test_no_message_of_a_lost_attempt_is_sent_in_the_next() -> None:
    machine = opened()
    machine.receive(ok("first"))
    machine.offer_made("v=0")
    machine.receive(m.Answer("v=0"))
    machine.media_established()
    machine.take_outgoing()
    machine.local_candidate(m.Candidate("candidate:old"))
    machine.lost()
    machine.local_candidate(m.Candidate("candidate:late"))
    machine.offer_made("v=0 late")
    machine.reconnect()
    machine.socket_opened()
    machine.receive(ok("first"))
    assert machine.take_outgoing() == [m.Prompt("first", True)]


def test_a_loss_resets_service_status_and_session_id() -> None:
    machine = generating()
    machine.receive(m.SessionId("s-1"))
    machine.receive(m.Status("ready"))
    machine.lost()
    assert machine.session_id is None
    assert machine.service_status is ServiceStatus.UNKNOWN
    assert not machine.established


def test_a_first_attempt_that_is_lost_does_not_reconnect() -> None:
    machine = opened()
    machine.lost()
    assert (machine.state, machine.phase) == (S.CONNECTING, Phase.INITIAL)
    machine.fail()
    assert (machine.state, machine.phase) == (S.ERROR, Phase.CLOSED)


def test_a_start_that_has_not_established_a_session_can_be_cancelled() -> None:
    machine = SessionMachine()
    machine.connect(PromptState("first"))
    machine.cancel()
    assert machine.state is S.IDLE
    running = generating()
    running.cancel()
    assert running.state is S.GENERATING


def test_a_session_can_begin_again_after_each_end() -> None:
    machine = generating()
    machine.disconnect()
    machine.connect(PromptState("second"))
    machine.socket_opened()
    bring_to_generating(machine)
    machine.fail()
    machine.connect(PromptState("third"))
    machine.socket_opened()
    assert machine.take_outgoing() == [m.Prompt("third", True)]


def test_a_second_connect_changes_nothing() -> None:
    machine = generating()
    machine.connect(PromptState("other"))
    assert (machine.state, machine.applied) == (S.GENERATING, PromptState("first"))


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("Entering queue", ServiceStatus.ENTERING_QUEUE),
        ("now entering queue for lucy", ServiceStatus.ENTERING_QUEUE),
        ("Ready", ServiceStatus.READY),
        ("server is ready", ServiceStatus.READY),
        ("warming up", ServiceStatus.UNKNOWN),
    ],
)
def test_the_service_status_is_read_from_the_service_s_text(
    text: str, status: ServiceStatus
) -> None:
    machine = opened()
    machine.receive(m.Status(text))
    assert machine.service_status is status


def test_waiting_does_not_count_while_queued() -> None:
    machine = opened()
    assert not machine.queued
    machine.receive(m.Status("entering queue"))
    assert machine.queued
    machine.receive(m.QueuePosition(2, 5))
    assert machine.queued
    machine.receive(m.Status("ready"))
    assert not machine.queued
    assert (machine.queue_position, machine.queue_size) == (None, None)


@pytest.mark.parametrize("sign", ["media", "tick"])
def test_an_established_session_has_no_queue_position(sign: str) -> None:
    machine = opened()
    machine.receive(m.QueuePosition(1, 4))
    machine.receive(ok("first"))
    machine.offer_made("v=0")
    machine.receive(m.Answer("v=0"))
    if sign == "media":
        machine.media_established()
    else:
        machine.receive(m.GenerationTick(1))
    assert (machine.queue_position, machine.queue_size) == (None, None)
    machine.receive(m.QueuePosition(3, 4))
    assert (machine.queue_position, machine.queue_size) == (None, None)


def test_candidates_of_the_service_are_passed_on() -> None:
    machine = opened()
    machine.take_notices()
    candidate = m.Candidate("candidate:1", "0", 0)
    machine.receive(m.RemoteCandidate(candidate))
    machine.receive(m.RemoteCandidate(None))
    assert machine.take_notices() == [
        notices.CandidateReceived(candidate),
        notices.CandidateReceived(None),
    ]


def test_an_answer_without_an_offer_is_ignored_and_so_is_a_second_one() -> None:
    machine = opened()
    machine.receive(m.Answer("v=0 early"))
    machine.receive(ok("first"))
    machine.offer_made("v=0")
    machine.receive(m.Answer("v=0"))
    machine.receive(m.Answer("v=0 again"))
    answers = [n.sdp for n in machine.take_notices() if isinstance(n, notices.AnswerReceived)]
    assert answers == ["v=0"]
    assert machine.ignored == {"answer without an offer": 2}


def test_messages_without_an_attempt_change_nothing() -> None:
    machine = SessionMachine()
    before: dict[str, Any] = {k: v for k, v in vars(machine).items() if k != "ignored"}
    for message in (m.SessionId("s"), m.GenerationTick(5), m.QueuePosition(1, 2), ok("a")):
        machine.receive(message)
    assert {k: v for k, v in vars(machine).items() if k != "ignored"} == before
    assert machine.ignored == {"no attempt": 4}


def test_a_flood_of_requests_leaves_one_in_flight_and_one_waiting() -> None:
    machine = generating()
    requests = [machine.submit(PromptState(f"prompt {i}"), with_image=False) for i in range(2000)]
    assert machine.take_outgoing() == [m.Prompt("prompt 0", True)]
    assert machine.requests.waiting == requests[-1]
    assert len(endings(machine)) == 1998


def test_a_flood_of_malformed_messages_is_counted_by_a_few_reasons() -> None:
    machine = generating()
    for i in range(5000):
        machine.receive(decode(f'{{"type":"fireworks-{i}","n":{i}}}'))
        machine.receive(decode("junk"))
    assert machine.ignored == {"unknown type": 5000, "not JSON": 5000}
    assert machine.state is S.GENERATING
