"""Checks of what callers pass: each says what would have been right."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection, Sequence
from typing import Any, TypeVar

from decart_widget.errors import InvalidOptionError, UnknownArgumentError

T = TypeVar("T")


def refuse_unknown(unknown: Collection[str], function: Callable[..., Any]) -> None:
    """Raises ``UnknownArgumentError`` for keywords that ``function`` doesn't have."""
    if not unknown:
        return
    known = [
        name
        for name, parameter in inspect.signature(function).parameters.items()
        if name != "self" and parameter.kind is not parameter.VAR_KEYWORD
    ]
    name = next(iter(unknown))
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    raise UnknownArgumentError(
        f"DecartWidget has no argument {name!r}.",
        remedy=f"Did you mean {near[0]!r}?" if near else f"It has {', '.join(known)}.",
    )


def typed(name: str, value: T | None, kind: type[T]) -> T:
    """The value, or a default one of its kind. Raises ``InvalidOptionError``."""
    if value is None:
        return kind()
    if not isinstance(value, kind):
        raise InvalidOptionError(
            f"{name} is a {type(value).__name__}.", remedy=f"Give a {kind.__name__}(…)."
        )
    return value


def one_of(name: str, value: Any, choices: Sequence[Any]) -> None:
    """Raises ``InvalidOptionError`` for a value that is not among the choices."""
    if value not in choices:
        shown = ", ".join(repr(choice) for choice in choices)
        raise InvalidOptionError(f"{name} is {value!r}.", remedy=f"Choose one of {shown}.")
