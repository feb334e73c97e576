"""The private methods of ipywidgets that the widgets override are still called by ipywidgets."""

from __future__ import annotations

import warnings
from typing import Any

import anywidget
import pytest
from traitlets import TraitType

from decart_widget import DecartWidget
from decart_widget.widgets.hooks import HOOKS, check_hooks
from tests.pure.widget_helpers import settle


def test_a_message_on_the_comm_reaches_our_check(make) -> None:
    widget = make()
    assert widget.comm is not None
    widget.comm.handle_msg({"content": {"data": {"method": "no such method"}}})
    assert widget.log.refused == {"page: not a message of widgets": 1}


def test_a_value_from_a_page_reaches_our_check(make) -> None:
    widget = make()
    update = {"method": "update", "state": {"session_id": "forged"}, "buffer_paths": []}
    widget.comm.handle_msg({"content": {"data": update}, "buffers": []})
    assert widget.session_id is None
    assert widget.log.refused == {"page: sets session_id, which only Python may": 1}


def test_ipywidgets_asks_whether_a_changed_trait_is_to_be_sent(
    make, monkeypatch: pytest.MonkeyPatch
) -> None:
    checked: list[str] = []
    inherited = DecartWidget._should_send_property

    def ask(self: DecartWidget, key: str, value: Any) -> bool:
        checked.append(key)
        return inherited(self, key, value)

    monkeypatch.setattr(DecartWidget, "_should_send_property", ask)
    widget = make()
    checked.clear()
    widget.muted = True
    assert checked == ["muted"]


def test_the_installed_ipywidgets_has_the_methods() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_hooks(anywidget.AnyWidget, HOOKS)


def test_a_custom_message_of_a_page_reaches_our_inbox(make) -> None:
    widget = make()
    widget.comm.handle_msg({"content": {"data": {"method": "custom", "content": 5}}, "buffers": []})
    settle()
    assert sum(widget.log.refused.values()) == 1


def test_traitlets_lets_us_call_the_observers(make, monkeypatch: pytest.MonkeyPatch) -> None:
    notified: list[str] = []
    inherited = DecartWidget._notify_observers

    def note(self: DecartWidget, event: Any) -> None:
        notified.append(event["name"])
        inherited(self, event)

    monkeypatch.setattr(DecartWidget, "_notify_observers", note)
    widget = make()
    notified.clear()
    widget.muted = True
    assert notified == ["muted"]


def test_an_ipywidgets_without_the_methods_causes_a_warning() -> None:
    class Renamed:
        def _handle_msg(self) -> None: ...

    with pytest.warns(RuntimeWarning, match="no _should_send_property"):
        check_hooks(Renamed, ("_handle_msg", "_should_send_property"))


def test_a_widget_is_displayed_by_the_id_of_its_comm(make) -> None:
    shown = make()._repr_mimebundle_()
    data = shown[0] if isinstance(shown, tuple) else shown
    view = data["application/vnd.jupyter.widget-view+json"]
    assert view["model_id"]


def test_no_trait_hides_a_name_of_ipywidgets() -> None:
    ours = {
        name
        for part in DecartWidget.__mro__
        if part.__module__.startswith("decart_widget.")
        for name, value in vars(part).items()
        if isinstance(value, TraitType)
    }
    assert "connection_state" in ours
    hidden = {name for name in ours if hasattr(anywidget.AnyWidget, name)}
    assert not hidden
