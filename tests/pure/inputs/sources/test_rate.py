from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.inputs.sources.rate import RateLimit


def taken(times: list[float], fps: float) -> list[float]:
    rate = RateLimit(fps)
    chosen = [time for time in times if rate.takes(time)]
    assert rate.skipped == len(times) - len(chosen)
    return chosen


@pytest.mark.parametrize(
    ("source", "limit", "count"),
    [(30, 30, 300), (60, 30, 300), (29.97, 30, 300), (50, 30, 300), (25, 30, 250), (120, 30, 300)],
)
def test_of_ten_seconds_as_many_frames_are_taken_as_the_limit_allows(
    source: float, limit: float, count: int
) -> None:
    times = [index / source for index in range(round(10 * source))]
    assert abs(len(taken(times, limit)) - count) <= 1


def test_times_that_are_rounded_to_milliseconds_skip_nothing() -> None:
    times = [round(index / 30, 3) for index in range(1000)]
    assert len(taken(times, 30)) == 1000


@given(
    st.lists(st.floats(0.0005, 0.3), min_size=1, max_size=200),
    st.floats(1, 60),
    st.floats(-5, 5),
)
def test_there_are_never_more_than_the_limit_and_no_long_gap(
    gaps: list[float], fps: float, begin: float
) -> None:
    times, now = [], begin
    for gap in gaps:
        now += gap
        times.append(now)
    chosen = taken(times, fps)
    assert chosen[0] == times[0]
    for first, time in enumerate(chosen):
        for count, later in enumerate(chosen[first:]):
            assert count <= (later - time) * fps + 1.26
    # Whatever was skipped came less than an interval after the frame before it.
    for time in set(times) - set(chosen):
        before = max(t for t in chosen if t < time)
        assert time - before < 1.26 / fps
