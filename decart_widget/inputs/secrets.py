"""API keys and tokens in a type that keeps them out of texts, pickles and copies."""

from __future__ import annotations

import re
import secrets
from typing import Any, Final, NoReturn

from decart_widget.diagnostics.redaction import Kind, redact, remember
from decart_widget.errors import InvalidKeyError

CLIENT_TOKEN_PREFIXES: Final = ("ek_", "eyJ")
"""The prefixes of client tokens: an ephemeral key, or a signed JWT."""

ENVIRONMENT_VARIABLE: Final = "DECART_API_KEY"
"""The environment variable that holds the key when ``api_key`` isn't given."""

MAX_LENGTH: Final = 4096
"""Characters of a key or token."""

QUOTES: Final = "\"'`\u2018\u2019\u201c\u201d\u00ab\u00bb"
"""Quotation marks, which shells remove but env files, for instance Docker's, do not."""

PLACEHOLDERS: Final = frozenset(
    {
        *("none", "null", "nil", "undefined", "nan", "true", "false", "changeme"),
        *("your_api_key", "your-api-key", "your_key_here", "your-key-here"),
        *("your_api_key_here", "your-api-key-here"),
    }
)
"""Texts in lower case that programs and examples put in the place of a key."""

_ASSIGNMENT: Final = re.compile(
    r"(?:(?:export|set|setx)\s+)?\w*(?:KEY|TOKEN|SECRET)\w*\s*=\s*[^=]", re.IGNORECASE
)
"""A whole line of a shell script or an env file."""

_UNEXPANDED: Final = re.compile(r"\$\{|\$\(|\$[A-Za-z_]|%\w+%$|\{\{|<.*>$|\{\w*\}$")
"""A variable that nothing replaced: ``${KEY}``, ``$KEY``, ``%KEY%``, ``{{ key }}``, ``<key>``."""


class Secret:
    """A key or token that only ``reveal()`` shows: not ``repr``, ``str`` or pickle.

    Args:
        value: The key. White space around it is an error, because it suggests that more than the
            key was copied.
        name: What errors call it.
        longest: Characters that it may have.
        kind: ``"key"`` for a permanent key that the caller gave, else ``"token"``; see
            ``diagnostics.redaction``.

    Raises:
        InvalidKeyError: It is empty, too long, a placeholder, or has white space or other
            characters that no key has.
    """

    __slots__ = ("__value",)

    def __init__(
        self,
        value: str,
        *,
        name: str = "The API key",
        longest: int = MAX_LENGTH,
        kind: Kind = "key",
    ) -> None:
        problem = _problem(value, name, longest)
        if problem is not None:
            del value  # a traceback may show this frame
            raise InvalidKeyError(problem[0], remedy=problem[1])
        remember(value, kind)
        self.__value = value

    def reveal(self) -> str:
        """Returns the value, for a request or a room; never use it in a text that people read."""
        return self.__value

    @property
    def is_client_token(self) -> bool:
        """Whether this is a short-lived client token rather than a permanent key."""
        return self.__value.startswith(CLIENT_TOKEN_PREFIXES)

    def mask(self, text: str) -> str:
        """Returns the text with only this secret replaced by ``***``."""
        return text.replace(self.__value, "***")

    def scrub(self, text: str) -> str:
        """Returns the text with this secret, and whatever looks like one, replaced by ``***``."""
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


def random_key() -> Secret:
    """Returns a permanent key for a local server, which nobody can guess."""
    return Secret(f"dct_{secrets.token_urlsafe(24)}", kind="token")


def _problem(value: object, name: str, longest: int) -> tuple[str, str] | None:
    """Returns what is wrong with a key and what to do about it; None for a possible key.

    Neither text quotes the key, because a wrong one may still contain a valid one.
    """
    again = "Copy the key again from the service's console, without what surrounds it."
    if name == ENVIRONMENT_VARIABLE:
        again = f"Set {name} again, to the key alone, and restart the kernel."
    if not isinstance(value, str):
        return f"{name} is a {type(value).__name__}.", "Give it as a string."
    plain = value.strip().strip(QUOTES).strip()
    if not plain:
        return (
            f"{name} is empty.",
            f"Set {ENVIRONMENT_VARIABLE}, or leave api_key out to use the sandbox.",
        )
    if _ASSIGNMENT.match(plain):
        return f"{name} has the name of a variable and = before the key.", again
    if _UNEXPANDED.match(plain):
        return (
            f"{name} is the name of a variable, not its value.",
            f"{again} Nothing replaced the name: check the file or the command that sets it.",
        )
    if plain.lower() in PLACEHOLDERS:
        return f'{name} is "{plain.lower()}", which stands for no key.', again
    if value[0] in QUOTES or value[-1] in QUOTES:
        return f"{name} has quotation marks around it.", again
    if re.search(r"\s", value):
        return f"{name} has a space or a line break in it.", f"{again} key.strip() may be enough."
    if not re.fullmatch(r"[\x21-\x7e]+", value) or len(value) > longest:
        return f"{name} has characters that no key has, or is too long.", again
    return None
