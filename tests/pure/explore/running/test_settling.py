"""When a look has come in, told by pictures alone."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from decart_widget.explore.running.settling import Sample, settling, small_picture

FPS, LENGTH, LEAD_IN = 30, 90, 36
RANDOM = np.random.default_rng(7)
SHAPE = small_picture(np.zeros((54, 64), np.uint8)).shape
OLD = RANDOM.uniform(20, 120, (LENGTH, *SHAPE)).astype(np.float32)
NEW = RANDOM.uniform(60, 220, (LENGTH, *SHAPE)).astype(np.float32)


def noisy(picture: NDArray[np.float32], levels: float) -> NDArray[np.float32]:
    return picture + RANDOM.normal(0, levels, picture.shape).astype(np.float32)


def lead_in(weight: Callable[[float], float], noise: float = 0.4) -> list[Sample]:
    """What comes back while a look comes in: from 3 frames before the acknowledgement on."""
    samples = []
    for number in range(LEAD_IN):
        position, sent_s = LENGTH - LEAD_IN + number, (number - 3) / FPS
        share = 0.0 if sent_s < 0 else min(1.0, weight(sent_s))
        small = OLD[position] * (1 - share) + NEW[position] * share
        samples.append(Sample(number, position, sent_s, noisy(small, noise)))
    return samples


def looks(noise: float = 0.4) -> tuple[dict[int, NDArray[np.float32]], ...]:
    return tuple({at: noisy(look[at], noise) for at in range(LENGTH)} for look in (NEW, OLD))


@pytest.mark.parametrize("inertia_s", [0.0, 0.2, 0.5, 0.8])
def test_a_cross_fade_is_over_when_its_time_is(inertia_s: float) -> None:
    now, former = looks()
    found = settling(lead_in(lambda s: s / inertia_s if inertia_s else 1.0), now, former)
    assert found.is_visible
    assert found.is_settled
    assert found.settled is not None
    assert found.began is not None
    assert found.settled.sent_s == pytest.approx(inertia_s, abs=0.09)
    assert found.began.sent_s == pytest.approx(inertia_s * 0.1, abs=0.05)


@pytest.mark.parametrize("inertia_s", [1.3, 3.0, 10.0])
def test_a_look_that_still_comes_in_is_not_settled(inertia_s: float) -> None:
    now, former = looks()
    found = settling(lead_in(lambda s: s / inertia_s), now, former)
    assert not found.is_settled
    assert found.settled is None


def test_a_look_that_is_never_twice_the_same_settles_all_the_same() -> None:
    now, former = looks(noise=12)
    found = settling(lead_in(lambda s: s / 0.5, noise=12), now, former)
    assert found.is_settled
    assert found.settled is not None
    assert found.settled.sent_s == pytest.approx(0.5, abs=0.16)


def test_a_look_like_the_former_one_says_nothing() -> None:
    now, _ = looks()
    _, former = {}, {at: noisy(NEW[at], 0.4) for at in range(LENGTH)}
    found = settling(lead_in(lambda _s: 1.0)[3:], now, former)
    assert not found.is_visible
    assert found.is_settled
    assert found.settled is None


def test_a_session_s_first_look_is_compared_with_itself() -> None:
    now, _ = looks()
    assert settling(lead_in(lambda _s: 1.0)[3:], now, {}).is_settled
    assert not settling(lead_in(lambda s: s / 3), now, {}).is_settled
    assert settling([], now, {}).is_settled
