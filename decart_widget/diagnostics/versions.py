"""The versions of what runs here, for a bug report."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Final

from decart_widget._version import __version__

_DEPENDENCIES: Final = ("anywidget", "ipywidgets", "ipykernel", "websockets", "httpx", "aiortc")


def versions() -> dict[str, str]:
    """Returns names and versions of this package, Python, its main dependencies and the system."""
    found = {"decart_widget": __version__, "python": platform.python_version()}
    for name in _DEPENDENCIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "none"
    return {**found, "system": platform.platform()}
