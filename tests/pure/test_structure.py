"""The layout of the source: modules at the root, import cycles, length of files, old names.

The contracts in pyproject.toml say which folder may import which; ``make lint`` checks them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Final

import grimp
import pytest

ROOT: Final = Path(__file__).parents[2]

PACKAGE: Final = "decart_widget"

MAX_ROOT_MODULES: Final = 10
"""How many modules the package may have outside its folders; all of them are public."""

MAX_LINES: Final = 400
"""How many lines a file may have without a reason in its first lines."""

REASON: Final = re.compile(r"(?:Longer than|Over) 400 lines(?:: | because )\S")
"""The words in a longer file's first lines that the reason follows."""

REASON_WITHIN_LINES: Final = 25
"""Lines within which the reason must be, so that a reader sees it on opening the file."""

SOURCE_FOLDERS: Final = ("decart_widget", "js", "tools", "benchmarks", "tests", "notebooks", "docs")

SUFFIXES: Final = {".py", ".ts", ".css", ".mjs", ".js", ".html", ".ipynb", ".md", ".toml"}

NOT_SOURCE: Final = {"node_modules", "dist", "static", "__pycache__", ".ipynb_checkpoints"}
"""Folders with built or installed files."""

# The brackets keep this file from containing the words.
OLD_WORDS: Final = re.compile(
    r"\b(?:vigi[l]|Givin[g]|Narrato[r]|cur[e]|dea[f]|excus[e]|furnis[h])\b"
)
"""Old names, each replaced by a standard term (see the glossary)."""


def source_files(*suffixes: str) -> Iterator[Path]:
    """Files that people write, by suffix, from all folders with source."""
    for folder in SOURCE_FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in suffixes and not NOT_SOURCE.intersection(path.parts):
                yield path


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Module -> the package's modules that it imports, also those for type checking alone."""
    graph = grimp.build_graph(PACKAGE, exclude_type_checking_imports=False, cache_dir=None)
    return {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}


def first_cycle(graph: dict[str, set[str]]) -> list[str]:
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_modules_import_each_other_in_a_cycle(imports: dict[str, set[str]]) -> None:
    assert len(imports) > 80  # an empty graph has no circles
    assert first_cycle(imports) == []


def test_no_folders_import_each_other_in_a_cycle(imports: dict[str, set[str]]) -> None:
    folders: dict[str, set[str]] = {}
    for module, imported in imports.items():
        folder = folder_of(module)
        for other in map(folder_of, imported):
            if folder and other and folder != other:
                folders.setdefault(folder, set()).add(other)

    assert len(folders) > 5
    assert first_cycle(folders) == []


def folder_of(module: str) -> str:
    """The package's folder that holds a module; empty for a file beside the folders."""
    parts = module.split(".")
    is_folder = len(parts) > 1 and (ROOT / PACKAGE / parts[1]).is_dir()
    return parts[1] if is_folder else ""


def test_the_package_has_few_modules_at_its_root() -> None:
    modules = [path.stem for path in (ROOT / PACKAGE).glob("*.py")]

    assert len(modules) <= MAX_ROOT_MODULES
    private = [name for name in modules if name.startswith("_")]
    assert sorted(private) == ["__init__", "_version"]


def test_a_long_file_gives_its_reason_in_its_first_lines() -> None:
    too_long = []
    for path in source_files(".py", ".ts", ".css", ".mjs"):
        lines = path.read_text("utf-8").splitlines()
        if len(lines) > MAX_LINES and not REASON.search("\n".join(lines[:REASON_WITHIN_LINES])):
            too_long.append(f"{path.relative_to(ROOT)}: {len(lines)} lines")

    assert not too_long, "\n".join(too_long)


def test_constants_are_documented_by_a_string_below_them() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in source_files(".py")
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if line.lstrip().startswith("#" + ":")
    ]

    assert not found, "\n".join(found)


def test_old_names_do_not_occur() -> None:
    others = (ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "pyproject.toml")
    found = [
        f"{path.relative_to(ROOT)}: {match.group()}"
        for path in (*source_files(*SUFFIXES), *others)
        for match in OLD_WORDS.finditer(path.read_text("utf-8"))
    ]

    assert not found, "\n".join(found)
