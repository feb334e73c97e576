"""Private methods of ipywidgets and traitlets that the widgets override, and a check for them."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from typing import Final

HOOKS: Final = (
    "_handle_msg",
    "_handle_custom_msg",
    "_notify_observers",
    "_should_send_property",
)
"""Private methods of ipywidgets and traitlets that ``PageWidget`` overrides."""


def check_hooks(base: type, names: Collection[str]) -> None:
    """Warns when a base class lacks methods that ``PageWidget`` overrides.

    They are private, so a new version of ipywidgets may rename them, and then our overrides would
    silently not be called any more.
    """
    missing = [name for name in names if not callable(getattr(base, name, None))]
    if missing:
        warnings.warn(
            f"checks of page messages left out, this ipywidgets has no {', '.join(missing)}",
            RuntimeWarning,
            stacklevel=2,
        )
