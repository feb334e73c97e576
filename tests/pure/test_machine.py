from __future__ import annotations

from typing import Any

import pytest

from decart_widget.errors import AckTimeoutError, AuthenticationError, RequestRejectedError
from decart_widget.protocol import machine as core
from decart_widget.protocol import messages as m
from decart_widget.protocol.machine import Phase, SessionMachine
from decart_widget.protocol.requests import Look
from decart_widget.protocol.states import ConnectionState as S
from decart_widget.protocol.states import ServiceStatus

CAT, DOG = m.ImageData(ref="file_cat"), m.ImageData(data="RE9H")


def ok(prompt: str) -> m.PromptAck:
    return m.PromptAck(prompt, True, None)


def opened(look: Look = Look("first")) -> SessionMachine:  # noqa: B008
    """A machine whose initial state is on its way."""
    machine = SessionMachine()
    machine.connect(look)
    machine.socket_opened()
    machine.take_outgoing()
    return machine


def standing(look: Look = Look("first")) -> SessionMachine:  # noqa: B008
    """A machine that generates."""
    machine = opened(look)
    stand(machine)
    machine.take_notices()
    machine.ignored.clear()
    return machine


def stand(machine: SessionMachine) -> None:
    machine.receive(m.SetImageAck(True, None))
    for prompt in ("first", "second", "third"):
        if machine.phase is Phase.INITIAL:
            machine.receive(ok(prompt))
    machine.offer_made("v=0 offer")
    machine.receive(m.Answer("v=0 answer"))
    machine.media_established()
    machine.receive(m.GenerationStarted())
    assert machine.state is S.GENERATING
    machine.take_outgoing()


def endings(machine: SessionMachine) -> list[tuple[str, int]]:
    ends = (core.Applied, core.Rejected, core.Superseded)
    return [
        (type(notice).__name__, notice.request.number)
        for notice in machine.take_notices()
        if isinstance(notice, ends)
    ]


def test_nothing_is_sent_before_the_socket_is_open() -> None:
    machine = SessionMachine()
    machine.connect(Look("first"))
    machine.offer_made("v=0")
    machine.local_candidate(None)
    assert machine.state is S.CONNECTING
    assert machine.take_outgoing() == []


@pytest.mark.parametrize(
    ("look", "message"),
    [
        (Look("a"), m.Prompt("a", True)),
        (Look("a", False), m.Prompt("a", False)),
        (Look("a", True, CAT), m.SetImage(CAT, "a", True)),
        (Look(None, True, CAT), m.SetImage(CAT, None, True)),
        (Look(), m.SetImage(None, None, True)),
    ],
)
def test_the_initial_state_is_the_first_thing_sent(look: Look, message: m.ClientMessage) -> None:
    machine = SessionMachine()
    machine.connect(look)
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


def test_an_offer_that_comes_after_the_ack_goes_at_once_and_candidates_trickle() -> None:
    machine = opened()
    machine.receive(ok("first"))
    machine.offer_made("v=0")
    assert machine.take_outgoing() == [m.Offer("v=0")]
    machine.local_candidate(None)
    assert machine.take_outgoing() == [m.LocalCandidate(None)]
    machine.offer_made("v=0 again")
    assert machine.take_outgoing() == []


@pytest.mark.parametrize("ack", [ok("other"), m.SetImageAck(True, None)])
def test_an_ack_of_something_else_does_not_let_the_offer_go(ack: m.ServerMessage) -> None:
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
    assert len(sent) == 1 + core.MAX_HELD_CANDIDATES
    assert sent[-1] == m.LocalCandidate(m.Candidate("candidate:4999"))


def test_media_and_generation_make_the_session_stand() -> None:
    machine = opened()
    machine.receive(ok("first"))
    machine.offer_made("v=0")
    machine.receive(m.Answer("v=0 answer"))
    assert core.AnswerReceived("v=0 answer") in machine.take_notices()
    assert not machine.established
    machine.media_established()
    assert (machine.state, machine.established) == (S.CONNECTED, True)
    machine.receive(m.GenerationStarted())
    assert machine.state is S.GENERATING


def test_a_tick_that_overtakes_the_browser_s_word_makes_it_generating() -> None:
    machine = opened()
    machine.receive(ok("first"))
    machine.offer_made("v=0")
    machine.receive(m.Answer("v=0 answer"))
    machine.receive(m.GenerationTick(1))
    assert (machine.state, machine.established) == (S.GENERATING, True)
    machine.media_established()
    assert machine.state is S.GENERATING


