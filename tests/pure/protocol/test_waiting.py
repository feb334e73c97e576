from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.protocol.waiting import Patience


def test_patience_runs_out_after_its_limit() -> None:
    patience = Patience(15, now=100)
    assert patience.remaining(110) == 5
    assert patience.remaining(115) == 0
    assert patience.remaining(116) < 0


def test_time_in_the_queue_is_not_counted() -> None:
    patience = Patience(15, now=0)
    patience.pause(5, True)
    assert patience.paused
    assert patience.remaining(3600) == 10
    patience.pause(3600, False)
    assert patience.remaining(3604) == 6


def test_pausing_twice_is_pausing_once() -> None:
    patience = Patience(10, now=0)
    patience.pause(1, True)
    patience.pause(2, True)
    patience.pause(9, False)
    patience.pause(9, False)
    assert patience.remaining(10) == 8


def test_a_clock_that_steps_back_gives_no_time_back() -> None:
    patience = Patience(10, now=50)
    assert patience.remaining(40) == 10
    assert patience.remaining(45) == 5


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=30))
def test_only_the_stretches_that_count_are_taken_off(stretches: list[tuple[float, bool]]) -> None:
    now, counted = 0.0, 0.0
    patience = Patience(1000, now)
    for length, paused in stretches:
        patience.pause(now, paused)
        now += length
        counted += 0 if paused else length
    assert patience.remaining(now) == pytest.approx(1000 - counted)
