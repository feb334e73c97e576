"""Score functions of the user's: checked before anything is billed, and called for each cell."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import InvalidOptionError
from decart_widget.explore.scores.scales import SCALES

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ScoreFunction = Callable[[Sequence["NDArray[np.uint8]"], Sequence["NDArray[np.uint8]"]], float]
"""``score(frames, sent)``: lists of RGB arrays ``(height, width, 3)`` of uint8, which can't be
written to; returns a number, of which more is better."""

MAX_FUNCTIONS: Final = 20
"""Score functions of one sweep."""

MAX_NAME: Final = 40
"""Characters of a score's name, which is a column of tables and a label of a bar."""

MAX_REASON: Final = 300
"""Characters of the text that stands in a cell when a function failed."""


def check_functions(functions: Any) -> dict[str, ScoreFunction]:
    """Checks score functions before a sweep starts.

    Args:
        functions: Functions by name; a function or a list of functions, which are called by their
            own names; or None.

    Returns:
        The functions by name.

    Raises:
        InvalidOptionError: One can't be called with frames, a name is used twice, or there are too
            many.
    """
    if functions is None:
        return {}
    if callable(functions):
        functions = [functions]
    if not isinstance(functions, Mapping):
        try:
            listed = list(functions)
        except TypeError:
            raise _wrong(f"They are a {type(functions).__name__}.") from None
        named = [(str(getattr(each, "__name__", type(each).__name__)), each) for each in listed]
    else:
        named = list(functions.items())
    if len(named) > MAX_FUNCTIONS:
        raise _wrong(f"There are {len(named)}; {MAX_FUNCTIONS} at most are allowed.")
    found: dict[str, ScoreFunction] = {}
    for name, function in named:
        if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME or not name.isprintable():
            raise _wrong(f"The name {shorten(repr(name), 60)} can't be used.")
        if name in SCALES or name in found:
            raise _wrong(f"The name {name!r} is used already.")
        _check(name, function)
        found[name] = function
    return found


def _check(name: str, function: Any) -> None:
    """Checks one function.

    Raises:
        InvalidOptionError: It can't be called with frames.
    """
    if not callable(function):
        raise _wrong(f"{name!r} is a {type(function).__name__}, no function.")
    if inspect.iscoroutinefunction(function):
        raise _wrong(f"{name!r} is a coroutine function.")
    try:
        inspect.signature(function).bind([], [])
    except TypeError:
        raise _wrong(f"{name!r} can't be called with two arguments.") from None
    except ValueError:
        pass  # a function of native code may not tell its arguments


def run(
    functions: Mapping[str, ScoreFunction],
    frames: Sequence[NDArray[np.uint8]],
    sent: Sequence[NDArray[np.uint8]],
) -> tuple[dict[str, float], dict[str, str]]:
    """Calls score functions; what they raise is kept as text.

    Args:
        functions: By name.
        frames: What came back: uint8 RGB ``(height, width, 3)``.
        sent: What was sent, for the same source frames.

    Returns:
        The scores by name, and the reasons of those that are missing.
    """
    scores: dict[str, float] = {}
    reasons: dict[str, str] = {}
    if not functions:
        return scores, reasons
    # One function must not change what the next one sees, nor the clip that is saved.
    shown, given = _read_only(frames), _read_only(sent)
    for name, function in functions.items():
        try:
            value = float(function(list(shown), list(given)))
        except (Exception, SystemExit) as error:
            text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            reasons[name] = shorten(text, MAX_REASON)
            continue
        if math.isfinite(value):
            scores[name] = value
        else:
            reasons[name] = f"The function returned {value}."
    return scores, reasons


def _read_only(pictures: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    views = []
    for picture in pictures:
        view = picture.view()
        view.flags.writeable = False
        views.append(view)
    return views


def _wrong(what: str) -> InvalidOptionError:
    return InvalidOptionError(
        f"The score functions can't be used. {what}",
        remedy="Give functions score(frames, sent) -> float by names of their own.",
    )