def test_a_tick_before_the_answer_is_billed_but_is_no_picture() -> None:
    machine = opened()
    machine.receive(m.GenerationTick(3))
    assert (machine.state, machine.generation_tick) == (S.CONNECTING, 3)


def test_ticks_never_take_seconds_back_nor_leap_into_absurdity() -> None:
    machine = standing()
    for seconds, shown in [(5, 5), (3, 5), (0, 5), (1e9, 5), (6, 6)]:
        machine.receive(m.GenerationTick(seconds))
        assert machine.generation_tick == shown


def test_seconds_of_all_attempts_are_added_up_and_a_new_session_begins_at_nought() -> None:
    machine = standing()
    machine.receive(m.GenerationTick(10))
    machine.lost()
    machine.reconnect()
    machine.socket_opened()
    stand(machine)
    machine.receive(m.GenerationTick(4))
    assert machine.generation_tick == 14
    machine.disconnect()
    assert machine.generation_tick == 14
    machine.connect(Look("first"))
    assert machine.generation_tick == 0


def test_a_generation_s_end_goes_back_to_connected_and_a_tick_to_generating() -> None:
    machine = standing()
    machine.receive(m.GenerationEnded(7, "done"))
    assert (machine.state, machine.generation_tick) == (S.CONNECTED, 7)
    assert machine.take_notices() == [core.Ended("done")]
    machine.receive(m.GenerationTick(8))
    assert machine.state is S.GENERATING


def test_one_request_is_in_flight_and_the_newest_follows_its_ack() -> None:
    machine = standing()
    a = machine.submit(Look("a"), with_image=False)
    b = machine.submit(Look("b"), with_image=False)
    c = machine.submit(Look("c"), with_image=False)
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
    assert machine.applied == Look("c")
    assert machine.awaiting_ack is None


def test_a_refused_request_leaves_the_look_as_it_was() -> None:
    machine = standing()
    request = machine.submit(Look("bad"), with_image=False)
    machine.receive(m.PromptAck("bad", False, "flagged"))
    (notice,) = machine.take_notices()
    assert isinstance(notice, core.Rejected)
    assert (notice.request, type(notice.error)) == (request, RequestRejectedError)
    assert machine.applied == Look("first")
    assert machine.state is S.GENERATING


def test_after_a_refused_image_a_prompt_does_not_count_it_as_applied() -> None:
    machine = standing(Look("first", True, CAT))
    machine.submit(Look("first", True, DOG), with_image=True)
    machine.receive(m.SetImageAck(False, "no"))
    machine.submit(Look("second", True, DOG), with_image=False)
    machine.receive(ok("second"))
    assert machine.applied == Look("second", True, CAT)


def test_an_ack_that_never_comes_rejects_its_request_and_lets_the_next_one_go() -> None:
    machine = standing()
    a = machine.submit(Look("a"), with_image=False)
    machine.submit(Look("b"), with_image=False)
    machine.take_outgoing()
    machine.ack_timed_out()
    (notice,) = machine.take_notices()
    assert isinstance(notice, core.Rejected)
    assert (notice.request, type(notice.error)) == (a, AckTimeoutError)
    assert machine.take_outgoing() == [m.Prompt("b", True)]


def test_an_error_of_the_service_fails_the_open_request() -> None:
    machine = standing()
    request = machine.submit(Look("a"), with_image=False)
    machine.receive(m.ServerError("Invalid API key"))
    rejected, complaint = machine.take_notices()
    assert isinstance(rejected, core.Rejected)
    assert rejected.request == request
    assert isinstance(complaint, core.Complaint)
    assert isinstance(complaint.error, AuthenticationError)


def test_what_is_asked_for_before_the_socket_opens_becomes_the_initial_state() -> None:
    machine = SessionMachine()
    early = machine.submit(Look("early"), with_image=False)
    machine.connect(Look("first"))
    asked = machine.submit(Look("a", True, CAT), with_image=True)
    machine.socket_opened()
    assert machine.take_outgoing() == [m.SetImage(CAT, "a", True)]
    assert machine.awaiting_ack == asked.number
    machine.receive(m.SetImageAck(True, None))
    assert endings(machine) == [("Superseded", early.number), ("Applied", asked.number)]


def test_a_refused_initial_state_is_reported_once_and_no_ack_revives_it() -> None:
    machine = SessionMachine()
    asked = machine.submit(Look("bad"), with_image=False)
    machine.connect(Look("first"))
    machine.socket_opened()
    machine.offer_made("v=0")
    machine.take_outgoing()
    machine.receive(m.PromptAck("bad", False, "flagged"))
    machine.receive(m.PromptAck("bad", False, "flagged"))
    machine.receive(ok("bad"))
    assert machine.phase is Phase.INITIAL
    assert machine.awaiting_ack is None
    machine.fail()
    assert endings(machine) == [("Rejected", asked.number)]
    assert machine.take_outgoing() == []


