"""Prints the lowest allowed version of each dependency, as constraints for pip.

``make oldest`` installs exactly these, so that a lower bound in pyproject.toml is one that works.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Final

from packaging.requirements import Requirement

PYPROJECT: Final = Path(__file__).parents[1] / "pyproject.toml"

EXTRAS: Final = ("livekit",)
"""Extras whose packages users get, too; those for tests and development are not held."""


def requirements(pyproject: Path = PYPROJECT) -> list[Requirement]:
    """What the package asks for, that of ``EXTRAS`` included."""
    project = tomllib.loads(pyproject.read_text("utf-8"))["project"]
    named = list(project["dependencies"])
    for extra in EXTRAS:
        named += project["optional-dependencies"][extra]
    return [Requirement(text) for text in named]


def lowest(requirement: Requirement) -> str:
    """The requirement's lower bound, as a version.

    Raises:
        ValueError: It has none, or several.
    """
    (version,) = [s.version for s in requirement.specifier if s.operator == ">="]
    return version


if __name__ == "__main__":
    for each in requirements():
        print(f"{each.name}=={lowest(each)}")
