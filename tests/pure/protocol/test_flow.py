"""How many frames are in flight on simulated roads: rate, age, and what is sent in vain."""

from __future__ import annotations

import pytest

from decart_widget.protocol import flow
from decart_widget.protocol.flow import FlowWindow
from tests.pure.protocol.simulated_road import Result, Road, Simulation


def settled(road: Road, seconds: float = 20.0) -> Result:
    """What a reader gets once the window has had time to follow the road."""
    simulation = Simulation(road)
    simulation.run(10.0)
    return simulation.run(seconds)


@pytest.mark.parametrize(
    ("road", "fps", "age_s"),
    [
        pytest.param(Road(), 29.5, 0.02, id="on one machine"),
        pytest.param(Road(held_s=0.043), 29.5, 0.02, id="credits held back for 40 ms"),
        pytest.param(Road(held_s=0.1), 29.0, 0.02, id="credits held back for 100 ms"),
        pytest.param(Road(0.1, 0.1), 29.0, 0.12, id="100 ms each way"),
        pytest.param(Road(0.1, 0.1, held_s=0.24), 29.0, 0.12, id="far, and credits held back"),
        pytest.param(Road(0.03, 0.03, jitter_s=0.05), 29.0, 0.12, id="jitter"),
        pytest.param(Road(0.1, 0.1, read_s=0.02), 29.0, 0.12, id="a reader just fast enough"),
        pytest.param(Road(encode_s=0.06), 16.0, 0.11, id="a slow encoder"),
        pytest.param(Road(0.25, 0.25), 28.0, 0.27, id="250 ms each way"),
    ],
)
def test_all_frames_arrive_that_the_road_can_carry_and_none_queues(
    road: Road, fps: float, age_s: float
) -> None:
    result = settled(road)
    assert result.fps >= fps
    assert result.age_s() <= age_s


def test_a_far_road_is_filled_within_three_seconds() -> None:
    simulation = Simulation(Road(0.1, 0.1))
    simulation.run(3.0)
    assert simulation.run(2.0).fps >= 29.0


@pytest.mark.parametrize(
    ("road", "fps", "age_s"),
    [
        pytest.param(Road(0.02, 0.02, bytes_per_s=600_000), 11.5, 0.45, id="12 frames a second"),
        pytest.param(Road(0.1, 0.1, bytes_per_s=600_000), 11.5, 0.5, id="the same, far"),
        pytest.param(Road(0.02, 0.02, bytes_per_s=150_000), 2.3, 1.0, id="3 frames a second"),
    ],
)
def test_a_narrow_road_is_used_whole_while_frames_stay_young(
    road: Road, fps: float, age_s: float
) -> None:
    result = settled(road, 30.0)
    assert result.fps >= fps
    assert result.age_s() <= age_s


@pytest.mark.parametrize("road", [Road(read_s=1.0), Road(0.1, 0.1, read_s=1.0)])
def test_a_slow_reader_has_few_frames_sent_in_vain(road: Road) -> None:
    result = settled(road)
    assert result.sent_fps <= 2 * result.fps + 0.1
    assert result.most_in_flight <= flow.LEAST


def test_large_frames_are_bounded_in_bytes() -> None:
    result = settled(Road(0.3, 0.3, frame_bytes=900_000))
    assert flow.LEAST < result.most_in_flight * 900_000 <= flow.MOST_BYTES


def test_the_window_follows_a_road_that_changes() -> None:
    simulation = Simulation(Road())
    simulation.run(10.0)
    simulation.road = Road(0.1, 0.1)
    simulation.run(10.0)
    assert simulation.run(5.0).fps >= 29.0, "a longer way is no queue"
    simulation.road = Road(0.1, 0.1, bytes_per_s=600_000)
    simulation.run(10.0)
    narrow = simulation.run(10.0)
    assert narrow.fps >= 11.5
    assert narrow.age_s() <= 0.5
    simulation.road = Road()
    simulation.run(10.0)
    assert simulation.run(5.0).fps >= 29.5


def test_credits_that_are_not_needed_are_taken_back() -> None:
    simulation = Simulation(Road(0.1, 0.1))
    far = simulation.run(10.0)
    simulation.road = Road()
    simulation.run(60.0)
    assert simulation.run(5.0).size < far.size / 2


def test_one_less_is_tried_ever_more_seldom_where_it_was_too_few() -> None:
    simulation = Simulation(Road(0.1, 0.1))
    simulation.run(120.0)
    assert simulation.run(60.0).fps >= 29.8


def test_a_clock_that_is_set_back_costs_frames_for_seconds_only() -> None:
    window = FlowWindow()
    now, rates = 0.0, []
    for second in range(20):
        for _ in range(30):
            now += 1 / 30
            window.missing()
            window.arrived(now, sent_at=now - (0 if second < 5 else 3600.0), missed=0)
        rates.append(window.size)
    assert min(rates) == flow.LEAST, "the delay looks like a queue at first"
    assert window._least_delay_s == pytest.approx(3600.0, abs=1.0)


def test_a_sender_that_begins_anew_has_no_credit_and_keeps_its_number() -> None:
    window = FlowWindow()
    window.size = 7
    assert window.missing() == 7
    window.restart()
    assert window.missing(waiting=1) == 6


def test_a_sender_that_tells_nothing_keeps_the_first_number() -> None:
    window = FlowWindow()
    for second in range(1, 4):
        window.missing()
        window.arrived(float(second))
    assert window.missing() + window.in_flight - 1 <= flow.FIRST