@pytest.mark.parametrize("end", ["disconnect", "fail", "cancel"])
def test_an_initial_state_that_was_never_answered_is_superseded_by_the_end(end: str) -> None:
    machine = SessionMachine()
    asked = machine.submit(Look("a"), with_image=False)
    machine.connect(Look("first"))
    machine.socket_opened()
    getattr(machine, end)()
    assert endings(machine) == [("Superseded", asked.number)]


def test_requests_still_open_are_superseded_by_the_end() -> None:
    machine = standing()
    a = machine.submit(Look("a"), with_image=False)
    b = machine.submit(Look("b"), with_image=False)
    machine.disconnect()
    assert endings(machine) == [("Superseded", a.number), ("Superseded", b.number)]
    assert machine.take_outgoing() == []


def test_a_reconnect_brings_back_the_last_applied_look_and_not_the_first() -> None:
    machine = standing()
    machine.submit(Look("second", False, CAT), with_image=True)
    machine.receive(m.SetImageAck(True, None))
    machine.submit(Look("bad", False, CAT), with_image=False)
    machine.receive(m.PromptAck("bad", False, None))
    machine.take_outgoing()
    machine.lost()
    assert machine.state is S.RECONNECTING
    machine.reconnect()
    machine.socket_opened()
    assert machine.take_outgoing() == [m.SetImage(CAT, "second", False)]


def test_a_request_in_flight_at_a_loss_follows_the_look_that_is_known_to_work() -> None:
    machine = standing()
    request = machine.submit(Look("new"), with_image=False)
    machine.take_outgoing()
    machine.lost()
    machine.reconnect()
    machine.socket_opened()
    assert machine.take_outgoing() == [m.Prompt("first", True)]
    machine.receive(ok("first"))
    assert machine.take_outgoing() == [m.Prompt("new", True)]
    machine.receive(ok("new"))
    assert ("Applied", request.number) in endings(machine)


def test_an_image_in_flight_at_a_loss_comes_along_with_a_prompt_that_waited_behind_it() -> None:
    machine = standing()
    image = machine.submit(Look("first", True, CAT), with_image=True)
    machine.submit(Look("new", True, CAT), with_image=False)
    machine.lost()
    assert endings(machine) == [("Superseded", image.number)]
    machine.reconnect()
    machine.socket_opened()
    machine.receive(ok("first"))
    assert machine.take_outgoing() == [m.Prompt("first", True), m.SetImage(CAT, "new", True)]


def test_nothing_of_a_lost_attempt_is_sent_in_the_next() -> None:
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


def test_what_a_loss_says_of_service_queue_and_session_is_forgotten() -> None:
    machine = standing()
    machine.receive(m.SessionId("s-1"))
    machine.receive(m.Status("ready"))
    machine.lost()
    assert machine.session_id is None
    assert machine.service_status is ServiceStatus.UNKNOWN
    assert not machine.established


def test_a_first_attempt_is_not_lost_but_fails() -> None:
    machine = opened()
    machine.lost()
    assert (machine.state, machine.phase) == (S.CONNECTING, Phase.INITIAL)
    machine.fail()
    assert (machine.state, machine.phase) == (S.ERROR, Phase.CLOSED)


def test_a_start_that_reached_nothing_can_be_taken_back() -> None:
    machine = SessionMachine()
    machine.connect(Look("first"))
    machine.cancel()
    assert machine.state is S.IDLE
    running = standing()
    running.cancel()
    assert running.state is S.GENERATING


def test_a_session_can_begin_again_after_each_end() -> None:
    machine = standing()
    machine.disconnect()
    machine.connect(Look("second"))
    machine.socket_opened()
    stand(machine)
    machine.fail()
    machine.connect(Look("third"))
    machine.socket_opened()
    assert machine.take_outgoing() == [m.Prompt("third", True)]


def test_a_second_connect_changes_nothing() -> None:
    machine = standing()
    machine.connect(Look("other"))
    assert (machine.state, machine.applied) == (S.GENERATING, Look("first"))


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
def test_the_service_s_status_is_read_from_its_words(text: str, status: ServiceStatus) -> None:
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
def test_a_session_that_stands_has_no_place_in_a_queue(sign: str) -> None:
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


