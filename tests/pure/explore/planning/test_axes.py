"""The axes of a sweep, and the cells between them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from decart_widget.errors import (
    DecartError,
    InvalidImageError,
    InvalidOptionError,
    InvalidPromptError,
    UnknownModelError,
)
from decart_widget.explore.planning.axes import design, grid, replace
from decart_widget.explore.records import Axis
from decart_widget.inputs.schedules import Schedule
from decart_widget.models import RealtimeModel

RED = np.full((32, 32, 3), (255, 0, 0), np.uint8)
BLUE = np.full((32, 32, 3), (0, 0, 255), np.uint8)


def prompts_of(given: Any, **more: Any) -> list[str | None]:
    return [choice.prompt for choice in design(given, **{"model": "lucy-2.6", **more}).choices]


def test_the_fields_of_a_grid_are_axes_and_each_combination_is_a_cell() -> None:
    made = design(grid("{style}, {light}", style=["oil", "ink"], light=["noon"]), model="lucy-2.6")
    assert made.axes == (Axis("style", ("oil", "ink")), Axis("light", ("noon",)))
    assert [(c.place, c.prompt) for c in made.choices] == [
        ((0, 0), "oil, noon"),
        ((1, 0), "ink, noon"),
    ]


def test_a_grid_without_a_text_joins_its_fields() -> None:
    assert list(grid(style=["oil"], light=["noon", "dusk"])) == ["oil, noon", "oil, dusk"]


@pytest.mark.parametrize(
    ("given", "prompts"),
    [
        ("oil", ["oil"]),
        (["oil", "ink"], ["oil", "ink"]),
        ({"thick": "oil, impasto", "thin": "ink"}, ["oil, impasto", "ink"]),
        ((word for word in ("oil", "ink")), ["oil", "ink"]),
    ],
)
def test_prompts_make_one_axis(given: Any, prompts: list[str]) -> None:
    made = design(given, model="lucy-2.6")
    assert [axis.name for axis in made.axes] == ["prompt"]
    assert [choice.prompt for choice in made.choices] == prompts


def test_labels_of_a_mapping_stand_on_the_axis() -> None:
    assert design({"thick": "oil, impasto"}, model="lucy-2.6").axes == (Axis("prompt", ("thick",)),)


def test_a_prompt_that_is_given_again_is_left_out_and_counted() -> None:
    made = design(["oil", "ink", "oil"], model="lucy-2.6")
    assert (made.axes[0].labels, made.duplicates) == (("oil", "ink"), 1)


def test_combinations_with_the_same_prompt_keep_their_places_and_are_counted() -> None:
    made = design(grid("cat{a}{b}", a={"x": "", "y": "s"}, b={"x": "", "y": "s"}), model="lucy-2.6")
    assert [c.prompt for c in made.choices] == ["cat", "cats", "cats", "catss"]
    assert made.duplicates == 1


def test_several_values_of_an_argument_are_an_axis_and_one_is_none() -> None:
    made = design(
        ["oil"],
        model=["lucy-2.6", "lucy-2.5"],
        enrich=[True, False],
        fresh=[False, True],
        image={"none": None, "red": RED},
    )
    assert [axis.name for axis in made.axes] == ["prompt", "image", "enrich", "model", "fresh"]
    assert len(made.choices) == math.prod(len(axis.labels) for axis in made.axes) == 16
    for choice in made.choices:
        _, image, enrich, model, fresh = choice.place
        assert (choice.image is not None) == bool(image)
        assert choice.enrich == [True, False][enrich]
        assert choice.model == ["lucy-2.6", "lucy-2.5"][model]
        assert choice.fresh == [False, True][fresh]
    assert [axis.name for axis in design(["oil"], model="lucy-2.6", image=RED).axes] == ["prompt"]


def test_an_image_has_the_key_of_its_bytes() -> None:
    made = design("oil", model="lucy-2.6", image=[RED, BLUE, RED])
    keys = [choice.image for choice in made.choices]
    assert keys[0] == keys[2] != keys[1]
    assert set(made.images) == set(keys)
    assert made.axes[1].labels == ("image 1", "image 2", "image 3")


def test_an_image_may_do_without_a_prompt() -> None:
    assert prompts_of(None, image=RED) == [None]


def test_a_schedule_is_a_prompt() -> None:
    made = design([Schedule([(0, "spring"), (2, "autumn")])], model="lucy-2.6")
    assert made.choices[0].prompt == "spring"
    assert made.choices[0].changes == ((0.0, "spring"), (2.0, "autumn"))
    assert made.axes[0].labels == ("spring, then autumn",)


def test_a_model_of_the_users_own_is_kept() -> None:
    own = RealtimeModel("my-model", width=640, height=360)
    assert design("oil", model=[own, "lucy-2.6"]).models["my-model"] is own


@pytest.mark.parametrize(
    ("given", "more", "kind", "says"),
    [
        ([], {}, InvalidOptionError, "no prompts"),
        ({}, {}, InvalidOptionError, "no prompts"),
        (3, {}, InvalidOptionError, "are 3"),
        (["oil", ""], {}, InvalidPromptError, "empty"),
        (["oil", 3], {}, InvalidPromptError, "int"),
        (["x" * 10_001], {}, InvalidPromptError, "characters"),
        (None, {}, InvalidOptionError, "neither a prompt nor an image"),
        (["oil", None], {}, InvalidOptionError, "neither a prompt nor an image"),
        ("oil", {"model": []}, InvalidOptionError, '"model" is empty'),
        ("oil", {"model": "lucie"}, UnknownModelError, "lucie"),
        ("oil", {"enrich": []}, InvalidOptionError, '"enrich" is empty'),
        ("oil", {"enrich": "no"}, InvalidOptionError, "enrich is 'no'"),
        ("oil", {"fresh": [1]}, InvalidOptionError, "fresh is 1"),
        ("oil", {"image": []}, InvalidOptionError, '"image" is empty'),
        ("oil", {"image": "/no/such/file.png"}, InvalidImageError, "can't be read"),
        ("oil", {"image": "file_abc"}, InvalidImageError, "only an id"),
        ("oil", {"image": RED, "model": "lucy-restyle-2"}, InvalidImageError, "takes no"),
        ((f"{i}" for i in range(10**9)), {}, InvalidOptionError, "cells"),
        (grid(a=list(range(100)), b=list(range(100))), {}, InvalidOptionError, "10,000"),
    ],
)
def test_what_is_wrong_with_an_axis_is_named(
    given: Any, more: Any, kind: type[DecartError], says: str
) -> None:
    with pytest.raises(kind) as caught:
        design(given, **{"model": "lucy-2.6", **more})
    assert says in caught.value.message
    assert caught.value.remedy


def test_search_and_replace_keeps_the_prompt_as_its_first_value() -> None:
    made = replace("a cat {in} watercolour at noon", {"at noon": ["at dusk", ""]}, cat=["dog"])
    assert list(made.fields) == ["at_noon", "cat"]
    assert list(made) == [
        "a cat {in} watercolour at noon",
        "a dog {in} watercolour at noon",
        "a cat {in} watercolour at dusk",
        "a dog {in} watercolour at dusk",
        "a cat {in} watercolour",
        "a dog {in} watercolour",
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ({}, "Nothing is searched"),
        ({"dog": ["x"]}, "doesn't occur"),
        ({"a": ["x"]}, "occurs 3 times"),
        ({"": ["x"]}, "doesn't occur"),
        ({"cat at": ["x"], "at noon": ["y"]}, "overlaps"),
        ({"cat": "dog"}, "is 'dog'"),
        ({"cat": ["cat"]}, "Nothing stands in place"),
    ],
)
def test_what_is_wrong_with_a_search_is_named(words: Any, says: str) -> None:
    with pytest.raises(InvalidOptionError) as caught:
        replace("cat at noon, a", words)
    assert says in caught.value.message
