"""Which frame was sent, by the timestamp of the one that came back."""

from __future__ import annotations

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from decart_widget.engine.rtp_identity import (
    GRID_TICKS,
    HOLD_S,
    PRIME,
    Identity,
    SentFrames,
)

Delivered = list[tuple[Any, int | None, bool]]

INTERVALS: st.SearchStrategy[float] = st.floats(0.0, 0.2)


class Line:
    """Sends numbered frames, and hands back those that the test chooses."""

    def __init__(self, offset: int = 0) -> None:
        self.sent: SentFrames[int] = SentFrames()
        self.delivered: Delivered = []
        self.identity: Identity[int, Any] = Identity(
            self.sent, lambda frame, sent, exact: self.delivered.append((frame, sent, exact))
        )
        self.offset = offset
        self.stamps: list[int] = []
        self.at_s = 0.0

    def send(self, interval_s: float = 0.04) -> None:
        self.at_s += interval_s
        self.stamps.append(self.sent.stamp(len(self.stamps), self.at_s))

    def back(self, number: int, now_s: float = 0.0) -> None:
        self.identity.received(self.stamps[number] + self.offset, number, now_s)


@given(st.integers(-(2**40), 2**40), st.data())
@settings(max_examples=30, deadline=None)
def test_each_frame_is_found_whatever_the_constant_and_whatever_is_dropped(
    offset: int, data: st.DataObject
) -> None:
    line = Line(offset)
    returned: list[int] = []
    pending: list[int] = []
    for _ in range(data.draw(st.integers(2, 120))):
        line.send(data.draw(st.sampled_from([0.0, 1 / 60, 0.033, 0.04])))
        pending.append(len(line.stamps) - 1)
        if data.draw(st.booleans()):  # the service answers one of the frames, later ones only after
            number = pending[data.draw(st.integers(0, min(20, len(pending) - 1)))]
            pending = [p for p in pending if p > number]
            line.back(number)
            returned.append(number)
    exact = [(frame, sent) for frame, sent, is_exact in line.delivered if is_exact]
    assert all(frame == sent for frame, sent in exact)
    assert all(sent is None for _, sent, is_exact in line.delivered if not is_exact)
    if len(returned) >= 2:
        assert len(exact) == len(returned)


def test_no_two_pairs_of_evenly_sent_frames_have_the_same_difference() -> None:
    # Evenly sent is the worst case: without the squares all differences would repeat.
    line = Line()
    for _ in range(PRIME):
        line.send(0.04)
    stamps = line.stamps[-PRIME:]
    differences = {(b - a) for i, a in enumerate(stamps) for b in stamps[i + 1 :]}
    assert len(differences) == PRIME * (PRIME - 1) // 2


@given(st.lists(INTERVALS, min_size=1, max_size=100))
def test_timestamps_rise_and_stay_near_the_time_of_sending(intervals: list[float]) -> None:
    line = Line()
    for interval_s in intervals:
        before_s = line.at_s
        line.send(interval_s)
        if before_s + interval_s - before_s > 2 * GRID_TICKS / 90_000:
            assert abs(line.stamps[-1] - line.at_s * 90_000) < 300 * GRID_TICKS
    assert line.stamps == sorted(set(line.stamps))


def test_the_first_frame_waits_for_the_second_and_keeps_its_place() -> None:
    line = Line(12_345)
    for _ in range(4):
        line.send()
    line.back(0)
    assert line.delivered == []
    assert line.identity.holds
    line.back(2)
    assert line.delivered == [(0, 0, True), (2, 2, True)]
    line.back(3)
    assert line.delivered[-1] == (3, 3, True)


def test_a_first_frame_that_stays_alone_is_given_without_identity() -> None:
    line = Line(99)
    line.send()
    line.send()
    line.back(0, now_s=10.0)
    line.identity.expire(10.0 + HOLD_S / 2)
    assert line.delivered == []
    line.identity.expire(10.0 + HOLD_S)
    assert line.delivered == [(0, None, False)]
    line.back(1, now_s=11.0)
    assert line.delivered[-1] == (1, 1, True)


@given(st.integers(1, 6000), st.integers(0, 2**32), st.integers(1, 40))
@settings(max_examples=25, deadline=None)
def test_a_service_with_timestamps_of_its_own_is_not_believed(
    step: int, begin: int, behind: int
) -> None:
    line = Line()
    claimed = 0
    for number in range(300):
        line.send()
        if number >= behind:
            line.identity.received(begin + number * step, number, number * 0.04)
    claimed = sum(exact for _, _, exact in line.delivered)
    assert claimed <= 0.02 * len(line.delivered)
    assert len(line.delivered) >= 300 - behind - 4


def test_a_service_that_starts_its_clock_anew_is_believed_again_after_a_few_frames() -> None:
    line = Line(5)
    for _ in range(20):
        line.send()
    for number in range(6):
        line.back(number)
    line.offset = 777_777
    for number in range(6, 20):
        line.back(number)
    assert [frame for frame, _, _ in line.delivered] == list(range(20))
    assert all(sent == frame for frame, sent, exact in line.delivered if exact)
    assert [exact for _, _, exact in line.delivered[:6]] == [True] * 6
    assert not line.delivered[6][2]
    assert line.delivered[-1][2]


def test_a_frame_that_was_sent_too_long_ago_is_not_claimed() -> None:
    line = Line()
    for _ in range(PRIME + 10):
        line.send()
    line.back(PRIME + 5)
    line.back(PRIME + 6)
    assert line.identity.is_known
    line.back(2)
    assert line.delivered[-1][1:] == (None, False)


def test_at_the_end_the_waiting_frame_is_given() -> None:
    line = Line()
    line.send()
    line.back(0)
    line.identity.flush()
    assert line.delivered == [(0, None, False)]
    assert not line.identity.holds
