"""Patches of a library's private names that are skipped, with a warning, when a name is gone."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

Target = TypeVar("Target")
Options = ParamSpec("Options")


def optional_patch(
    apply: Callable[Concatenate[Target, Options], None],
) -> Callable[Concatenate[Target, Options], bool]:
    """Skip ``apply`` with a `RuntimeWarning` when a private name that it needs doesn't exist.

    ``apply`` should look up every name that it needs (see `require` and `replace`) before it
    changes anything, so that a patch is either complete or absent.

    Args:
        apply: Patches its first argument; raises ``AttributeError`` when a name is missing.

    Returns:
        The same function, which returns whether the patch was applied.
    """

    @functools.wraps(apply)
    def guarded(target: Target, /, *args: Options.args, **kwargs: Options.kwargs) -> bool:
        try:
            apply(target, *args, **kwargs)
        except AttributeError as error:
            warn_skipped(apply.__name__, error)
            return False
        return True

    return guarded


def warn_skipped(patch: str, error: AttributeError) -> None:
    """Warn that ``patch`` is not applied because of ``error``."""
    warnings.warn(
        f"The patch {patch} is skipped: the installed aiortc or aioice differs ({error})",
        RuntimeWarning,
        stacklevel=3,
    )


def require(owner: object, *names: str) -> None:
    """Check that private attributes which a patch reads or overrides exist.

    Raises:
        AttributeError: One of them doesn't.
    """
    for name in names:
        getattr(owner, name)


def replace(owner: object, name: str, value: object) -> None:
    """Set a private attribute that exists already; the library would never read a new one.

    Raises:
        AttributeError: It doesn't exist.
    """
    require(owner, name)
    setattr(owner, name, value)
