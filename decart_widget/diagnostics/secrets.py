"""API keys and tokens: kept out of every text, however it is made."""

from __future__ import annotations

import re
from typing import Any, Final, NoReturn

from decart_widget.diagnostics.redaction import redact, remember
from decart_widget.errors import InvalidKeyError

__all__ = ["Secret", "redact"]

PERMANENT_PREFIX: Final = "dct_"
"""How permanent keys begin (public documentation of the service)."""

CLIENT_TOKEN_PREFIXES: Final = ("ek_", "eyJ")
"""How client tokens begin: an ephemeral key, or a signed JWT."""

ENVIRONMENT_VARIABLE: Final = "DECART_API_KEY"


class Secret:
    """A key or token that only ``reveal()`` shows: not ``repr``, ``str``, pickle or copy.

    Args:
        value: The key. Surrounding white space is not forgiven: it is a sign that something else
            came along with it.
        longest: Characters.

    Raises ``InvalidKeyError`` for an empty value and for one with spaces, line breaks or other
    characters that no key has.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str, *, longest: int = 4096) -> None:
        wrong = _fault(value, longest)
        if wrong is not None:
            del value  # a traceback may show what a frame holds
            raise InvalidKeyError(wrong[0], remedy=wrong[1])
        remember(value)
        self.__value = value

    def reveal(self) -> str:
        """The value, for a request header or a room; never for a text that a person reads."""
        return self.__value

    @property
    def is_client_token(self) -> bool:
        """Whether this is a short-lived client token rather than a permanent key."""
        return self.__value.startswith(CLIENT_TOKEN_PREFIXES)

    def mask(self, text: str) -> str:
        """The text with this secret alone replaced by ``***``."""
        return text.replace(self.__value, "***")

    def scrub(self, text: str) -> str:
        """The text with this secret, and all that looks like one, replaced by ``***``."""
        return redact(text.replace(self.__value, "***"))

    def __repr__(self) -> str:
        return "Secret(***)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other.reveal() == self.__value

    def __hash__(self) -> int:
        return hash((Secret, self.__value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("A secret is not pickled or copied.")

    def __deepcopy__(self, _memo: dict[int, Any]) -> Secret:
        return self


def _fault(value: object, longest: int) -> tuple[str, str] | None:
    """What is wrong with a key and what to do about it; None for one that can be."""
    if not isinstance(value, str):
        return f"The API key is a {type(value).__name__}.", "Give it as a string."
    if not value:
        return (
            "The API key is empty.",
            f"Set {ENVIRONMENT_VARIABLE}, or leave api_key out to use the sandbox.",
        )
    if re.search(r"\s", value):
        return (
            "The API key has a space or a line break in it.",
            "Copy it again without what surrounds it: key.strip() may be enough.",
        )
    if not re.fullmatch(r"[\x21-\x7e]+", value) or len(value) > longest:
        return (
            "The API key has characters that no key has, or is too long.",
            "Copy it again from the service's console.",
        )
    return None
