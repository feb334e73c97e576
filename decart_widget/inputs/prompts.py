"""Checks the prompts that callers pass."""

from __future__ import annotations

from typing import Final

from decart_widget.errors import InvalidPromptError
from decart_widget.protocol.messages import sendable

MAX_PROMPT: Final = 10_000
"""Characters; far more than any model reads, far less than the control channel carries."""


def check_prompt(prompt: object) -> str:
    """Checks a prompt.

    Args:
        prompt: What the caller passed as prompt.

    Returns:
        The prompt unchanged.

    Raises:
        InvalidPromptError: It is no string, empty or blank, too long, can't be sent as UTF-8, or
            has a NUL character.
    """
    if not isinstance(prompt, str):
        raise InvalidPromptError(
            f"The prompt is a {type(prompt).__name__}.", remedy="Give it as a string."
        )
    if not prompt.strip():
        raise InvalidPromptError(
            "The prompt is empty.",
            remedy='Say what the picture should become, for instance "pencil sketch".',
        )
    return check_text(prompt)


def check_text(prompt: str) -> str:
    """Checks the text of a prompt that may be empty.

    Args:
        prompt: The text.

    Returns:
        The text unchanged.

    Raises:
        InvalidPromptError: It is too long, can't be sent as UTF-8, or has a NUL character.
    """
    if len(prompt) > MAX_PROMPT:
        raise InvalidPromptError(
            f"The prompt has {len(prompt):,} characters.",
            remedy=f"Give at most {MAX_PROMPT:,}.",
        )
    if sendable(prompt) != prompt:
        raise InvalidPromptError(
            "The prompt holds half a character (an unpaired surrogate).",
            remedy="Read the text as UTF-8, then give it again.",
        )
    if "\0" in prompt:
        raise InvalidPromptError(
            "The prompt holds a NUL character.", remedy="Remove it: prompt.replace('\\0', '')."
        )
    return prompt
