"""Template, fields and history of a widget, from Python and from a page."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import ipywidgets
import pytest
import traitlets

from decart_widget.errors import ConfigurationError, InvalidOptionError
from decart_widget.inputs.templates import scale, template
from decart_widget.protocol.requests import PromptState
from decart_widget.widgets.fields import Fields
from tests.pure.widget_helpers import sent, settle, updates
from tests.pure.widgets.test_page_rights import by_page

PORTRAIT = template(
    "a {medium} portrait at {light}, {strength}",
    medium=["watercolour", "charcoal"],
    light=["dawn", "dusk"],
    strength=scale(["barely", "gently", "strongly"]),
)


def test_the_prompt_follows_the_fields_from_the_constructor_on(make) -> None:
    widget = make(template=PORTRAIT)
    assert widget.prompt == "a watercolour portrait at dawn, barely"
    widget.fields.light = "dusk"
    widget.fields.strength_index = 2
    assert widget.prompt == "a watercolour portrait at dusk, strongly"
    assert widget.fields.strength == "strongly"
    assert updates()["_fields"] == {"medium": 0, "light": 1, "strength": 2}
    assert updates()["prompt"] == widget.prompt


def test_a_prompt_that_is_given_stays_until_a_field_changes(make) -> None:
    widget = make(template=PORTRAIT, prompt="ink")
    assert widget.prompt == "ink"
    widget.fields.medium = "charcoal"
    assert widget.prompt == "a charcoal portrait at dawn, barely"


def test_a_field_links_to_any_dropdown_or_slider(make) -> None:
    widget = make(template=PORTRAIT)
    dropdown = ipywidgets.Dropdown(options=PORTRAIT.fields["light"].labels)
    slider = ipywidgets.IntSlider(max=2)
    ipywidgets.link((widget.fields, "light"), (dropdown, "value"))
    ipywidgets.link((widget.fields, "strength_index"), (slider, "value"))
    dropdown.value = "dusk"
    slider.value = 1
    assert widget.prompt == "a watercolour portrait at dusk, gently"
    widget.fields.light = "dawn"
    assert dropdown.value == "dawn"


@pytest.mark.parametrize(
    ("name", "value"),
    [("light", "noon"), ("light", 1), ("strength_index", 3), ("strength_index", 0.5)],
)
def test_a_value_that_a_field_does_not_have_is_refused(make, name: str, value: Any) -> None:
    widget = make(template=PORTRAIT)
    with pytest.raises(InvalidOptionError) as refused:
        setattr(widget.fields, name, value)
    assert refused.value.remedy
    assert widget.prompt == "a watercolour portrait at dawn, barely"


def test_a_page_sets_fields_and_observers_are_called_later(make) -> None:
    widget = make(template=PORTRAIT)
    seen: list[str] = []
    widget.fields.observe(lambda change: seen.append(change["new"]), "light")
    by_page(widget, _fields={"medium": 1, "light": 1, "strength": 0})
    assert widget.prompt == "a charcoal portrait at dusk, barely"
    settle()
    assert seen == ["dusk"]


@pytest.mark.parametrize(
    "places",
    [
        {"medium": 2, "light": 0, "strength": 0},
        {"medium": 0, "light": -1, "strength": 0},
        {"medium": 0, "light": True, "strength": 0},
        {"medium": 0, "light": "dusk", "strength": 0},
        *({"medium": 0}, {"other": 0, "light": 0, "strength": 0}, [0, 0, 0], None, {}),
    ],
)
def test_a_page_may_set_a_field_to_a_value_of_that_field_only(make, places: Any) -> None:
    widget = make(template=PORTRAIT)
    sent.clear()
    by_page(widget, _fields=places)
    assert widget.prompt == "a watercolour portrait at dawn, barely"
    assert updates()["_fields"] == {"medium": 0, "light": 0, "strength": 0}
    assert sum(widget.log.refused.values()) == 1


def test_a_new_template_keeps_the_values_of_fields_that_stay(make) -> None:
    widget = make(template=PORTRAIT)
    widget.fields.light = "dusk"
    widget.template = template("{light} in {season}", light=["noon", "dusk"], season=["May"])
    assert widget.prompt == "dusk in May"
    assert set(updates()["_fields"]) == {"light", "season"}
    assert [field["name"] for field in updates()["_template"]["fields"]] == ["light", "season"]
    widget.template = None
    assert widget.template is None
    assert updates()["_template"] == {}
    assert widget.prompt == "dusk in May"


@pytest.mark.parametrize(
    "wrong",
    [
        "a {light} portrait",
        7,
        {"text": "{a}"},
        [],
        template("{observe}", observe=["a"]),
        template("{a} {a_index}", a=["b"], a_index=["c"]),
        template("{a} {b}", a={"y": "y" * 6000}, b={"z": "z" * 6000}),
    ],
    ids=["text", "number", "half", "list", "method", "index", "long"],
)
def test_a_template_that_can_not_be_used_is_refused_with_a_remedy(make, wrong: Any) -> None:
    with pytest.raises(ConfigurationError) as refused:
        make(template=wrong)
    assert refused.value.remedy
    widget = make(template=PORTRAIT)
    with pytest.raises(ConfigurationError):
        widget.template = wrong
    assert widget.template is PORTRAIT


def test_fields_are_traits_without_a_widget_too() -> None:
    fields = Fields(PORTRAIT)
    assert isinstance(fields, traitlets.HasTraits)
    fields.medium = "charcoal"
    assert fields.prompt == "a charcoal portrait at dawn, barely"
    assert repr(fields) == "Fields(medium='charcoal', light='dawn', strength='barely')"


def test_a_sweep_without_template_or_clip_says_what_to_do(make) -> None:
    with pytest.raises(InvalidOptionError, match="no template"):
        make().sweep()
    with pytest.raises(InvalidOptionError, match="clip") as refused:
        make(template=PORTRAIT).sweep()
    assert "w.record" in refused.value.remedy


def filled(widget: Any) -> None:
    looks = widget._controller.deck.looks
    for place, prompt in enumerate(("spring", "autumn")):
        looks.applied(PromptState(prompt), "lucy-latest", 1000.0 + place)
    looks.refused(PromptState("x"), "lucy-latest", 1002.0, reason="<no>", code="rejected")
    looks.effect(1, 0.3, True, b"\xff\xd8\xffx")
    looks.mark(1, star=True)


def test_the_history_is_records_a_table_and_a_frame(make) -> None:
    pytest.importorskip("pandas")
    widget = make()
    filled(widget)
    history = widget.history
    assert [record["prompt"] for record in history] == ["spring", "autumn", "x"]
    assert history[-1]["reason"] == "<no>"
    assert len(history[:2]) == 2
    assert repr(history) == "History(3 prompts, 1 starred, 1 refused)"
    assert "&lt;no&gt;" in history._repr_html_()
    frame = history.to_frame()
    assert list(frame["prompt"]) == ["spring", "autumn", "x"]
    assert str(frame["at"][0]) == "1970-01-01 00:16:40+00:00"
    assert history.thumbnail(1) == b"\xff\xd8\xffx"
    assert history.thumbnail(2) is None


def test_the_history_survives_in_lines_of_json_and_in_a_saved_notebook(
    make, tmp_path: Path
) -> None:
    widget = make()
    filled(widget)
    widget.history.to_jsonl(tmp_path / "history.jsonl")
    settle()
    widget._show_looks()
    settle()
    state = {"m1": {"state": {"_looks": widget.history.records()}}, "m2": {"state": {}}}
    saved = {
        "metadata": {"widgets": {"application/vnd.jupyter.widget-state+json": {"state": state}}}
    }
    (tmp_path / "saved.ipynb").write_text(json.dumps(saved))
    for name in ("history.jsonl", "saved.ipynb"):
        other = make()
        assert other.history.load(tmp_path / name) == 3
        assert [record["prompt"] for record in other.history] == ["spring", "autumn", "x"]
        assert other.history[0]["star"]


@pytest.mark.parametrize(
    ("name", "text"),
    [("a.jsonl", "{"), ("a.jsonl", "[1]"), ("a.ipynb", "{}"), ("a.jsonl", '{"prompt": 1}')],
)
def test_a_file_without_a_history_is_refused(make, tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    widget = make()
    with pytest.raises(InvalidOptionError, match="no history"):
        widget.history.load(tmp_path / name)
    with pytest.raises(InvalidOptionError, match="No such file"):
        widget.history.load(tmp_path / "none.jsonl")
    assert len(widget.history) == 0


def test_thumbnails_are_in_no_trait_unless_they_are_to_be_saved(make) -> None:
    widget = make()
    filled(widget)
    assert "_thumbnails" not in updates()
    widget.save_thumbnails = True
    settle()
    assert set(updates()["_thumbnails"]) == {"1"}


def test_python_marks_a_record_and_is_told_of_one_that_is_none(make) -> None:
    widget = make()
    filled(widget)
    widget.history.mark(2, pin=True)
    assert widget.history[1]["pin"]
    for number in (3, 9):
        with pytest.raises(InvalidOptionError, match="number"):
            widget.history.mark(number, star=True)


def test_there_is_no_record_of_a_session_before_the_first(make) -> None:
    assert make().session_record is None
