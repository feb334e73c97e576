"""Every row of docs/reliability.md has a test, and every test of a fault has a row."""

from __future__ import annotations

import re
from pathlib import Path

from tools import reliability

FAULTS = Path(__file__).parents[1] / "faults"
MARK = re.compile(r"pytest\.mark\.fault\(\s*\"([a-z-]+)\"")


def claimed_rows() -> list[str]:
    """The rows that the tests name in their marks."""
    return [
        row for file in sorted(FAULTS.glob("test_*.py")) for row in MARK.findall(file.read_text())
    ]


def test_table_and_tests_have_the_same_rows_each_once() -> None:
    rows = reliability.rows(reliability.TABLE.read_text())
    assert len(rows) >= 30
    assert sorted(rows) == sorted(claimed_rows())
    assert len(set(rows)) == len(rows)


def test_every_test_of_a_fault_names_its_row() -> None:
    for file in FAULTS.glob("test_*.py"):
        text = file.read_text()
        assert len(re.findall(r"^async def test_", text, re.M)) <= len(MARK.findall(text)), (
            file.name
        )


def test_measured_times_are_written_into_the_last_column() -> None:
    head = "| row | what breaks | what you see | s |\n| --- | --- | --- | --- |\n"
    text = f"{head}| a-b | x | y | |\n| c | x | y | 3 |\n"
    report = {"a-b": {"webrtc": 1.26, "livekit": 0.5}}
    assert reliability.written(text, report).splitlines()[2:] == [
        "| a-b | x | y | 1.3 / 0.5 |",
        "| c | x | y | 3 |",
    ]
    assert reliability.seconds({"time": 2.0}) == "2.0"
