from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from decart_widget.widgets.rerun import MAX_CELLS, Cells, Execution, current_execution


class StandIn:
    """Stands for a controller, of which ``Cells`` uses nothing but the identity."""


def controller() -> Any:
    return StandIn()


def test_the_next_run_of_a_cell_ends_the_widgets_of_its_last_run() -> None:
    cells, first, second, third = Cells(), controller(), controller(), controller()
    assert cells.register(Execution("c", "1"), first) == []
    assert cells.register(Execution("c", "1"), second) == []
    assert set(cells.register(Execution("c", "2"), third)) == {first, second}
    assert cells.register(Execution("c", "2"), controller()) == []


def test_running_one_cell_does_not_end_the_widgets_of_another() -> None:
    cells, first, second = Cells(), controller(), controller()
    cells.register(Execution("a", "1"), first)
    assert cells.register(Execution("b", "2"), second) == []


def test_nothing_is_ended_where_the_host_does_not_name_the_cell() -> None:
    cells, first = Cells(), controller()
    cells.register(None, first)
    assert cells.register(None, controller()) == []


def test_collected_controllers_are_not_kept() -> None:
    cells = Cells()
    cells.register(Execution("c", "1"), controller())
    assert cells.register(Execution("c", "2"), controller()) == []


def test_cells_are_bounded_and_the_one_run_longest_ago_is_forgotten() -> None:
    cells = Cells()
    kept = [controller() for _ in range(MAX_CELLS + 1)]
    for number, each in enumerate(kept):
        cells.register(Execution(str(number), "1"), each)
    assert cells.register(Execution("0", "2"), controller()) == []
    assert cells.register(Execution(str(MAX_CELLS), "2"), controller()) == [kept[-1]]


@pytest.mark.parametrize(
    "parent",
    [
        None,
        {},
        {"metadata": {}, "header": {"msg_id": "m"}},
        {"metadata": {"cellId": ""}, "header": {"msg_id": "m"}},
        {"metadata": {"cellId": 5}, "header": {"msg_id": "m"}},
        {"metadata": {"cellId": "c"}, "header": {}},
    ],
)
def test_there_is_no_execution_where_the_host_does_not_name_the_cell(
    parent: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = SimpleNamespace(get_parent=lambda: parent)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert current_execution() is None


def test_jupyterlab_names_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    parent = {"metadata": {"cellId": "c"}, "header": {"msg_id": "m"}}
    shell = SimpleNamespace(get_parent=lambda: parent)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    assert current_execution() == Execution("c", "m")


def test_without_a_shell_there_is_no_cell() -> None:
    assert current_execution() is None
