"""Which prompts are accepted."""

from __future__ import annotations

import pytest

from decart_widget.errors import InvalidPromptError
from decart_widget.inputs.prompts import MAX_PROMPT, check_prompt


@pytest.mark.parametrize(
    "prompt", ["x", " pencil sketch ", "Ölbild 雨 🎨", "a\nb", "x" * MAX_PROMPT]
)
def test_a_prompt_is_accepted_unchanged(prompt: str) -> None:
    assert check_prompt(prompt) == prompt


@pytest.mark.parametrize(
    "prompt", ["", " ", "\n\t", None, 5, b"sketch", ["sketch"], "x" * (MAX_PROMPT + 1), "\ud800"]
)
def test_what_is_no_prompt_is_refused_with_a_remedy(prompt: object) -> None:
    with pytest.raises(InvalidPromptError) as caught:
        check_prompt(prompt)
    assert caught.value.remedy
    assert len(str(caught.value)) < 300
