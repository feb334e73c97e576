"""How a reach into a library's private names fails softly when the name has moved."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

Target = TypeVar("Target")
Options = ParamSpec("Options")


def _cure(
    apply: Callable[Concatenate[Target, Options], None],
) -> Callable[Concatenate[Target, Options], bool]:
    """Let ``apply`` fail softly when the name that it needs has moved."""

    @functools.wraps(apply)
    def guarded(target: Target, /, *args: Options.args, **kwargs: Options.kwargs) -> bool:
        try:
            apply(target, *args, **kwargs)
        except AttributeError as error:
            warnings.warn(
                f"{apply.__name__} left out, this aiortc or aioice keeps it elsewhere: {error}",
                RuntimeWarning,
                stacklevel=2,
            )
            return False
        return True

    return guarded


def _replace(owner: object, name: str, value: object) -> None:
    """Set a private attribute that must exist already: a new name would be read by nobody."""
    getattr(owner, name)
    setattr(owner, name, value)
