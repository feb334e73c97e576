"""Frames of a page's camera on their way to the worker, and the credits for them."""

from __future__ import annotations

from typing import Any

import pytest

from decart_widget.engine.webcam_link import WebcamLink
from decart_widget.protocol import flow


class Link(WebcamLink):
    """A link with what it sent, and a clock that the test sets."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sent: list[dict[str, Any]] = []
        self.credits: list[tuple[int, bool]] = []
        super().__init__(lambda kind, data, **about: self.sent.append(about), lambda: self.now)
        self.on_credit = lambda frames, key: self.credits.append((frames, key))

    def page_sends(
        self, number: int, *, dropped: int = 0, key: bool = False, size_bytes: int = 4
    ) -> None:
        self.now += 1 / 30
        message = {"number": number, "codec": "h264", "key": key, "dropped": dropped}
        self.frame({**message, "at_ms": 1000 * self.now}, bytes(size_bytes))


@pytest.fixture
def link() -> Link:
    link = Link()
    link.begin()
    return link


def test_a_page_begins_with_credit_and_a_keyframe(link: Link) -> None:
    assert link.credits == [(flow.FIRST, True)]


def test_a_frame_that_was_decoded_gives_its_credit_back(link: Link) -> None:
    link.page_sends(0, key=True)
    assert len(link.credits) == 1, "it lies in the worker"
    link.taken(0, False)
    assert link.credits[1:] == [(1, False)]


def test_frames_without_credit_are_refused(link: Link) -> None:
    for number in range(flow.FIRST + 3):
        link.page_sends(number)
    assert [one["number"] for one in link.sent] == list(range(flow.FIRST))
    assert link.refused == 3


def test_a_number_that_does_not_rise_is_refused(link: Link) -> None:
    link.page_sends(5)
    link.page_sends(5)
    assert len(link.sent) == 1


def test_frames_that_would_fill_the_way_to_the_worker_are_dropped(link: Link) -> None:
    for number in range(flow.FIRST):
        link.page_sends(number, size_bytes=900_000)
    assert [one["number"] for one in link.sent] == [0, 1]
    # The page gets the credit back, and begins again with a keyframe.
    assert link.credits[1:] == [(1, True)]


def test_one_keyframe_is_requested_for_all_frames_in_flight(link: Link) -> None:
    for number in range(flow.FIRST):
        link.page_sends(number)
    for number in range(flow.FIRST):
        link.taken(number, True)
    assert [key for _, key in link.credits[1:]].count(True) == 1


def test_the_number_in_flight_grows_with_the_pictures_that_the_page_drops(link: Link) -> None:
    for number in range(40):
        link.page_sends(number, dropped=number)
        link.taken(number, False)
    assert link.window.size > flow.FIRST


def test_another_attempt_begins_at_number_0(link: Link) -> None:
    link.page_sends(7)
    link.begin()
    assert link.credits[-1] == (flow.FIRST, True)
    link.page_sends(0)
    assert link.sent[-1]["number"] == 0


def test_what_the_worker_reports_of_frames_before_is_ignored(link: Link) -> None:
    link.taken(99, True)
    assert len(link.credits) == 1
