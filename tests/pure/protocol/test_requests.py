"""The queue of requests: one in flight, the newest one waiting, acks matched."""

from __future__ import annotations

import pytest

from decart_widget.protocol.messages import ImageData, Prompt, PromptAck, SetImage, SetImageAck
from decart_widget.protocol.requests import PASSTHROUGH, PromptState, Request, RequestQueue

CAT, DOG = ImageData(ref="file_cat"), ImageData(data="RE9H")


def request(number: int, prompt: str | None = "a", image=None, *, with_image=False) -> Request:
    return Request(number, PromptState(prompt, True, image), with_image)


def ok(prompt: str) -> PromptAck:
    return PromptAck(prompt, True, None)


@pytest.mark.parametrize(
    ("asked_for", "sent"),
    [
        (request(1, "a"), Prompt("a", True)),
        (request(1, "a", CAT), Prompt("a", True)),
        (request(1, "a", CAT, with_image=True), SetImage(CAT, "a", True)),
        (request(1, "a", None, with_image=True), SetImage(None, "a", True)),
        (request(1, None, CAT, with_image=True), SetImage(CAT, None, True)),
        (request(1, None), SetImage(None, None, True)),
    ],
)
def test_a_prompt_state_is_sent_as_a_prompt_or_together_with_its_image(
    asked_for: Request, sent: Prompt | SetImage
) -> None:
    assert asked_for.message() == sent


def test_a_prompt_state_without_prompt_and_image_is_passthrough() -> None:
    assert PASSTHROUGH.passthrough
    assert not PromptState("a").passthrough
    assert not PromptState(None, True, CAT).passthrough


def test_a_new_session_is_sent_the_full_prompt_state() -> None:
    assert request(1, "a", CAT).full_state().message() == SetImage(CAT, "a", True)
    assert request(1, "a", None, with_image=True).full_state().message() == Prompt("a", True)


def test_one_request_is_in_flight_and_the_others_wait() -> None:
    queue = RequestQueue()
    queue.put(first := request(1, "a"))
    assert queue.next() is first
    queue.put(second := request(2, "b"))
    assert queue.next() is None
    assert queue.match(ok("a")) is first
    assert queue.next() is second


def test_the_newest_waiting_request_wins_and_the_superseded_one_is_returned() -> None:
    queue = RequestQueue()
    queue.put(request(1, "a"))
    queue.next()
    queue.put(second := request(2, "b"))
    assert queue.put(third := request(3, "c")) is second
    assert queue.match(ok("a"))
    assert queue.next() is third


def test_an_image_that_waits_is_sent_with_a_later_prompt() -> None:
    queue = RequestQueue()
    queue.put(request(1, "a", CAT, with_image=True))
    queue.put(request(2, "b", CAT))
    sent = queue.next()
    assert sent is not None
    assert (sent.number, sent.message()) == (2, SetImage(CAT, "b", True))


def test_an_image_in_flight_when_the_connection_breaks_is_sent_with_a_later_prompt() -> None:
    queue = RequestQueue()
    queue.put(first := request(1, "a", CAT, with_image=True))
    queue.next()
    queue.put(request(2, "b", CAT))
    assert queue.put_back() is first
    sent = queue.next()
    assert sent is not None
    assert (sent.number, sent.message()) == (2, SetImage(CAT, "b", True))


def test_a_request_in_flight_when_the_connection_breaks_waits_again() -> None:
    queue = RequestQueue()
    queue.put(first := request(1, "a"))
    queue.next()
    assert queue.put_back() is None
    assert queue.in_flight is None
    assert queue.next() is first


def test_a_broken_connection_without_a_request_in_flight_keeps_the_waiting_one() -> None:
    queue = RequestQueue()
    queue.put(first := request(1, "a"))
    assert queue.put_back() is None
    assert queue.next() is first


@pytest.mark.parametrize(
    ("sent", "ack", "matched"),
    [
        (request(1, "a"), ok("a"), True),
        (request(1, "a"), PromptAck("a", False, "no"), True),
        (request(1, "a"), ok("b"), False),
        (request(1, "a"), SetImageAck(True, None), False),
        (request(1, "a", CAT, with_image=True), SetImageAck(True, None), True),
        (request(1, "a", CAT, with_image=True), ok("a"), False),
    ],
)
def test_an_ack_is_matched_by_its_kind_and_text(
    sent: Request, ack: PromptAck | SetImageAck, matched: bool
) -> None:
    queue = RequestQueue()
    queue.put(sent)
    queue.next()
    assert queue.match(ack) is (sent if matched else None)
    assert queue.in_flight is (None if matched else sent)


def test_an_ack_without_a_request_in_flight_matches_nothing() -> None:
    queue = RequestQueue()
    queue.put(waiting := request(1, "a"))
    assert queue.match(ok("a")) is None
    assert queue.waiting is waiting


def test_clearing_returns_every_open_request_oldest_first() -> None:
    queue = RequestQueue()
    queue.put(first := request(1, "a"))
    queue.next()
    queue.put(second := request(2, "b", DOG, with_image=True))
    assert queue.clear() == [first, second]
    assert queue.clear() == []


def test_requests_do_not_show_the_image_s_bytes() -> None:
    assert "RE9H" not in repr(request(1, "a", DOG))
    assert "file_cat" in repr(request(1, "a", CAT))
