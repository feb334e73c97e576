"""The progress of a sweep on standard error, with the time and the money that are left."""

from __future__ import annotations

from typing import Any, Self

from decart_widget.explore.interface import SheetInterface
from decart_widget.explore.planning.plan import duration


class ProgressBar:
    """A bar while a sheet is waited for.

    Args:
        sheet: The sheet.
        is_shown: Whether there is a bar at all.
    """

    def __init__(self, sheet: SheetInterface, *, is_shown: bool) -> None:
        from tqdm import tqdm

        self._sheet = sheet
        planned = sheet.planned
        self._planned = planned
        self._bar: Any = tqdm(
            total=len(planned),
            unit="cell",
            disable=not is_shown,
            dynamic_ncols=True,
            bar_format="{l_bar}{bar}| {n:.0f}/{total_fmt} cells{postfix}",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._bar.close()

    def update(self) -> None:
        """Shows what is done now."""
        if self._bar.disable:
            return
        sheet = self._sheet
        results, running = sheet.results, sheet.running
        self._bar.n = sum(key in results for key in self._planned)
        self._bar.set_postfix_str(words(sheet, running), refresh=True)


def words(sheet: SheetInterface, running: Any) -> str:
    """Returns time and money that are left, and what keeps the sweep waiting.

    Args:
        sheet: The sheet.
        running: Share and phase of the cells that run.
    """
    parts = []
    if sheet.left_s is not None:
        parts.append(f"{duration(sheet.left_s)} left")
    spent = f"{sheet.billed_s:.1f} s billed"
    if sheet.cost:
        spent += f", ${sheet.cost:.2f}"
    parts.append(spent)
    budget_s = sheet.limit_s
    if budget_s is not None:
        parts.append(f"{max(0.0, budget_s - sheet.billed_s):.0f} s of budget left")
    phases = {phase for _, phase in running.values()}
    if phases == {"waiting"}:
        parts.append("waits for a free session of the organisation")
    return ", ".join(parts)
