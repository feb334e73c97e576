"""What a page may set: any script in a page can send on a widget's comm."""

from __future__ import annotations

from typing import Any

import pytest
from anywidget import AnyWidget

from decart_widget import DecartViewer, DecartWidget
from decart_widget.explore.views.view import SheetView
from decart_widget.widgets.base import LOOKS
from tests.pure.widget_helpers import KEY, sent, updates

SETS = frozenset(
    {
        *("prompt", "enrich", "camera", "mirror", "orientation", "source", "microphone", "muted"),
        "_fields",
    }
)
"""Traits of the widget that a page may set: what its controls offer, none of which costs money or
sends the picture elsewhere."""

LOWERS = frozenset({"budget"})
"""Traits of the widget that a page may set to a smaller number."""

PYTHON_ONLY = frozenset({"model"})
"""Traits of the widget that a notebook may set and a page may not."""


def by_page(widget: Any, **state: Any) -> None:
    update = {"method": "update", "state": state, "buffer_paths": []}
    widget.comm.handle_msg({"content": {"data": update}, "buffers": []})


@pytest.mark.parametrize("kind", [DecartWidget, DecartViewer, SheetView])
def test_every_synced_trait_of_ours_is_classified(kind: Any) -> None:
    inherited = set(AnyWidget.class_traits())
    own = {name: t for name, t in kind.class_traits(sync=True).items() if name not in inherited}
    is_widget = kind is DecartWidget
    assert {n for n, t in own.items() if t.metadata.get("page") == "sets"} == (
        SETS if is_widget else set()
    )
    assert {n for n, t in own.items() if t.metadata.get("page") == "lowers"} == (
        LOWERS if is_widget else set()
    )
    # Whatever else is synced is read-only, or is known to be for notebooks alone.
    left = {n for n, t in own.items() if not t.read_only and "page" not in t.metadata}
    assert left == (PYTHON_ONLY if is_widget else set())


def test_a_page_may_set_no_other_inherited_trait(make) -> None:
    widget = make()
    for name in set(widget.keys) - SETS - LOWERS - LOOKS:
        before = getattr(widget, name)
        by_page(widget, **{name: "forged"})
        assert getattr(widget, name) == before, name


def test_a_page_may_lower_the_budget_and_not_raise_or_lift_it(make) -> None:
    widget = make(budget=60)
    by_page(widget, budget=20)
    assert widget.budget == 20
    for value in (None, 21, 86_400, "5", True, float("inf"), -1, 0):
        sent.clear()
        by_page(widget, budget=value)
        assert widget.budget == 20
        assert updates()["budget"] == 20, "the page gets the true value back"
    assert widget.log.refused["page: raises budget"] == 6
    assert "raises budget" in widget.log.text("warning")
    widget.budget = 40
    assert widget.budget == 40
    widget.budget = None
    assert widget.budget is None
    by_page(widget, budget=30)
    assert widget.budget == 30


def test_a_page_never_changes_the_model(make) -> None:
    widget = make(model="lucy-2.1")
    sent.clear()
    by_page(widget, model="lucy-latest")
    assert widget.model == "lucy-2.1"
    assert widget._current_settings().model.name == "lucy-2.1"
    assert updates() == {"model": "lucy-2.1"}, "the page gets the true value back"
    assert "sets model, which only Python may" in widget.log.text("warning")
    widget.model = "lucy-latest"
    assert widget._current_settings().model.name == "lucy-latest"


def test_an_update_that_is_refused_in_part_is_otherwise_taken(make) -> None:
    widget = make(prompt="before", budget=10)
    by_page(widget, prompt="after", budget=20, endpoint="https://elsewhere", api_key=KEY)
    assert (widget.prompt, widget.budget) == ("after", 10)
    assert widget.endpoint == "http://127.0.0.1:9"
    assert not hasattr(widget, "api_key")
