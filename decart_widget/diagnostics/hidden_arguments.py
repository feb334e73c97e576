"""Keeps the arguments of public calls out of tracebacks."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from decart_widget.diagnostics.redaction import redact, trace

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", bound=type)
E = TypeVar("E", bound=Exception)


def hides_arguments(function: Callable[P, R]) -> Callable[P, R]:
    """Decorates a public function whose arguments may be secrets, if only by mistake.

    Some tracebacks (IPython's ``%xmode Verbose``, rich, error trackers) show the variables of each
    frame. A key that was given under a wrong name, say as ``model``, would be in several frames of
    this package. So an error that leaves the function has neither those frames nor the errors that
    caused it. An exception that isn't one of this package's gets its traceback as a note, redacted
    and without variables, because it has to be reported.

    Args:
        function: The function. The texts of this package's errors show no secret.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return function(*args, **kwargs)
        except Exception as error:
            if not hasattr(error, "remedy"):  # a DecartError, which this layer can't import
                error.add_note(trace(error))
            failure = bare(error)
        del args, kwargs
        raise failure

    return call


def bare(error: E) -> E:
    """Returns an exception without its frames and causes, and with redacted texts."""
    error.args = tuple(redact(arg) if isinstance(arg, str) else arg for arg in error.args)
    error.__cause__ = error.__context__ = None
    return error.with_traceback(None)


def hides_constructor_arguments(cls: C) -> C:
    """Decorates a class whose constructor's arguments may be secrets; see ``hides_arguments``."""
    cls.__init__ = hides_arguments(cls.__init__)  # type: ignore[misc]
    return cls
