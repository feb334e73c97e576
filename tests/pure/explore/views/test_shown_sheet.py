"""A sheet as views, files and pictures show it."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from decart_widget.errors import InvalidOptionError
from decart_widget.explore import sprites
from decart_widget.explore.planning.axes import grid
from decart_widget.explore.views.shown_sheet import LARGE, STATIC, ShownSheet, connect
from tests.pure.explore.made import BILLED_S, REFUSED, Runs, finished, planned

PROMPTS = grid("{style}, {light}", style=["oil", "ink"], light=["day", REFUSED])


def shown(folder: Path, **more: Any) -> ShownSheet:
    return ShownSheet(finished(planned(folder / "sweep", PROMPTS, **more)))


def test_a_plan_is_sums_from_which_a_page_tells_each_number_of_cells(tmp_path: Path) -> None:
    sheet = planned(tmp_path / "sweep", PROMPTS)
    plan = ShownSheet(sheet).document()["plan"]
    assert plan["cells"] == 4
    for cells in (1, 3, 4):
        billed = plan["fixed_s"] + cells * plan["cell_s"]
        assert billed == pytest.approx(sheet.plan_for(cells).billed_s)
        wall = plan["open_s"] + cells * plan["wall_cell_s"]
        assert wall == pytest.approx(sheet.plan_for(cells).wall_s)
    assert dict(map(tuple, plan["rows"]))["Model"] == "made-small"


def test_a_page_starts_as_many_cells_as_it_says_and_never_more_than_planned(
    tmp_path: Path,
) -> None:
    runs = Runs()
    sheet = planned(tmp_path / "sweep", ("oil", "ink", "coal"), runs)
    view = ShownSheet(sheet)
    view.start(2)
    sheet.wait(progress=False)
    assert sum(not cell.is_control for cell in runs.cells) == 2
    document = view.document()
    assert sorted(cell["status"] for cell in document["cells"]) == ["done", "done", "left"]
    assert document["plan"]["cells"] == 1, "what is left can be started"
    view.start(999)
    sheet.wait(progress=False)
    assert len({cell.key for cell in runs.cells if not cell.is_control}) == 3


def test_a_cancelled_plan_is_not_started_by_a_page(tmp_path: Path) -> None:
    runs = Runs()
    view = ShownSheet(planned(tmp_path / "sweep", PROMPTS, runs))
    view.cancel()
    view.start(4)
    assert view.document()["state"] == "cancelled"
    assert runs.jobs == []


def test_a_finished_sheet_has_its_pictures_figures_and_reasons(tmp_path: Path) -> None:
    view = shown(tmp_path)
    document = view.document()
    assert document["state"] == "done"
    assert [cell["status"] for cell in document["cells"]] == ["done", "done", "refused", "refused"]
    assert "No." in document["cells"][2]["reason"]
    assert "structure" in document["cells"][0]["figures"]
    assert document["progress"]["billed"].startswith(f"{3 * BILLED_S:.1f} s")
    count = len(document["moments"])
    for name in (document["cells"][0]["picture"], document["input"]):
        for one in (name, f"{name}{LARGE}"):
            data = view.picture(one)
            assert data is not None
            assert sprites.moment(data, count - 1, count).shape == (48, 64, 3)
    assert (view.picture(STATIC) or b"")[:4] == b"\x89PNG"
    assert view.picture("../../etc/passwd") is None
    assert view.picture(document["cells"][2]["key"]) is None


def test_stars_and_retries_reach_the_sheet_and_unknown_cells_do_not(tmp_path: Path) -> None:
    runs = Runs()
    sheet = finished(planned(tmp_path / "sweep", PROMPTS, runs))
    view = ShownSheet(sheet)
    changes: list[int] = []
    end = view.on_change(lambda: changes.append(1))
    key = view.document()["cells"][1]["key"]
    view.star(key, on=True)
    assert view.document()["cells"][1]["starred"]
    assert changes
    before = len(runs.cells)
    view.retry(key)
    sheet.wait(progress=False)
    assert [cell.key for cell in runs.cells[before:] if not cell.is_control] == [key]
    end()
    for wrong in ("0" * 16, "control", ""):
        with pytest.raises(InvalidOptionError, match="no such cell"):
            view.retry(wrong)


def test_a_blind_ranking_is_asked_answered_undone_and_kept(tmp_path: Path) -> None:
    view = shown(tmp_path)
    assert view.document()["ranking"] is None
    view.rank("begin", 0)
    first = view.document()["ranking"]
    assert (first["number"], first["can_undo"], len(first["pair"])) == (0, False, 2)
    view.rank("left", 0)
    view.rank("left", 0)  # a click too many answers no other question
    assert view.document()["ranking"]["number"] == 1
    view.rank("undo", 1)
    assert view.document()["ranking"]["pair"] == first["pair"]
    while view.document()["ranking"]["pair"] is not None:
        view.rank("left", view.document()["ranking"]["number"])
    done = view.document()["ranking"]
    assert all(0 <= each["low"] <= each["share"] <= each["high"] <= 1 for each in done["strengths"])
    assert len(done["strengths"]) == 2
    view.rank("close", done["number"])
    assert view.document()["ranking"] is None
    assert "ranking" in json.loads((tmp_path / "sweep" / "marks.json").read_text())


def test_two_places_are_compared_in_words(tmp_path: Path) -> None:
    view = shown(tmp_path, repeats=3)
    first, second = (cell["key"] for cell in view.document()["cells"][:2])
    view.compare(first, second, "change")
    found = view.document()["comparison"]
    assert (found["key"], found["against"], found["score"]) == (first, second, "change")
    assert found["text"].startswith("change: ")
    assert view.document()["cells"][0]["figures"]["change"]["low"] is not None


def test_a_prompt_is_used_live_where_the_sheet_was_made_from_a_widget(tmp_path: Path) -> None:
    class Widget:
        prompt = ""
        enrich = False

    sheet = finished(planned(tmp_path / "sweep", PROMPTS))
    view, widget = ShownSheet(sheet), Widget()
    assert not view.document()["can"]["use_live"]
    connect(sheet, widget)
    assert view.document()["can"]["use_live"]
    view.use_live(view.document()["cells"][1]["key"])
    assert (widget.prompt, widget.enrich) == ("ink, day", True)
    del widget
    with pytest.raises(InvalidOptionError, match="no live widget"):
        view.use_live(view.document()["cells"][1]["key"])


def test_a_saved_sheet_has_one_file_that_shows_it_and_a_picture(tmp_path: Path) -> None:
    sheet = finished(planned(tmp_path / "sweep", PROMPTS))
    target = sheet.save(tmp_path / "saved")
    text = (target / "sheet.html").read_text(encoding="utf-8")
    data = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    found = json.loads(data[1])
    assert found["document"]["cells"][0]["picture"] in found["pictures"]
    assert "sent" in found["pictures"]
    assert (target / "sheet.png").read_bytes()[:4] == b"\x89PNG"
