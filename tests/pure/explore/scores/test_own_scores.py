"""Score functions of the user's, scales, noise of the control, and twins."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from decart_widget.errors import InvalidOptionError
from decart_widget.explore.scores import (
    SCALES,
    above_floor,
    bars,
    check_functions,
    fingerprint,
    score_all,
    twins,
)
from tests.pure.explore.made_clips import each, moving, negative, times


def brightness(frames: Any, sent: Any) -> float:
    return float(np.mean(frames)) - float(np.mean(sent))


def test_a_function_of_the_user_s_is_a_score_beside_the_others() -> None:
    sent = moving(2, count=3)
    found, reasons = score_all(each(sent, lambda f: f // 2), sent, times(3), {"dim": brightness})
    assert found["dim"] < -50
    assert "structure" in found
    assert reasons == {}


def test_what_a_function_raises_is_kept_as_text_and_the_others_go_on() -> None:
    def breaks(frames: Any, sent: Any) -> float:
        raise RuntimeError("no model at dct_0123456789abcdef " + "x" * 1000)

    def writes(frames: Any, sent: Any) -> float:
        frames[0][:] = 0
        return 1.0

    def leaves(frames: Any, sent: Any) -> float:
        raise SystemExit

    functions: dict[str, Any] = {
        "breaks": breaks,
        "writes": writes,
        "leaves": leaves,
        "text": lambda frames, sent: "many",
        "nan": lambda frames, sent: math.nan,
        "dim": brightness,
    }
    sent = moving(2, count=3)
    found, reasons = score_all(sent, sent, times(3), functions)
    assert found["dim"] == 0
    assert set(reasons) == {"breaks", "writes", "leaves", "text", "nan"}
    assert reasons["breaks"].startswith("RuntimeError: no model at")
    assert "0123456789abcdef" not in reasons["breaks"]
    assert len(reasons["breaks"]) <= 300
    assert reasons["leaves"] == "SystemExit"
    assert sent[0].any()


def test_functions_are_called_by_their_own_names_unless_names_are_given() -> None:
    assert list(check_functions([brightness])) == ["brightness"]
    assert list(check_functions(brightness)) == ["brightness"]
    assert list(check_functions({"mine": brightness})) == ["mine"]
    assert check_functions(None) == {}


async def waits(frames: Any, sent: Any) -> float:
    return 0.0


@pytest.mark.parametrize(
    "wrong",
    [
        5,
        "brightness",
        {"flicker": brightness},
        [brightness, brightness],
        {"": brightness},
        {"mine": 3},
        {"mine": lambda frames: 0},
        [waits],
        {str(i): brightness for i in range(21)},
    ],
)
def test_functions_that_cannot_be_used_are_refused_before_a_sweep(wrong: Any) -> None:
    with pytest.raises(InvalidOptionError, match="score functions can't be used"):
        check_functions(wrong)


@pytest.mark.parametrize("name", list(SCALES))
def test_a_bar_is_between_0_and_1_and_follows_its_figure(name) -> None:
    scale = SCALES[name]
    places = [scale.to_unit(value) for value in (-5.0, 0.0, 0.3, 1.0, 8.0, 1e9, math.inf)]
    assert all(0 <= place <= 1 for place in places)
    assert places in (sorted(places), sorted(places, reverse=True))
    assert scale.to_unit(math.nan) == 0
    if scale.better is not None:
        assert (places[-1] > places[0]) == (scale.better == "more")


def test_the_bars_of_a_user_s_score_reach_from_the_least_to_the_greatest() -> None:
    assert bars("mine", [10.0, None, 30.0, 20.0, math.nan]) == [0, 0, 1, 0.5, 0]
    assert bars("mine", [7.0, 7.0]) == [1, 1]
    assert bars("mine", [-1e308, 1e308]) == [0, 1]
    assert bars("mine", [None]) == [0]
    assert bars("structure", [0.5, None]) == [0.5, 0]


def test_the_noise_of_the_control_is_taken_off() -> None:
    control = {"flicker": 0.5, "structure": 0.9, "sharpness": 0.8, "change": 2.0, "judder": 0.1}
    cell = {"flicker": 2.0, "structure": 0.45, "sharpness": 0.4, "change": 1.5, "mine": 3.0}
    found = above_floor(cell, control)
    assert found == pytest.approx(
        {"flicker": 1.5, "structure": 0.5, "sharpness": 0.5, "change": 0.0, "mine": 3.0}
    )
    assert above_floor(cell, {}) == cell
    assert above_floor({"sharpness": 1.0}, {"sharpness": 1e-9}) == {"sharpness": 10.0}


def test_twins_are_cells_that_are_the_same_picture() -> None:
    sent = moving(2, count=5)
    noise = np.random.default_rng(1).normal(0, 3, sent[0].shape)
    noisy = each(sent, lambda f: np.clip(f + noise, 0, 255))
    prints = {
        "a": fingerprint(sent),
        "b": fingerprint(each(sent, negative)),
        "c": fingerprint(noisy),
        "short": fingerprint(sent[:2]),
    }
    found = twins(prints)
    assert [(twin.first, twin.second) for twin in found] == [("a", "c")]
    assert 0 < found[0].distance < 3
    assert len(twins(prints, threshold=1000)) == 3


def test_colours_that_differ_in_places_alone_are_no_twins() -> None:
    # Their means are the same, so that only the pictures themselves tell them apart.
    board = (np.indices((180, 320)).sum(axis=0) // 2 % 2 * 120).astype(np.uint8)
    a = [np.repeat(board[..., None], 3, axis=2)]
    b = [np.ascontiguousarray(np.roll(a[0], 2, axis=1))]
    assert twins({"a": fingerprint(a), "b": fingerprint(b)}) == []


def test_more_cells_than_can_be_compared_are_refused() -> None:
    one = fingerprint([np.zeros((40, 40, 3), np.uint8)])
    with pytest.raises(InvalidOptionError, match="1001 cells"):
        twins(dict.fromkeys(range(1001), one))
    with pytest.raises(InvalidOptionError, match="no frame"):
        fingerprint([])
