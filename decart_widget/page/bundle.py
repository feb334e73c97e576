"""The built front end: a folder with a file for each chunk."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from decart_widget.errors import DecartError

STATIC: Final = Path(__file__).parents[1] / "static"
"""Folder of the built front end."""


def bundle_file(name: str) -> Path:
    """Returns the file of a chunk.

    Args:
        name: The chunk's name, such as ``main``, or ``loader``.

    Raises:
        DecartError: There is none, as in a checkout whose front end was built before the chunk
            was added.
    """
    file = STATIC / f"{name}.js"
    if not file.is_file():
        raise DecartError(
            f"The front end is older than the package, or was never built: {STATIC} has no "
            f"{file.name}.",
            remedy="Run `make setup` in the checkout, or install the package again; then restart "
            "the kernel.",
            code="front-end-not-built",
        )
    return file
