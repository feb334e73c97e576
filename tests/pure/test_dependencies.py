"""The version bounds of the dependencies in pyproject.toml."""

from __future__ import annotations

import pytest
from packaging.requirements import Requirement

from tools.oldest import lowest, requirements


@pytest.mark.parametrize("requirement", requirements(), ids=lambda each: each.name)
def test_a_dependency_has_a_lower_and_an_upper_bound(requirement: Requirement) -> None:
    operators = sorted(each.operator for each in requirement.specifier)

    assert operators == ["<", ">="]
    assert lowest(requirement) in requirement.specifier
