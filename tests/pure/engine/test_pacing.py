"""When the frames of a file are due."""

from __future__ import annotations

import pytest

from decart_widget.engine.pacing import CATCH_UP, LATE_S, Pacer


def test_frames_are_due_by_their_times_from_the_first_one_on() -> None:
    pacer = Pacer()
    assert pacer.due(3.0, 100.0) == 100.0
    assert pacer.due(3.5, 100.1) == pytest.approx(100.5)


def test_a_source_that_is_too_slow_is_not_followed_by_a_burst() -> None:
    pacer = Pacer()
    pacer.due(0.0, 100.0)
    late = 100.0 + LATE_S + 1
    assert pacer.due(0.1, late) == late
    assert pacer.due(0.2, late) == pytest.approx(late + 0.1)


def test_after_a_pause_the_next_frame_is_due_at_once() -> None:
    pacer = Pacer()
    pacer.due(0.0, 100.0)
    pacer.restart()
    assert pacer.due(5.0, 200.0) == 200.0


def test_where_none_may_be_lost_a_late_frame_delays_the_later_ones() -> None:
    pacer = Pacer()
    assert pacer.due_of_every(0.0, 100.0) == 100.0
    pacer.sent(0.0, 100.0)
    assert pacer.due_of_every(0.04, 100.0) >= 100.0 + 0.04 * CATCH_UP
    pacer.sent(0.04, 100.3)
    assert pacer.due_of_every(0.08, 100.3) == pytest.approx(100.3 + 0.04 * CATCH_UP)


def test_losses_slow_a_source_down_until_frames_come_back() -> None:
    pacer = Pacer()
    pacer.sent(0.0, 100.0)
    for _ in range(3):
        pacer.lost()
    slow = pacer.due_of_every(0.04, 100.0) - 100.0
    assert slow > 0.08
    for _ in range(300):
        pacer.returned()
    assert pacer.slowness == 1.0
    assert pacer.due_of_every(0.04, 100.0) - 100.0 <= 0.04
