"""Templates: braces, fields, and the prompts that they make."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from decart_widget.errors import InvalidOptionError, InvalidPromptError
from decart_widget.inputs.prompts import MAX_PROMPT
from decart_widget.inputs.templates import Field, Template, escaped, scale, template


def portrait() -> Template:
    return template(
        "a {medium} portrait at {light}, {strength}",
        strength=scale(["barely", "strongly"]),
        medium=["watercolour", "charcoal"],
        light={"as it is": "any hour", "dusk": "dusk, low sun"},
    )


def test_a_prompt_has_the_texts_of_the_chosen_values() -> None:
    prompt = portrait().prompt(medium="charcoal", light="dusk", strength="barely")
    assert prompt == "a charcoal portrait at dusk, low sun, barely"


def test_fields_keep_the_order_in_which_they_were_given_and_parts_that_of_the_sentence() -> None:
    made = portrait()
    assert list(made.fields) == ["strength", "medium", "light"]
    names = [part.name for part in made.parts if isinstance(part, Field)]
    assert names == ["medium", "light", "strength"]
    assert [field.is_scale for field in made.fields.values()] == [True, False, False]


def test_iterating_gives_every_combination_once() -> None:
    made = portrait()
    prompts = list(made)
    assert len(prompts) == len(made) == len(set(prompts)) == 8
    assert prompts == [made.prompt(**labels) for labels, _ in made.grid()]


def test_the_defaults_are_the_first_values() -> None:
    made = portrait()
    assert made.prompt(**made.defaults) == "a watercolour portrait at any hour, barely"


def test_a_brace_that_stands_twice_is_a_brace() -> None:
    assert template("{{{a}}} {{b}}", a=["x"]).prompt(a="x") == "{x} {b}"


def test_numbers_are_values() -> None:
    assert list(template("{n} cats", n=[1, 2.5])) == ["1 cats", "2.5 cats"]
    assert template("{n} cats", n=[1, 2]).prompt(n=2) == "2 cats"


def test_a_text_may_be_empty_where_its_label_is_not() -> None:
    made = template("a cat{light}", light={"as it is": "", "dusk": ", at dusk"})
    assert list(made) == ["a cat", "a cat, at dusk"]


@given(st.text(max_size=50))
def test_an_escaped_text_is_a_template_of_itself(text: str) -> None:
    wanted = text.strip()
    if not wanted or "\0" in text or any("\ud800" <= char <= "\udfff" for char in text):
        return
    assert template(escaped(text)).prompt() == wanted


def test_a_template_survives_json() -> None:
    again = Template.from_json(json.loads(json.dumps(portrait().as_json())))
    assert again == portrait()


@pytest.mark.parametrize(
    ("text", "fields", "says"),
    [
        ("", {}, "empty"),
        (3, {}, "no text"),
        ("a {medium}", {}, "'medium' has no values"),
        ("a {medium}", {"medum": ["x"]}, "you gave 'medum'"),
        ("a cat", {"light": ["x"]}, "no field 'light'"),
        ("a {medium}", {"medium": ["x"], "light": ["y"]}, "no field 'light'"),
        ("{a} and {a}", {"a": ["x"]}, "occurs 2 times"),
        ("a {medium", {"medium": ["x"]}, "opens a field at character 3"),
        ("a {b {c}", {"c": ["x"]}, "opens a field at character 3"),
        ("a medium}", {"medium": ["x"]}, "closes a field at character 9"),
        ("a {}", {}, "has no name"),
        ("a {0}", {"a": ["x"]}, "is no field"),
        ("a {b.c}", {"b": ["x"]}, "is no field"),
        ("a {b!r}", {"b": ["x"]}, "is no field"),
        ("a {b:>3}", {"b": ["x"]}, "is no field"),
        ("a {b}", {"b": []}, "'b' has no values"),
        ("a {b}", {"b": {}}, "'b' has no values"),
        ("a {b}", {"b": "oil"}, "are 'oil'"),
        ("a {b}", {"b": None}, "are None"),
        ("a {b}", {"b": [""]}, "without a label"),
        ("a {b}", {"b": ["oil", "oil"]}, "'oil' twice"),
        ("a {b}", {"b": [True]}, "True is no value"),
        ("a {b}", {"b": [float("nan")]}, "nan is no value"),
        ("a {b}", {"b": [["oil"]]}, "is no value"),
        ("a {b}", {"b": range(1_000_000_000)}, "201 values"),
    ],
)
def test_what_is_wrong_with_a_template_is_named(text: Any, fields: Any, says: str) -> None:
    with pytest.raises(InvalidOptionError) as caught:
        template(text, **fields)
    assert says in caught.value.message
    assert caught.value.remedy
    assert caught.value.code == "invalid-template"


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "'strength' of the template has no value"),
        ({"colour": "red"}, "no field 'colour'"),
        ({"medium": "oil", "light": "dusk", "strength": "barely"}, "no value 'oil'"),
    ],
)
def test_what_is_wrong_with_the_values_of_a_prompt_is_named(values: Any, says: str) -> None:
    with pytest.raises(InvalidOptionError) as caught:
        portrait().prompt(**values)
    assert says in caught.value.message
    assert caught.value.remedy


def test_a_similar_value_is_suggested() -> None:
    with pytest.raises(InvalidOptionError, match="Did you mean 'charcoal'"):
        portrait().prompt(medium="charcol", light="dusk", strength="barely")


def test_a_prompt_that_becomes_too_long_is_refused() -> None:
    made = template("{a}{b}", a=["x" * 2000], b={"long": "y" * (MAX_PROMPT - 100)})
    with pytest.raises(InvalidPromptError, match="characters"):
        list(made)


def test_a_scale_of_a_single_text_is_refused() -> None:
    with pytest.raises(InvalidOptionError, match="are 'barely'"):
        scale("barely")


@pytest.mark.parametrize("values", [None, {}, {"text": "a {b}", "fields": [{"name": "b"}]}, 3])
def test_other_json_is_no_template(values: Any) -> None:
    with pytest.raises(InvalidOptionError):
        Template.from_json(values)
