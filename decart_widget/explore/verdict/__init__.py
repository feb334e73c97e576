"""Verdicts: how sure the scores of a few repeats are, comparisons of cells, and blind rankings."""

from __future__ import annotations

from decart_widget.explore.verdict.comparison import Verdict, compare
from decart_widget.explore.verdict.intervals import Interval, interval
from decart_widget.explore.verdict.ranking import Pair, Ranking, Strength

__all__ = ["Interval", "Pair", "Ranking", "Strength", "Verdict", "compare", "interval"]
