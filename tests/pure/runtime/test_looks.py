"""The looks of a widget: which are kept, which key each has, what is read from a file."""

from __future__ import annotations

import json
from typing import Any

import pytest

from decart_widget.protocol.messages import ImageData
from decart_widget.protocol.requests import PromptState
from decart_widget.runtime.looks import MAX_BYTES, MAX_LOOKS, Looks


def applied(looks: Looks, *prompts: str) -> list[int]:
    at = float(len(looks))
    return [
        looks.applied(PromptState(prompt), "lucy-latest", at + place).number
        for place, prompt in enumerate(prompts)
    ]


def prompts(looks: Looks) -> list[Any]:
    return [record["prompt"] for record in looks.records()]


def test_the_same_prompt_state_is_the_same_look_and_counts_its_uses() -> None:
    looks = Looks()
    assert applied(looks, "a", "b", "a") == [1, 2, 1]
    assert [record["uses"] for record in looks.records()] == [2, 1]
    assert looks.live == 1


@pytest.mark.parametrize(
    ("state", "model"),
    [
        (PromptState("a", enrich=False), "lucy-latest"),
        (PromptState("a", image=ImageData("QUJD")), "lucy-latest"),
        (PromptState("a"), "lucy-2.1"),
        (PromptState(None), "lucy-latest"),
    ],
)
def test_another_option_image_or_model_is_another_look(state: PromptState, model: str) -> None:
    looks = Looks()
    applied(looks, "a")
    assert looks.applied(state, model, 5.0).number == 2


def test_the_newest_nine_have_the_keys_and_a_mark_holds_the_key_of_its_look() -> None:
    looks = Looks()
    numbers = applied(looks, *"abcdefghij")
    assert looks.held_keys() == {number: 11 - number for number in numbers[1:]}
    looks.mark(8, star=True)
    assert looks.held_keys()[8] == 3
    applied(looks, "k", "l")
    assert looks.held_keys()[8] == 3
    assert [looks.held_keys()[number] for number in (12, 11, 10)] == [1, 2, 4]
    looks.mark(8, star=False)
    assert looks.held_keys()[8] == 5


def test_an_older_look_gets_a_key_when_it_is_marked() -> None:
    looks = Looks()
    applied(looks, *"abcdefghijkl")
    assert 1 not in looks.held_keys()
    looks.mark(1, pin=True)
    assert looks.held_keys()[1] == 9


def test_one_look_is_pinned_and_one_that_was_refused_can_not_be() -> None:
    looks = Looks()
    applied(looks, "a", "b")
    refused = looks.refused(PromptState("c"), "lucy-latest", 3.0, reason="no", code="rejected")
    assert looks.mark(1, pin=True)
    assert looks.mark(2, pin=True)
    assert [record["pin"] for record in looks.records()] == [False, True, False]
    assert not looks.mark(refused.number, star=True)
    assert refused.number not in looks.held_keys()
    assert looks.live == 2


def test_seconds_are_billed_to_the_look_that_is_live() -> None:
    looks = Looks()
    looks.bill(1)
    applied(looks, "a")
    looks.bill(2)
    applied(looks, "b")
    looks.bill(3)
    assert [record["billed_s"] for record in looks.records()] == [2, 3]


def test_the_oldest_without_a_mark_go_first_and_never_the_live_one() -> None:
    looks = Looks()
    applied(looks, "starred", "pinned")
    looks.mark(1, star=True)
    looks.mark(2, pin=True)
    applied(looks, *(str(number) for number in range(MAX_LOOKS)))
    assert len(looks) == MAX_LOOKS
    assert prompts(looks)[:3] == ["starred", "pinned", "2"]
    assert prompts(looks)[-1] == str(MAX_LOOKS - 1)


def test_records_and_thumbnails_stay_within_their_bytes() -> None:
    looks = Looks()
    for number in applied(looks, *(f"{n} {'x' * 4000}" for n in range(60))):
        looks.effect(number, 0.3, True, b"\xff\xd8\xff" + bytes(9000))
    size = sum(len(json.dumps(record)) for record in looks.records())
    assert size + sum(map(len, looks.thumbnails().values())) <= MAX_BYTES + 60 * 10
    assert len(looks) == 60, "pictures go before prompts"
    applied(looks, *(f"{n} {'y' * 9000}" for n in range(60)))
    assert sum(len(json.dumps(record)) for record in looks.records()) <= MAX_BYTES + 60 * 10
    assert prompts(looks)[-1].startswith("59 y")


def test_what_is_exported_is_added_to_another_once_in_the_order_of_its_times() -> None:
    looks, other = Looks(), Looks()
    applied(looks, "a", "b")
    looks.mark(1, star=True)
    looks.refused(PromptState("c"), "lucy-latest", 2.0, reason="no", code="rejected")
    other.applied(PromptState("new"), "lucy-latest", 99.0)
    assert [other.add(looks.records()) for _ in range(2)] == [3, 0]
    assert prompts(other) == ["a", "b", "c", "new"]
    assert other.live == 1
    assert other.records()[0]["star"]
    assert len({record["number"] for record in other.records()}) == 4


@pytest.mark.parametrize(
    "record",
    [
        *({}, {"prompt": 3}, {"prompt": "a", "at": "now"}, {"prompt": "a", "star": 1}, 7),
        *({"prompt": "a", "uses": True}, {"prompt": "a", "at": float("nan")}),
        *({"prompt": "a", "status": "gone"}, {"prompt": "a", "key": 10}),
    ],
)
def test_a_damaged_record_is_refused_and_nothing_is_added(record: Any) -> None:
    looks = Looks()
    with pytest.raises(ValueError):  # noqa: PT011
        looks.add([{"prompt": "whole"}, record])
    assert len(looks) == 0


def test_a_widget_begins_with_the_looks_of_an_earlier_one() -> None:
    earlier, looks = Looks(), Looks()
    applied(earlier, "a", "b")
    earlier.effect(2, 0.3, True, b"\xff\xd8\xffx")
    looks.take_from(earlier)
    assert prompts(looks) == ["a", "b"]
    assert looks.thumbnails() == {2: b"\xff\xd8\xffx"}
    assert applied(looks, "c") == [3]
    assert len(earlier) == 2
