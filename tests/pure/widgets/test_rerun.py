from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest

from decart_widget.widgets.rerun import MAX_CELLS, Cells, Execution, current_execution


class Made:
    """Something that a cell makes."""


def something() -> Any:
    """A controller, as far as ``Cells`` is concerned."""
    return Made()


def test_what_one_run_of_a_cell_makes_is_ended_by_the_next_run() -> None:
    cells, first, second, third = Cells(), something(), something(), something()
    assert cells.register(Execution("c", "1"), first) == []
    assert cells.register(Execution("c", "1"), second) == []
    assert set(cells.register(Execution("c", "2"), third)) == {first, second}
    assert cells.register(Execution("c", "2"), something()) == []


def test_cells_leave_each_other_alone() -> None:
    cells, first, second = Cells(), something(), something()
    cells.register(Execution("a", "1"), first)
    assert cells.register(Execution("b", "2"), second) == []


def test_where_the_host_does_not_name_the_cell_nothing_is_ended() -> None:
    cells, first = Cells(), something()
    cells.register(None, first)
    assert cells.register(None, something()) == []


def test_collected_controllers_are_not_kept() -> None:
    cells = Cells()
    cells.register(Execution("c", "1"), something())
    assert cells.register(Execution("c", "2"), something()) == []


def test_cells_are_bounded_and_the_one_run_longest_ago_is_forgotten() -> None:
    cells = Cells()
    kept = [something() for _ in range(MAX_CELLS + 1)]
    for number, made in enumerate(kept):
        cells.register(Execution(str(number), "1"), made)
    assert cells.register(Execution("0", "2"), something()) == []
    assert cells.register(Execution(str(MAX_CELLS), "2"), something()) == [kept[-1]]


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
def test_hosts_that_name_no_cell_give_no_execution(
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
