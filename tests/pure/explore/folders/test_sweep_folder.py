"""The folder of a sweep: loaded, repeated, damaged."""

from __future__ import annotations

from pathlib import Path

import pytest

from decart_widget.errors import (
    InvalidPathError,
    SourceError,
)
from decart_widget.explore.planning.axes import grid
from decart_widget.explore.sweeps import load, repeat
from tests.pure.explore.made import CLIP, Runs, finished, planned, port

FOUR = grid("{style}, {light}", style=["oil", "ink"], light=["noon", "dusk"])


def test_a_loaded_sheet_shows_what_was_done(tmp_path: Path) -> None:
    sheet = finished(planned(tmp_path / "run", FOUR, repeats=2))
    again = load(tmp_path / "run", _port=port())
    assert again.state == "done"
    assert (again.axes, again.cells, again.moments) == (sheet.axes, sheet.cells, sheet.moments)
    assert {k: r.as_json() for k, r in again.results.items()} == {
        k: r.as_json() for k, r in sheet.results.items()
    }
    assert len(again.clip(("oil", "noon"), repeat=1)) == 6


def test_the_manifest_holds_no_secret(tmp_path: Path) -> None:
    key = "dct_" + "s3cret" * 6
    sheet = planned(tmp_path / "run", endpoint="sandbox", api_key=key)
    finished(sheet)
    for path in (tmp_path / "run").rglob("*"):
        assert not path.is_file() or key.encode() not in path.read_bytes()
    assert key not in repr(sheet)


def test_a_manifest_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    finished(planned(tmp_path / "run"))
    path = tmp_path / "run" / "manifest.json"
    path.write_text(path.read_text().replace('"version": 1', '"version": 2'))
    for use in (lambda: load(tmp_path / "run", _port=port()), lambda: planned(tmp_path / "run")):
        with pytest.raises(InvalidPathError, match="newer version") as caught:
            use()
        assert caught.value.code == "newer-manifest"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": "decart-widget sweep"}'])
def test_a_damaged_manifest_is_named_and_can_be_written_anew(tmp_path: Path, text: str) -> None:
    finished(planned(tmp_path / "run"))
    (tmp_path / "run" / "manifest.json").write_text(text)
    with pytest.raises(InvalidPathError, match="damaged"):
        load(tmp_path / "run", _port=port())
    runs = Runs()
    finished(planned(tmp_path / "run", overwrite=True, runs=runs))
    assert not runs.cells


def test_of_a_damaged_folder_what_is_whole_is_loaded_and_the_rest_named(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    sheet = finished(planned(folder, FOUR))
    oil, ink = (sheet.select((style, "noon"))[0].key for style in ("oil", "ink"))
    (folder / "cells" / f"{oil}.mp4").unlink()
    clip = folder / "cells" / f"{ink}.jpg"
    clip.write_bytes(clip.read_bytes()[:-5])
    with (folder / "ledger.jsonl").open("a") as ledger:
        ledger.write("{broken}\n")
    again = load(folder, _port=port())
    assert {cell.key for cell in again.cells} - set(again.results) == {oil, ink}
    text = "; ".join(again.damaged)
    assert oil in text
    assert ink in text
    assert "1 line of the ledger" in text
    runs = Runs()
    finished(planned(folder, FOUR, runs=runs))
    assert {cell.key for cell in runs.cells} == {oil, ink}


def test_there_is_nothing_to_load_in_another_folder(tmp_path: Path) -> None:
    with pytest.raises(InvalidPathError, match="no sweep"):
        load(tmp_path, _port=port())


def test_a_sweep_is_repeated_beside_the_old_one(tmp_path: Path) -> None:
    sheet = finished(planned(tmp_path / "run", FOUR))
    for old in (sheet, tmp_path / "run"):
        runs = Runs()
        again = repeat(old, _port=port(runs))
        assert again.state == "planned"
        assert again.folder.parent == tmp_path
        assert again.folder != sheet.folder
        assert [cell.key for cell in again.cells] == [cell.key for cell in sheet.cells]
        finished(again)
        assert len(runs.cells) == 5


def test_a_loaded_sheet_goes_on_where_it_was_stopped(tmp_path: Path) -> None:
    sheet = planned(tmp_path / "run", FOUR)
    sheet.start(2)
    sheet.wait(progress=False)
    runs = Runs()
    again = finished(load(tmp_path / "run", _port=port(runs)))
    assert again.state == "done"
    assert len(runs.cells) == 2


def test_another_clip_in_the_place_of_the_old_one_is_refused(tmp_path: Path) -> None:
    sheet = finished(planned(tmp_path / "run"))
    with pytest.raises(SourceError, match="isn't the clip"):
        repeat(sheet, _port=port(), source=type(CLIP)("bars", fps=10, duration=3))


def test_stars_are_kept_in_the_folder(tmp_path: Path) -> None:
    sheet = finished(planned(tmp_path / "run"))
    sheet.star("oil")
    assert load(tmp_path / "run", _port=port()).stars == {sheet.select("oil")[0].key}
    sheet.star("oil", False)
    assert not load(tmp_path / "run", _port=port()).stars
