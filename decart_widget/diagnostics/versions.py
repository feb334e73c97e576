"""Which versions run here, for a report."""

from __future__ import annotations

import platform
from importlib import metadata

from decart_widget._version import __version__

_OTHERS = ("anywidget", "ipywidgets", "ipykernel", "websockets", "httpx", "aiortc")


def versions() -> dict[str, str]:
    """Names and versions of this package, of Python and of what we build on."""
    found = {"decart_widget": __version__, "python": platform.python_version()}
    for name in _OTHERS:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "none"
    return {**found, "system": platform.platform()}
