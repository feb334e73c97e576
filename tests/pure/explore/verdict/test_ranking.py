"""Blind rankings: pairs, answers, strengths, undo, and their JSON form."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pytest

from decart_widget.errors import InvalidOptionError
from decart_widget.explore.verdict import Ranking, Strength

ITEMS = ["e", "b", "i", "a", "h", "c", "g", "d", "f"]


def judge(left: str, right: str) -> str:
    return "left" if left < right else "right"


def ranked(ranking: Ranking, answers: int | None = None, wrong: float = 0.0) -> Ranking:
    """Answers pairs, of which the first of the alphabet is the better one."""
    random = np.random.default_rng(5)
    while len(ranking.answers) < answers if answers is not None else not ranking.is_done:
        said = judge(*ranking.next_pair())
        if random.random() < wrong:
            said = {"left": "right", "right": "left"}[said]
        ranking.answer(said)
    return ranking


def test_nine_items_are_in_order_after_30_answers_at_most() -> None:
    ranking = ranked(Ranking(ITEMS))
    strengths = ranking.strengths()
    assert len(ranking.answers) <= 30
    assert [each.place for each in strengths] == list(range(1, 10))
    order = [each.item for each in strengths]
    assert order[0] == "a"
    assert sum(order.index(item) != place for place, item in enumerate(sorted(ITEMS))) <= 2


def test_a_wrong_answer_now_and_then_does_not_spoil_the_order() -> None:
    order = [each.item for each in ranked(Ranking(ITEMS), wrong=0.1).strengths()]
    swaps = sum(order.index(a) > order.index(b) for a in ITEMS for b in ITEMS if a < b)
    assert swaps <= 4  # of 36


def test_strengths_have_intervals_which_answers_make_narrower() -> None:
    few, many = (ranked(Ranking(ITEMS), count).strengths() for count in (3, 30))

    def width(strengths: list[Strength]) -> float:
        return sum(each.high - each.low for each in strengths) / len(strengths)

    assert width(many) < 0.8 * width(few)
    assert all(each.low <= each.strength <= each.high for each in few + many)
    assert sum(each.strength for each in many) == pytest.approx(0, abs=1e-6)
    assert sum(each.best for each in many) == pytest.approx(1)


def test_ties_leave_items_side_by_side() -> None:
    ranking = Ranking(["a", "b", "c"])
    for _ in range(9):
        left, right = ranking.next_pair()
        ranking.answer("tie" if {left, right} == {"a", "b"} else judge(left, right))
    first, second, third = ranking.strengths()
    assert {first.item, second.item} == {"a", "b"}
    assert first.strength - second.strength < second.strength - third.strength


def test_a_pair_stays_until_it_is_answered_and_is_not_shown_twice_in_a_row() -> None:
    ranking = Ranking(ITEMS)
    shown = []
    for _ in range(12):
        pair = ranking.next_pair()
        assert ranking.next_pair() == pair
        shown.append(set(pair))
        ranking.answer(judge(*pair))
    assert all(now != before for before, now in pairwise(shown))


def test_sides_are_drawn_so_that_the_better_one_is_on_both() -> None:
    answers = [said for seed in range(4) for _, said in ranked(Ranking(ITEMS, seed), 10).answers]
    assert 8 <= answers.count("left") <= 32


def test_the_same_seed_and_answers_give_the_same_pairs() -> None:
    one, two, other = (ranked(Ranking(ITEMS, seed), 12) for seed in (1, 1, 2))
    assert one.answers == two.answers
    assert one.strengths() == two.strengths()
    assert one.answers != other.answers


def test_undo_shows_the_pair_again_and_forgets_its_answer() -> None:
    ranking = ranked(Ranking(ITEMS), 6)
    before = ranking.strengths()
    pair = ranking.next_pair()
    ranking.answer("left")
    after_left = ranking.strengths()
    assert ranking.undo() == pair
    assert ranking.next_pair() == pair
    assert ranking.strengths() == before
    ranking.answer("right")
    assert ranking.strengths() != after_left
    assert Ranking(ITEMS).undo() is None


def test_a_ranking_survives_json_and_goes_on_as_it_would_have() -> None:
    ranking = ranked(Ranking(ITEMS, seed=3), 11)
    copy = Ranking.from_json(json.loads(json.dumps(ranking.to_json())))
    assert copy.answers == ranking.answers
    assert copy.strengths() == ranking.strengths()
    assert copy.next_pair() == ranking.next_pair()


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"items": None},
        {"items": ["a"]},
        {"answers": None},
        {"answers": [["a", "b"]]},
        {"answers": [["a", "b", "both"]]},
        {"answers": [["a", "z", "left"]]},
        {"answers": [["a", "a", "left"]]},
        {"answers": [["a", "b", "left"]] * 61},
        {"seed": "1"},
    ],
)
def test_a_damaged_ranking_is_refused(change) -> None:
    with pytest.raises(InvalidOptionError):
        Ranking.from_json({**Ranking(["a", "b"]).to_json(), **change})


def test_what_cannot_be_ranked_is_refused() -> None:
    for items in ([], ["a"], ["a", "a"], [str(number) for number in range(101)], [1, 2]):
        with pytest.raises(InvalidOptionError):
            Ranking(items)  # type: ignore[arg-type]
    with pytest.raises(InvalidOptionError, match="answer"):
        Ranking(["a", "b"]).answer("both")
    with pytest.raises(InvalidOptionError, match="seed"):
        Ranking(["a", "b"], seed=-1)


def test_two_items_take_few_answers_and_no_more_than_a_bound() -> None:
    ranking = ranked(Ranking(["b", "a"]))
    assert len(ranking.answers) <= 7
    assert ranking.strengths()[0].item == "a"
    ranked(ranking, 60)
    with pytest.raises(InvalidOptionError, match="60 answers"):
        ranking.answer("left")
    assert repr(ranking) == "Ranking(2 items, 60 answers)"
