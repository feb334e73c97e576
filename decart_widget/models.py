"""The realtime models: their names, and the video that each takes."""

from __future__ import annotations

import difflib
import re
import warnings
from dataclasses import dataclass, fields
from typing import Final

from decart_widget.diagnostics.hidden_arguments import (
    hides_arguments,
    hides_constructor_arguments,
)
from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import InvalidOptionError, UnknownModelError

__all__ = ["MODELS", "RealtimeModel", "UnlistedModel", "realtime_model"]

MAX_SIDE_PX: Final = 4096
"""Pixels of a picture's width or height."""

MIN_SIDE_PX: Final = 16
"""Pixels of a picture's width or height at the least."""

MAX_FPS: Final = 120
"""Frames/s that a model may ask a camera for."""


@hides_constructor_arguments
@dataclass(frozen=True)
class RealtimeModel:
    """A realtime model; create one for a model that this version doesn't list.

    Args:
        name: Its name at the service.
        fps: Frames/s that the camera is asked for.
        width: Width of the picture in landscape, in pixels.
        height: Height of the picture in landscape, in pixels.
        reference_image: Whether the model takes a reference image.
        speeds: Values that the argument ``speed`` may have.
        url_path: Path of the realtime WebSocket.

    Raises:
        InvalidOptionError: A value is out of range.
    """

    name: str
    fps: float = 30
    width: int = 1280
    height: int = 720
    reference_image: bool = True
    speeds: tuple[str, ...] = ()
    url_path: str = "/v1/stream"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not re.fullmatch(r"[\w.\-]{1,100}", self.name):
            raise InvalidOptionError(
                f"A model can't be called {shorten(repr(self.name), 100)}.",
                remedy="Use letters, digits, dots, dashes and underscores.",
            )
        for label, side in (("width", self.width), ("height", self.height)):
            if not isinstance(side, int) or not MIN_SIDE_PX <= side <= MAX_SIDE_PX or side % 2:
                raise InvalidOptionError(
                    f"The model's {label} is {side!r}.",
                    remedy=f"Give an even number of pixels from {MIN_SIDE_PX} to {MAX_SIDE_PX}.",
                )
        if not isinstance(self.fps, int | float) or not 1 <= self.fps <= MAX_FPS:
            raise InvalidOptionError(
                f"The model's fps is {self.fps!r}.", remedy=f"Give 1 to {MAX_FPS}."
            )
        if not isinstance(self.url_path, str) or not self.url_path.startswith("/"):
            raise InvalidOptionError(
                f"The model's url_path is {self.url_path!r}.", remedy='Start it with "/".'
            )


class UnlistedModel(RealtimeModel):
    """A model of a known family that this version doesn't list.

    It has the family's picture, and the service is asked whether it exists before a session starts.
    """


_FAST: Final = ("fast",)
"""The ``speeds`` of models with a faster variant."""

MODELS: Final[dict[str, RealtimeModel]] = {
    model.name: model
    for model in (
        RealtimeModel("lucy-latest", speeds=_FAST),
        RealtimeModel("lucy-2.1"),
        RealtimeModel("lucy-2.5", speeds=_FAST),
        RealtimeModel("lucy-2.6", speeds=_FAST),
        RealtimeModel("lucy-vton-latest", speeds=_FAST),
        RealtimeModel("lucy-vton-3.5", speeds=_FAST),
        RealtimeModel("lucy-vton-3.6", speeds=_FAST),
        RealtimeModel("lucy-restyle-latest", height=704, reference_image=False),
        RealtimeModel("lucy-restyle-2", height=704, reference_image=False),
    )
}
"""Every realtime model by its name (source: the service's public clients of 2026)."""

DEPRECATED: Final = {
    "mirage_v2": "lucy-restyle-2",
    "lucy_v2v_14b_rt": "lucy-2.1",
    "lucy_2_rt": "lucy-2.1",
}
"""Deprecated names of models, and the present name of each."""

FAMILIES: Final = ("lucy-restyle", "lucy-vton", "lucy")
"""The families of models; an unlisted model is taken to have the picture of its ``-latest``."""

_warned: Final[set[str]] = set()
"""Deprecated and unlisted names that this process has warned of."""


def family(name: str) -> str | None:
    """Returns the family of a model's name, such as ``"lucy-vton"``; None for any other name.

    Args:
        name: The family's name, a dash, and a version or ``latest``.
    """
    for known in FAMILIES:
        if re.fullmatch(rf"{known}-(latest|\d[\w.]{{0,40}})", name):
            return known
    return None


@hides_arguments
def realtime_model(name: str | RealtimeModel) -> RealtimeModel:
    """Returns the model of a name.

    Args:
        name: The model's name, or a ``RealtimeModel``, which is returned unchanged. A deprecated
            name warns once per process and returns the model under its present name. A version of a
            known family that isn't listed (``"lucy-2.7"``) warns once too: the service is asked
            for it before a session starts.

    Returns:
        The model; an ``UnlistedModel`` for a version that isn't listed.

    Raises:
        UnknownModelError: There can be no such model; the remedy suggests similar names.
    """
    if isinstance(name, RealtimeModel):
        return name
    if isinstance(name, str) and name in DEPRECATED:
        present = DEPRECATED[name]
        if name not in _warned:
            _warned.add(name)
            warnings.warn(
                f'Model "{name}" is called "{present}" now.', DeprecationWarning, stacklevel=3
            )
        return MODELS[present]
    if isinstance(name, str) and name in MODELS:
        return MODELS[name]
    if isinstance(name, str) and (known := family(name)) is not None:
        return _unlisted(name, MODELS[f"{known}-latest"])
    raise unknown_model(name)


def _unlisted(name: str, like: RealtimeModel) -> UnlistedModel:
    if name not in _warned:
        _warned.add(name)
        warnings.warn(
            f'Model "{name}" is not listed in this version of decart_widget: the service is asked '
            f'for it before a start, and it gets the picture of "{like.name}" '
            f"({like.width}x{like.height}).",
            UserWarning,
            stacklevel=3,
        )
    values = {field.name: getattr(like, field.name) for field in fields(like)}
    return UnlistedModel(**{**values, "name": name})


def unknown_model(name: object) -> UnknownModelError:
    """Returns the error of a name that no model has; the remedy suggests similar names."""
    near = difflib.get_close_matches(str(name).lower(), MODELS, n=3, cutoff=0.4)
    return UnknownModelError(
        f"There is no realtime model {shorten(repr(name), 100)}.",  # it may be a key
        remedy=f"Did you mean {' or '.join(near)}?"
        if near
        else f"Choose one of {', '.join(MODELS)}, or pass a RealtimeModel of your own.",
    )
