"""Frames in flight: which are lost, and which one probably came back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.engine.connection import OutgoingFrame
from decart_widget.engine.flight import LOST_AFTER_S, Flight


def frame(index: int, generation: int = 1) -> OutgoingFrame:
    return OutgoingFrame(np.zeros((6, 4), np.uint8), index, index / 25, 1, generation)


def indices(frames: list[OutgoingFrame]) -> list[int]:
    return [frame.index for frame in frames]


@given(st.integers(1, 60), st.data())
def test_each_frame_comes_back_or_is_lost_once(count: int, data: st.DataObject) -> None:
    flight, back, lost = Flight(), [], []
    waiting: list[int] = []
    for index in range(count):
        flight.sent(frame(index), index / 25)
        waiting.append(index)
        if data.draw(st.booleans()):
            returned = data.draw(st.sampled_from(waiting))
            lost += indices(flight.received(frame(returned), index / 25))
            back.append(returned)
            waiting = [other for other in waiting if other > returned]
    lost += indices(flight.clear())
    assert sorted(back + lost) == list(range(count))


def test_a_frame_that_was_sent_several_times_counts_once() -> None:
    flight = Flight()
    for at in range(4):
        flight.sent(frame(0), at / 25)
    flight.sent(frame(1), 0.2)
    assert flight.received(frame(0), 0.3) == []
    assert len(flight) == 1
    assert flight.received(frame(0), 0.4) == [], "a later copy of it loses nothing"
    assert len(flight) == 1


def test_frames_that_never_come_back_are_lost_after_a_while() -> None:
    flight = Flight()
    flight.sent(frame(0), 10.0)
    flight.sent(frame(1), 11.0)
    assert flight.expired(10.0 + LOST_AFTER_S - 0.01) == []
    assert indices(flight.expired(10.0 + LOST_AFTER_S)) == [0]
    assert flight.age_s(11.5) == 0.5


def test_a_table_of_sent_frames_holds_no_pictures() -> None:
    flight = Flight()
    big = OutgoingFrame(np.zeros((1080, 1280), np.uint8), 0, 0.0, 1)
    flight.sent(big, 0.0)
    (kept,) = flight.clear()
    assert kept.picture.size <= 1280
    assert kept.picture.base is None


def test_an_estimate_follows_the_measured_delay() -> None:
    flight = Flight()
    assert flight.estimate(0.0) is None
    for index in range(10):
        flight.sent(frame(index), index * 0.04)
    first = flight.estimate(0.3)
    assert first is not None
    assert first.index == 0
    flight.received(first, 0.3)
    later = flight.estimate(0.42)  # 0.12 s later, so three frames on
    assert later is not None
    assert later.index == 3
