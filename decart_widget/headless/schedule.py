"""Prompts that change at given times of a clip."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from decart_widget.errors import InvalidOptionError, InvalidPromptError
from decart_widget.inputs.prompts import check_prompt

MAX_BYTES: Final = 1_000_000
"""Size of a schedule's file at most."""

REMEDY: Final = 'Give an object such as {"0": "watercolour", "2.5": "pencil sketch"}.'
"""What to do about a schedule that can't be read."""


@dataclass(frozen=True)
class Change:
    """A prompt and the time from which on it is asked for.

    Attributes:
        at_s: Seconds of the source, from its begin.
        prompt: The prompt; None leaves the picture alone.
    """

    at_s: float
    prompt: str | None


def check_schedule(value: Any) -> list[Change]:
    """Checks a schedule of prompts.

    Args:
        value: A mapping of seconds to prompts, or the path of a JSON file with one.

    Returns:
        The changes in the order of their times.

    Raises:
        InvalidOptionError: It is no schedule.
        InvalidPromptError: A prompt is invalid.
    """
    prompts = value if isinstance(value, Mapping) else _read(value)
    changes = []
    for time, prompt in prompts.items():
        try:
            at_s = float(time)
        except (TypeError, ValueError):
            at_s = -1.0
        if not 0 <= at_s < 1e6:
            raise InvalidOptionError(f"{time!r} is no time of a schedule.", remedy=REMEDY)
        if prompt is not None and not isinstance(prompt, str):
            raise InvalidPromptError(f"The prompt at {at_s:g} s is no text.", remedy=REMEDY)
        changes.append(Change(at_s, None if prompt is None else check_prompt(prompt)))
    if not changes:
        raise InvalidOptionError("The schedule has no prompt.", remedy=REMEDY)
    return sorted(changes, key=lambda change: change.at_s)


def _read(path: Any) -> Mapping[Any, Any]:
    try:
        with Path(path).expanduser().open("rb") as file:
            value = json.loads(file.read(MAX_BYTES))
    except OSError as error:
        raise InvalidOptionError(
            f"The schedule can't be read ({error.strerror}).", remedy=REMEDY
        ) from None
    except (TypeError, ValueError, RecursionError, RuntimeError):
        raise InvalidOptionError("The schedule is no JSON file.", remedy=REMEDY) from None
    if not isinstance(value, dict):
        raise InvalidOptionError("The schedule is no JSON object.", remedy=REMEDY)
    return value
