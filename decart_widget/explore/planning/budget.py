"""What a sweep may cost: seconds, or US dollars, which are other seconds for each model."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from decart_widget.errors import InvalidOptionError
from decart_widget.runtime.settings import Settings
from decart_widget.widgets.arguments import budget_seconds, dollar_amount


@dataclass(frozen=True)
class Budget:
    """A limit.

    Attributes:
        seconds: For how many seconds of each model it pays, by the model's name.
        dollars: The amount; None where it was given in seconds.
    """

    seconds: Mapping[str, float]
    dollars: float | None = None

    def left_s(self, model: str, billed: Mapping[str, float]) -> float:
        """Returns for how many seconds of a model it still pays.

        Args:
            model: The model's name.
            billed: Seconds that were billed so far, by model.
        """
        used = sum(seconds / self.seconds[name] for name, seconds in billed.items())
        return max(0.0, (1 - used) * self.seconds[model])

    def pays_for(self, billed: Mapping[str, float]) -> bool:
        """Returns whether it pays for so many seconds of each model.

        Args:
            billed: Seconds by model.
        """
        return sum(s / self.seconds[name] for name, s in billed.items()) <= 1 + 1e-9

    def __str__(self) -> str:
        if self.dollars is not None:
            return f"${self.dollars:,.2f}"
        return f"{min(self.seconds.values()):g} s"


def check_budget(
    given: Any, settings: Mapping[str, Settings], prices: Mapping[str, float | None] | None = None
) -> Budget | None:
    """Checks a budget.

    Args:
        given: Seconds, US dollars as in ``"$2"``, or None.
        settings: Of the sessions of each model, by its name.
        prices: US dollars per second by the model's name, where they are not those of sessions.

    Returns:
        The budget; None for none.

    Raises:
        InvalidOptionError: It is neither, or a model has no known price.
    """
    if given is None:
        return None
    if isinstance(given, str):
        seconds = {name: budget_seconds(given, each) for name, each in settings.items()}
        for name, per_s in (prices or {}).items():
            if per_s:
                seconds[name] = dollar_amount(given) / per_s
        dollars = float(given.replace("$", ""))
        if dollars > 0:
            return Budget(seconds, dollars)
    elif not isinstance(given, bool) and isinstance(given, int | float) and 0 < given < math.inf:
        return Budget(dict.fromkeys(settings, float(given)))
    raise InvalidOptionError(
        f"The budget is {given!r}.",
        remedy='Give seconds, such as 120, or US dollars, such as "$2"; None for no limit.',
    )
