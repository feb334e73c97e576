"""The ledger of a sweep: what is in it holds, whenever its process ended."""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from decart_widget.explore.folders import ledger
from decart_widget.explore.records import CellResult

DONE = CellResult(
    key="a" * 16,
    status="done",
    indices=(0, 2),
    times=(0.0, 0.08),
    settled_s=0.31,
    billed_s=2.6,
    cost=0.052,
    session="s-1",
    model_id="lucy-2.6",
    scores={"flicker": 0.4, "mine": math.nan},
    score_errors={"other": "ValueError: no face 🙂"},
    files={"clip": "cells/a.mp4"},
)


def refused(key: str, reason: str = "no") -> CellResult:
    return CellResult(key=key, status="refused", reason=reason, code="request-rejected")


def test_what_was_appended_is_read(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger.append(path, DONE)
    ledger.append(path, refused("b"))
    results, damaged = ledger.read(path)
    assert damaged == 0
    assert list(results) == [DONE.key, "b"]
    again = results[DONE.key]
    assert math.isnan(again.scores["mine"])
    assert again.as_json() == DONE.as_json()


def test_the_last_line_of_a_cell_holds(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger.append(path, refused("b", "no"))
    ledger.append(path, refused("b", "again no"))
    assert ledger.read(path)[0]["b"].reason == "again no"


def test_a_ledger_that_is_missing_is_empty(tmp_path: Path) -> None:
    assert ledger.read(tmp_path / "ledger.jsonl") == ({}, 0)


@pytest.mark.parametrize("cut", range(1, 60, 7))
def test_a_torn_last_line_is_left_out_and_cut_off(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "ledger.jsonl"
    ledger.append(path, DONE)
    whole = path.read_bytes()
    ledger.append(path, refused("b"))
    path.write_bytes(path.read_bytes()[:-cut])
    assert list(ledger.read(path)[0]) == [DONE.key]
    ledger.append(path, refused("c"))
    assert path.read_bytes().startswith(whole)
    assert list(ledger.read(path)[0]) == [DONE.key, "c"]


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"key": "a"}',
        b'{"key": "a", "status": "gone"}',
        b'{"key": "a", "status": "done", "scores": {"flicker": "x"}}',
        b'{"key": "a", "status": "done", "times": 3}',
        b'{"key": "a", "status": "done", "files": []}',
        b"[" * 100_000,
    ],
)
def test_lines_that_cannot_be_read_are_counted_and_the_others_kept(
    tmp_path: Path, line: bytes
) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(line + b"\n")
    ledger.append(path, DONE)
    results, damaged = ledger.read(path)
    assert (list(results), damaged) == ([DONE.key], 1)


def test_a_field_of_a_newer_version_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b'{"key": "a", "status": "done", "aura": 3}\n')
    assert ledger.read(path)[0]["a"] == CellResult(key="a", status="done")
