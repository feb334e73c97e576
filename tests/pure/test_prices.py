"""List prices, and budgets in dollars."""

from __future__ import annotations

from typing import Any

import pytest

from decart_widget.errors import InvalidOptionError
from decart_widget.models import MODELS, RealtimeModel
from decart_widget.prices import PRICES, price, set_price


def test_every_model_has_a_price_that_fast_doubles() -> None:
    for name, model in MODELS.items():
        expected = 0.01 if "restyle" in name else 0.02
        assert price(model) == expected
        assert price(model, "fast") == 2 * expected


def test_a_model_of_the_user_s_own_has_no_price_until_one_is_set(own_prices) -> None:
    mine = RealtimeModel("my-model")
    assert price(mine) is None
    set_price("my-model", 0.5)
    assert price(mine) == 0.5
    set_price("my-model", None)
    assert price(mine) is None


def test_a_model_s_own_price_counts_more_than_its_family_s(own_prices) -> None:
    set_price("lucy", 0.03)
    set_price("lucy-2.1", 0)
    assert price(MODELS["lucy-2.6"]) == 0.03
    assert price(MODELS["lucy-2.1"]) == 0
    assert price(MODELS["lucy-vton-3.6"]) == 0.02


@pytest.mark.parametrize("wrong", [-1, 1001, float("nan"), float("inf"), "2", True])
def test_a_price_that_is_none_is_refused(wrong: Any) -> None:
    with pytest.raises(InvalidOptionError) as caught:
        set_price("lucy", wrong)
    assert "dollars per second" in caught.value.remedy
    assert PRICES["lucy"] == 0.02


@pytest.mark.parametrize(
    ("budget", "options", "seconds"),
    [
        ("$2", {}, 100),
        (" $0.50 ", {}, 25),
        ("$2", {"speed": "fast"}, 50),
        ("$2", {"model": "lucy-restyle-2"}, 200),
    ],
)
def test_a_budget_in_dollars_becomes_seconds(
    make, budget: str, options: dict[str, Any], seconds: float
) -> None:
    widget = make(budget=budget, **options)
    assert widget.budget == widget.remaining == seconds
    widget.budget = "$0.40"
    assert widget.budget == seconds / float(budget.strip()[1:]) * 0.4


@pytest.mark.parametrize("wrong", ["2", "2$", "$", "$-1", "$1e3", "$0", "two", "", "$1,5"])
def test_a_text_that_is_no_amount_of_dollars_is_refused(make, wrong: str) -> None:
    with pytest.raises(InvalidOptionError) as caught:
        make(budget=wrong)
    assert "$2" in caught.value.remedy or "seconds" in caught.value.remedy


def test_a_budget_in_dollars_needs_a_price(make, own_prices) -> None:
    mine = RealtimeModel("my-model")
    with pytest.raises(InvalidOptionError, match="No price is known") as caught:
        make(model=mine, budget="$2")
    assert "set_price" in caught.value.remedy
    set_price("my-model", 0.1)
    assert make(model=mine, budget="$2").budget == 20


@pytest.mark.parametrize(
    ("options", "cost"),
    [
        ({"endpoint": "decart"}, 0.0),
        ({"endpoint": "decart", "model": RealtimeModel("mine")}, None),
        ({"endpoint": "https://elsewhere.example"}, None),
        ({"endpoint": "sandbox", "api_key": None}, 0.0),
    ],
)
def test_before_a_session_the_cost_is_nothing_or_unknown(
    make, options: dict[str, Any], cost: float | None
) -> None:
    assert make(**options).cost == cost
