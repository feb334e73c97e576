"""The tables of docs/reliability.md: their rows, and their last column from a run's report.

`python -m tools.reliability` writes the times of `faults-report.json` (of `make faults`) into them.
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
    """A table row's cells, or None for any other line, a head's too."""
    if not line.startswith("| ") or line.startswith(("| row |", "| --- |")):
        return None
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


def rows(text: str) -> list[str]:
    """The names of all rows, in order."""
    return [found[0] for line in text.splitlines() if (found := cells(line)) is not None]


def seconds(times: Mapping[str, float]) -> str:
    """Times as the table has them: offer and answer, then a room; or the only one."""
    return " / ".join(f"{times[one]:.1f}" for one in ("time", "webrtc", "livekit") if one in times)


def written(text: str, report: Mapping[str, Mapping[str, float]]) -> str:
    """The text with the report's times in the last column; rows that it lacks stay as they are."""

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
