"""Types of the traits that a notebook may set; a refused value raises an error of this package.

Those of traitlets raise ``TraitError``, which names neither the choices nor what to do.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

import traitlets as t

from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import ConfigurationError, InvalidOptionError

MAX_SHOWN: Final = 100
"""Characters of a refused value that an error quotes."""


def shown(value: object) -> str:
    """Returns how an error quotes a refused value: its ``repr`` if that is plain, else its type.

    Args:
        value: Anything. It may be a key, which is redacted.
    """
    if value is None or isinstance(value, str | bool | int | float):
        return shorten(repr(value), MAX_SHOWN)
    return f"a {type(value).__name__}"


class _Checked:
    """A mix-in of trait types: a refused value raises ``InvalidOptionError`` with a remedy."""

    name: str | None
    remedy: str = ""
    kind: type[ConfigurationError] = InvalidOptionError

    def error(
        self, _obj: object, value: object, _error: object = None, _info: object = None
    ) -> NoReturn:
        """Raises the error of a refused value; called by the ``validate`` of traitlets."""
        raise self.kind(f"{self.name} is {shown(value)}.", remedy=self.remedy)


class Choice(_Checked, t.Enum[Any]):
    """One of several strings.

    Args:
        values: The choices; the first one is the default.
        **options: As for ``traitlets.Enum``.
    """

    def __init__(self, *values: str, **options: Any) -> None:
        super().__init__(list(values), values[0], **options)
        self.remedy = one_of_remedy(values)

    def validate(self, obj: Any, value: Any) -> Any:
        """Returns the value; raises ``InvalidOptionError`` unless it is a choice."""
        # An array, for instance, compares with a string to an array.
        return super().validate(obj, value) if isinstance(value, str) else self.error(obj, value)


class Switch(_Checked, t.Bool[Any, Any]):
    """True or False, and nothing that is merely true in Python, such as the string ``"no"``."""

    remedy = "Give True or False."

    def validate(self, obj: Any, value: Any) -> Any:
        """Returns the value; raises ``InvalidOptionError`` unless it is a bool."""
        return value if isinstance(value, bool) else self.error(obj, value)


class Text(_Checked, t.Unicode[Any, Any]):
    """A string.

    Args:
        default: The default.
        remedy: What to do about a value that is none.
        kind: Its error.
        **options: As for ``traitlets.Unicode``.
    """

    def __init__(
        self,
        default: str | None,
        remedy: str,
        *,
        kind: type[ConfigurationError] = InvalidOptionError,
        **options: Any,
    ) -> None:
        super().__init__(default, **options)
        self.remedy = remedy
        self.kind = kind

    def validate(self, obj: Any, value: Any) -> Any:
        """Returns the value; raises ``InvalidOptionError`` unless it is a string."""
        # traitlets would decode bytes.
        return super().validate(obj, value) if isinstance(value, str) else self.error(obj, value)


class Number(_Checked, t.Float[Any, Any]):
    """A number, and neither a bool nor a string.

    Args:
        default: The default.
        remedy: What to do about a value that is none.
        **options: As for ``traitlets.Float``.
    """

    def __init__(self, default: float | None, remedy: str, **options: Any) -> None:
        super().__init__(default, **options)
        self.remedy = remedy

    def validate(self, obj: Any, value: Any) -> Any:
        """Returns the value as a float; raises ``InvalidOptionError`` unless it is a number."""
        return self.error(obj, value) if isinstance(value, bool) else super().validate(obj, value)


def one_of_remedy(choices: tuple[object, ...]) -> str:
    """Returns the remedy that lists choices."""
    return f"Choose one of {', '.join(repr(choice) for choice in choices)}."


def check_traits(owner: t.HasTraits, values: dict[str, Any]) -> None:
    """Checks values of traits without setting them.

    Args:
        owner: The widget.
        values: By name of the trait.

    Raises:
        ConfigurationError: One of them is refused.
    """
    traits = owner.traits()
    for name, value in values.items():
        trait: Any = traits[name]
        if not (value is None and trait.allow_none):
            trait.validate(owner, value)
