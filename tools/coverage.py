"""Combines the Python coverage data of a run of the tests, prints a table, and holds the minimum.

`make test` runs its layers with COVERAGE_PROCESS_START and COVERAGE_FILE set: each Python process,
that is pytest, kernels and sandboxes, then writes a data file of its own into `DATA`. `--erase`
removes them, and the front end's data beside them.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import coverage

ROOT: Final = Path(__file__).parents[1]
DATA: Final = ROOT / ".coverage-data" / "python"
"""Folder of the data files; ignored by git, removed by `make clean`."""
MIN_PERCENT: Final = 92.0
"""The least share of statements and branches that the tests have to execute, in per cent."""
LISTED: Final = 8
"""How many of the least covered files are listed."""


@dataclass
class Covered:
    """Counts of one file, or the sum of several."""

    statements: int = 0
    missed_statements: int = 0
    branches: int = 0
    missed_branches: int = 0

    def add(self, summary: Mapping[str, int]) -> None:
        """Adds the counts of one file as coverage.py reports them."""
        self.statements += summary["num_statements"]
        self.missed_statements += summary["missing_lines"]
        self.branches += summary["num_branches"]
        self.missed_branches += summary["missing_branches"]

    @property
    def percent(self) -> float:
        """Share of statements and branches executed, computed as coverage.py does."""
        possible = self.statements + self.branches
        missed = self.missed_statements + self.missed_branches
        return 100.0 if possible == 0 else 100 * (possible - missed) / possible

    def row(self, name: str) -> str:
        """A line of the table."""
        return (
            f"{name:<42} {self.statements:>6} {self.missed_statements:>6} "
            f"{self.branches:>6} {self.missed_branches:>6} {self.percent:>6.1f}"
        )


def by_file(data: Path) -> dict[str, Covered]:
    """Combines the data files of a folder; path below the repository -> counts.

    Raises:
        coverage.CoverageException: There are no data files.
    """
    measured = coverage.Coverage(data_file=data / "data", config_file=ROOT / "pyproject.toml")
    measured.combine([str(data)], keep=True)
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.json"
        measured.json_report(outfile=str(report))
        files = json.loads(report.read_text())["files"]
    counts: dict[str, Covered] = {}
    for name, file in files.items():
        path = (ROOT / name).relative_to(ROOT).as_posix()
        counts[path] = Covered()
        counts[path].add(file["summary"])
    return counts


def table(files: Mapping[str, Covered]) -> tuple[str, Covered]:
    """Coverage by folder with the least covered files below, and the sum."""
    folders: defaultdict[str, Covered] = defaultdict(Covered)
    total = Covered()
    for path, covered in files.items():
        for sums in (folders[str(Path(path).parent)], total):
            sums.statements += covered.statements
            sums.missed_statements += covered.missed_statements
            sums.branches += covered.branches
            sums.missed_branches += covered.missed_branches
    least = sorted(files.items(), key=lambda item: item[1].percent)[:LISTED]
    lines = [
        f"{'':<42} {'stmts':>6} {'missed':>6} {'branch':>6} {'missed':>6} {'%':>6}",
        *(covered.row(name) for name, covered in sorted(folders.items())),
        total.row("all of decart_widget"),
        "least covered:",
        *(covered.row(f"  {name}") for name, covered in least),
    ]
    return "\n".join(lines), total


def main() -> int:
    """Returns 1 where less is covered than `MIN_PERCENT`."""
    parser = argparse.ArgumentParser(prog="python -m tools.coverage", description=__doc__)
    parser.add_argument("--erase", action="store_true", help="remove the data of the run before")
    if parser.parse_args().erase:
        shutil.rmtree(DATA.parent, ignore_errors=True)
        return 0
    text, total = table(by_file(DATA))
    print(text)
    if total.percent < MIN_PERCENT:
        print(
            f"The tests cover {total.percent:.2f} % of decart_widget; the minimum is {MIN_PERCENT}."
        )
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
