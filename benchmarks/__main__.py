"""`python -m benchmarks NAME --json`: runs one benchmark, or `all`; the last line is a JSON object.

Without `--json` a table is printed instead. The exit code is 1 when a figure is out of bounds.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from typing import Any

from benchmarks import LONG, NAMES, Benchmark, Figures, load


def over(benchmark: Benchmark, figures: Figures) -> list[str]:
    """The figures that are above their limit, below their least value, or missing."""
    bounds = [(name, float("-inf"), limit) for name, limit in benchmark.limits.items()]
    bounds += [(name, least, float("inf")) for name, least in benchmark.least.items()]
    return [
        name
        for name, least, most in bounds
        if not isinstance(value := figures.get(name), int | float) or not least <= value <= most
    ]


def bound(benchmark: Benchmark, name: str) -> str:
    """The promised bound of a figure, for the table."""
    if name in benchmark.limits:
        return f"<= {benchmark.limits[name]:,g}"
    return f">= {benchmark.least[name]:,g}" if name in benchmark.least else ""


def flat(figures: Figures) -> Iterator[tuple[str, Any]]:
    """Figures with nested figures (by transport) under dotted names."""
    for name, value in figures.items():
        if isinstance(value, dict):
            yield from ((f"{name}.{inner}", figure) for inner, figure in flat(value))
        else:
            yield name, value


def table(results: list[tuple[Benchmark, Figures]]) -> str:
    rows = [("benchmark", "figure", "value", "limit", "")]
    for benchmark, figures in results:
        late = over(benchmark, figures)
        for name, value in flat(figures):
            promised = bound(benchmark, name)
            rows.append(
                (
                    benchmark.name,
                    name,
                    f"{value:,.3f}".rstrip("0").rstrip(".")
                    if isinstance(value, float)
                    else f"{value:,}"
                    if isinstance(value, int)
                    else str(value),
                    promised,
                    "" if not promised else "NOT MET" if name in late else "ok",
                )
            )
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    rows.insert(1, ("-" * widths[0], "-" * widths[1], "-" * widths[2], "-" * widths[3], ""))
    return "\n".join(
        f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d:>{widths[3]}}  {e}".rstrip()
        for a, b, c, d, e in rows
    )


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", choices=[*NAMES, *LONG, "all"])
    parser.add_argument("--json", action="store_true", help="print one JSON object, not a table")
    parser.add_argument("--minutes", type=float, help="of a long benchmark: its long session")
    parser.add_argument("--cycles", type=int, help="of a long benchmark: its short sessions")
    options = parser.parse_args()
    options_given = {"minutes": options.minutes, "cycles": options.cycles}
    wanted = {name: value for name, value in options_given.items() if value is not None}
    if wanted and options.name not in LONG:
        parser.error(f"{options.name} has a fixed length")
    results = []
    for name in NAMES if options.name == "all" else [options.name]:
        benchmark = load(name)
        print(f"{name}: {benchmark.title}", file=sys.stderr, flush=True)
        results.append((benchmark, benchmark.run(**wanted)))
    if options.json:
        figures = {benchmark.name: figures for benchmark, figures in results}
        print(json.dumps(figures if options.name == "all" else figures[options.name]))
    else:
        print(table(results))
    return 1 if any(over(benchmark, figures) for benchmark, figures in results) else 0


if __name__ == "__main__":
    sys.exit(main())
