"""Intervals of a few values, and comparisons of two cells."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from decart_widget.errors import InvalidOptionError
from decart_widget.explore.verdict import compare, interval
from decart_widget.explore.verdict.student import t_below, t_quantile

HIGH = [10.0, 10.4, 9.8, 10.1, 9.9]
LOW = [8.0, 8.3, 7.9, 8.1, 7.8]


@pytest.mark.parametrize(
    ("share", "freedom", "expected"),
    [
        (0.975, 4, 2.7764),
        (0.975, 1, 12.7062),
        (0.95, 8, 1.8595),
        (0.995, 30, 2.7500),
        (0.975, 1e4, 1.9602),
        (0.5, 3, 0.0),
        (0.985, 8, 2.6338),
    ],
)
def test_quantiles_are_those_of_printed_tables(share, freedom, expected) -> None:
    assert t_quantile(share, freedom) == pytest.approx(expected, abs=2e-4)


@pytest.mark.parametrize("freedom", [0.5, 1, 2.7, 8, 1000])
def test_the_distribution_is_symmetric_and_rises_to_1(freedom) -> None:
    values = [t_below(t, freedom) for t in (-math.inf, -40, -2, -0.1, 0, 0.1, 2, 40, math.inf)]
    assert values == sorted(values)
    assert (values[0], values[-1]) == (0, 1)
    assert values[4] == pytest.approx(0.5)
    assert values[2] + values[6] == pytest.approx(1)


def test_an_interval_of_five_values_is_student_s() -> None:
    found = interval([1, 2, 3, 4, 5])
    assert found.mean == 3
    assert found.low == pytest.approx(1.0368, abs=1e-3)
    assert found.high == pytest.approx(4.9632, abs=1e-3)
    assert found.count == 5


def test_one_value_has_no_interval_and_none_has_no_mean() -> None:
    one = interval([2.0, None, math.nan, math.inf])
    assert (one.mean, one.low, one.high, one.count) == (2, None, None, 1)
    assert interval([]).mean is None


@pytest.mark.parametrize("level", [0, 1, -0.5, math.nan, "0.95"])
def test_a_level_that_is_none_is_refused(level: Any) -> None:
    with pytest.raises(InvalidOptionError, match="level"):
        interval([1, 2], level)
    with pytest.raises(InvalidOptionError, match="level"):
        compare(HIGH, LOW, level=level)


def test_a_clear_difference_is_called_by_what_is_better() -> None:
    verdict = compare(HIGH, LOW)
    assert verdict.word == "better"
    assert verdict.probability is not None
    assert verdict.probability > 0.999
    assert verdict.difference == pytest.approx(2.02)
    assert verdict.interval.low is not None
    assert verdict.interval.low > 0
    assert compare(LOW, HIGH).word == "worse"
    assert compare(LOW, HIGH, better="less").word == "better"
    assert compare(LOW, HIGH, better=None).word == "less"
    assert compare(HIGH, LOW, better=None).word == "more"
    assert str(verdict) == "better (>99.9 %)"


def test_the_probability_is_that_of_being_better() -> None:
    more = compare([3.0, 4.0, 5.0], [2.5, 3.5, 4.5])
    less = compare([3.0, 4.0, 5.0], [2.5, 3.5, 4.5], better="less")
    assert more.word == less.word == "not to be told apart"
    assert more.probability == pytest.approx(0.713, abs=0.01)  # t = 0.61 with 4 degrees of freedom
    assert less.probability == pytest.approx(1 - 0.713, abs=0.01)
    assert "chance" in str(more)


def test_a_difference_that_cannot_be_seen_is_none() -> None:
    a, b = [1.0001, 1.0002, 1.0003], [1.0, 1.0001, 1.0]
    assert compare(a, b, floor=0.02).word == "not to be told apart"
    assert "too small" in compare(a, b, floor=0.02).reason


def test_values_that_agree_by_rounding_are_no_proof() -> None:
    # Without a floor two equal values on each side would be certainty.
    assert compare([0.1, 0.1], [0.2, 0.2], floor=0.09).word == "not to be told apart"
    assert compare([0.1] * 5, [0.3] * 5, floor=0.02).word == "worse"
    assert compare([0.1] * 5, [0.1] * 5).word == "not to be told apart"
    assert compare([0.1] * 5, [0.1] * 5).probability == 0.5
    assert compare([0.2] * 2, [0.1] * 2).word == "better"


def test_one_value_of_a_cell_tells_nothing_and_says_what_to_do() -> None:
    verdict = compare([1.0], [2.0, 2.1, 2.2])
    assert verdict.word == "not to be told apart"
    assert verdict.probability is None
    assert verdict.difference == pytest.approx(-1.1)
    assert "run it with repeats" in str(verdict)
    assert compare([], [1.0, 2.0]).difference is None


def test_more_comparisons_ask_for_a_clearer_difference() -> None:
    a, b = [1.9, 2.9, 3.9, 2.4, 3.4], [0.1, 1.1, 2.1, 0.6, 1.6]
    assert compare(a, b).word == "better"
    assert compare(a, b, comparisons=36).word == "not to be told apart"


@pytest.mark.parametrize(
    "wrong", [{"floor": -1}, {"floor": math.nan}, {"comparisons": 0}, {"comparisons": 1.5}]
)
def test_options_out_of_range_are_refused(wrong: Any) -> None:
    with pytest.raises(InvalidOptionError):
        compare(HIGH, LOW, **wrong)


def test_cells_that_are_the_same_are_seldom_told_apart_and_far_ones_mostly() -> None:
    random = np.random.default_rng(4)
    draws = random.normal(size=(200, 2, 5))
    alarms = [compare(a, b).word != "not to be told apart" for a, b in draws]
    found = [compare(a + 2.5, b).word == "better" for a, b in draws]
    assert sum(alarms) <= 10
    assert sum(found) >= 160
