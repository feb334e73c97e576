"""A local Decart: the service's protocol on 127.0.0.1, with effects in place of models.

    >>> from decart_widget import sandbox
    >>> with sandbox.serve() as local:          # in this process, on its own thread
    ...     print(local.base_url)

``python -m decart_widget.sandbox`` runs it as a program, `start_child` as a child process. The
public names are loaded when first used (PEP 562), so importing this package is cheap.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from decart_widget.sandbox.child import ChildSandbox, start_child
    from decart_widget.sandbox.faults import Faults
    from decart_widget.sandbox.local import Sandbox, serve
    from decart_widget.sandbox.own.interface import Model

__all__ = ["ChildSandbox", "Faults", "Model", "Sandbox", "serve", "start_child"]

_MODULES: Final = {
    "ChildSandbox": "child",
    "Faults": "faults",
    "Model": "own.interface",
    "Sandbox": "local",
    "serve": "local",
    "start_child": "child",
}
"""Public name -> the module that defines it."""


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f".{_MODULES[name]}", __name__), name)


def __dir__() -> list[str]:
    return __all__
