"""Writes measured times into the last column of the tables in docs/reliability.md.

`python -m tools.reliability` takes the times from `faults-report.json`, which `make faults` writes.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

TABLE: Final = Path(__file__).parent.parent / "docs" / "reliability.md"
REPORT: Final = Path("faults-report.json")


def cells(line: str) -> list[str] | None:
    """Cells of a table row; None for a table's head and for any other line."""
    if not line.startswith("| ") or line.startswith(("| row |", "| --- |")):
        return None
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows(text: str) -> list[str]:
    """The names of all rows, in order."""
    return [found[0] for line in text.splitlines() if (found := cells(line)) is not None]


def seconds(times: Mapping[str, float]) -> str:
    """Times in the table's form: webrtc / livekit, or the only time."""
    return " / ".join(f"{times[one]:.1f}" for one in ("time", "webrtc", "livekit") if one in times)


def written(text: str, report: Mapping[str, Mapping[str, float]]) -> str:
    """The text with the report's times in the last column; other rows stay unchanged."""

    def measured(line: str) -> str:
        found = cells(line)
        if found is None or found[0] not in report:
            return line
        return "| " + " | ".join([*found[:3], seconds(report[found[0]])]) + " |"

    return "\n".join(map(measured, text.splitlines())) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.reliability", description=__doc__)
    parser.add_argument("report", nargs="?", type=Path, default=REPORT)
    report = json.loads(parser.parse_args().report.read_text())
    TABLE.write_text(written(TABLE.read_text(), report))


if __name__ == "__main__":
    main()
