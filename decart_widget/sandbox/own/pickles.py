"""A model of the user's as bytes, from which another process makes it again."""

from __future__ import annotations

import pickle
import pickletools
from dataclasses import dataclass, field
from typing import Any, Final

from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import InvalidTransformError
from decart_widget.sandbox.own.interface import Shape

REMEDY: Final = (
    "Put it into a file of its own, such as my_model.py, and import it from there, or install "
    "cloudpickle. A class is better than an instance: it is instantiated in the process."
)
"""What helps, in a text."""


@dataclass(frozen=True)
class PickledModel:
    """A model of the user's on its way to a server in another process.

    Attributes:
        data: What `pickled` returned.
        shape: How the model is called.
    """

    data: bytes = field(repr=False)
    shape: Shape


def pickled(given: Any) -> bytes:
    """Returns a function, a class or an instance as bytes.

    What a notebook or a script itself defines is in no module that another process could import.
    The package cloudpickle sends its code along, where it is installed.

    Args:
        given: The model.

    Raises:
        InvalidTransformError: Another process can't have it; the text says what to do.
    """
    cause = "it is defined in the notebook or script itself"
    try:
        data = pickle.dumps(given, protocol=pickle.HIGHEST_PROTOCOL)
        if not _names_main(data):
            return data
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
    try:
        import cloudpickle  # type: ignore[import-not-found, import-untyped, unused-ignore]

        sent: bytes = cloudpickle.dumps(given)
    except ImportError:
        pass
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
    else:
        return sent
    raise InvalidTransformError(
        f"The model can't be sent to a process of its own: {shorten(cause, 200)}.", remedy=REMEDY
    )


def _names_main(data: bytes) -> bool:
    return any(
        isinstance(argument, str) and argument.partition(" ")[0] == "__main__"
        for _, argument, _ in pickletools.genops(data)
    )