def test_candidates_of_the_service_are_handed_on() -> None:
    machine = opened()
    machine.take_notices()
    candidate = m.Candidate("candidate:1", "0", 0)
    machine.receive(m.RemoteCandidate(candidate))
    machine.receive(m.RemoteCandidate(None))
    assert machine.take_notices() == [
        core.CandidateReceived(candidate),
        core.CandidateReceived(None),
    ]


def test_an_answer_without_an_offer_is_ignored_and_so_is_a_second_one() -> None:
    machine = opened()
    machine.receive(m.Answer("v=0 early"))
    machine.receive(ok("first"))
    machine.offer_made("v=0")
    machine.receive(m.Answer("v=0"))
    machine.receive(m.Answer("v=0 again"))
    answers = [n.sdp for n in machine.take_notices() if isinstance(n, core.AnswerReceived)]
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
    machine = standing()
    requests = [machine.submit(Look(f"prompt {i}"), with_image=False) for i in range(2000)]
    assert machine.take_outgoing() == [m.Prompt("prompt 0", True)]
    assert machine.requests.waiting == requests[-1]
    assert len(endings(machine)) == 1998


def test_a_flood_of_junk_is_counted_in_a_handful_of_numbers() -> None:
    machine = standing()
    for i in range(5000):
        machine.receive(m.decode(f'{{"type":"fireworks-{i}","n":{i}}}'))
        machine.receive(m.decode("junk"))
    assert machine.ignored == {"unknown type": 5000, "not JSON": 5000}
    assert machine.state is S.GENERATING


# --- media through a room ---------------------------------------------------------------------

ROOM = m.RoomInfo("wss://rooms.example.org", "token", "room-1", "s-9")


def in_room(look: Look) -> SessionMachine:
    machine = SessionMachine()
    machine.connect(look, room=True)
    machine.socket_opened()
    return machine


def test_a_room_is_asked_for_with_the_initial_state_right_behind() -> None:
    machine = in_room(Look("first", True, CAT))
    assert machine.take_outgoing() == [m.LivekitJoin(False), m.SetImage(CAT, "first", True)]


def test_a_room_without_a_look_passes_the_picture_through_and_settles_what_asked_for_it() -> None:
    machine = SessionMachine()
    asked = machine.submit(Look(), with_image=False)
    machine.connect(Look("first"), room=True)
    machine.socket_opened()
    assert machine.take_outgoing() == [m.LivekitJoin(True)]
    assert endings(machine) == [("Applied", asked.number)]
    assert machine.applied == Look()


def test_a_room_is_handed_on_once_and_its_tick_generates() -> None:
    machine = in_room(Look("first"))
    machine.receive(ROOM)
    machine.receive(ROOM)
    assert machine.take_notices() == [core.RoomReceived(ROOM)]
    assert machine.ignored == {"room not asked for": 1}
    assert machine.session_id == "s-9"
    machine.receive(m.GenerationTick(1))
    assert machine.state is S.GENERATING


def test_a_room_and_an_answer_are_not_mistaken_for_each_other() -> None:
    machine = in_room(Look("first"))
    machine.receive(m.Answer("v=0"))
    assert machine.phase is Phase.OFFERED
    by_offer = opened()
    by_offer.receive(ok("first"))
    by_offer.offer_made("v=0")
    by_offer.receive(ROOM)
    assert by_offer.phase is Phase.OFFERED


def test_media_that_mends_itself_shows_reconnecting_until_it_is_back() -> None:
    machine = in_room(Look("first"))
    machine.media_interrupted()
    assert machine.state is S.CONNECTING
    machine.receive(ok("first"))
    machine.receive(ROOM)
    machine.media_established()
    machine.media_interrupted()
    assert machine.state is S.RECONNECTING
    machine.reconnect()
    assert machine.phase is Phase.ANSWERED
    machine.media_established()
    assert machine.state is S.CONNECTED


def test_a_room_that_breaks_before_its_first_ack_comes_back_with_the_look_that_was_asked_for() -> (
    None
):
    machine = SessionMachine()
    asked = machine.submit(Look("wanted"), with_image=False)
    machine.connect(Look("first"), room=True)
    machine.socket_opened()
    machine.receive(ROOM)
    machine.media_established()
    machine.take_outgoing()
    machine.lost()
    machine.reconnect()
    machine.socket_opened()
    assert machine.take_outgoing() == [m.LivekitJoin(False), m.Prompt("wanted", True)]
    machine.receive(ok("wanted"))
    assert endings(machine) == [("Applied", asked.number)]
