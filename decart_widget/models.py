"""The realtime models: what each is called and what picture it takes."""

from __future__ import annotations

import difflib
import re
import warnings
from dataclasses import dataclass

from decart_widget.diagnostics.redaction import redact
from decart_widget.errors import InvalidOptionError, UnknownModelError

__all__ = ["MODELS", "RealtimeModel", "realtime_model"]

MAX_SIDE = 4096


@dataclass(frozen=True)
class RealtimeModel:
    """A realtime model; make one of your own for a model that this version doesn't list.

    Args:
        name: As the service knows it.
        fps: Frames/s that the camera is asked for.
        width: Pixels of the picture, landscape.
        height: Pixels of the picture, landscape.
        reference_image: Whether the model takes a reference image.
        speeds: Values that ``speed=`` may have.
        url_path: Path of the realtime WebSocket.

    Raises ``InvalidOptionError`` for sizes and rates that no camera has.
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
                f"A model can't be called {self.name!r}.",
                remedy="Use letters, digits, dots, dashes and underscores.",
            )
        for label, side in (("width", self.width), ("height", self.height)):
            if not isinstance(side, int) or not 16 <= side <= MAX_SIDE or side % 2:
                raise InvalidOptionError(
                    f"The model's {label} is {side!r}.",
                    remedy=f"Give an even number of pixels from 16 to {MAX_SIDE}.",
                )
        if not isinstance(self.fps, int | float) or not 1 <= self.fps <= 120:
            raise InvalidOptionError(f"The model's fps is {self.fps!r}.", remedy="Give 1 to 120.")
        if not isinstance(self.url_path, str) or not self.url_path.startswith("/"):
            raise InvalidOptionError(
                f"The model's url_path is {self.url_path!r}.", remedy='Start it with "/".'
            )


_FAST = ("fast",)

# Source: the service's public clients of 2026; all of them speak on /v1/stream.
MODELS: dict[str, RealtimeModel] = {
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
"""Every realtime model by its name."""

DEPRECATED = {
    "mirage_v2": "lucy-restyle-2",
    "lucy_v2v_14b_rt": "lucy-2.1",
    "lucy_2_rt": "lucy-2.1",
}
"""Older names, and what each is called now."""

_warned: set[str] = set()


def realtime_model(name: str | RealtimeModel) -> RealtimeModel:
    """The model of that name; a ``RealtimeModel`` is returned as it is.

    A deprecated name warns once per process and gives the model's present one.
    Raises ``UnknownModelError``, which names the nearest models.
    """
    if isinstance(name, RealtimeModel):
        return name
    if isinstance(name, str) and name in DEPRECATED:
        present = DEPRECATED[name]
        if name not in _warned:
            _warned.add(name)
            warnings.warn(
                f'Model "{name}" is called "{present}" now.', DeprecationWarning, stacklevel=2
            )
        return MODELS[present]
    if isinstance(name, str) and name in MODELS:
        return MODELS[name]
    near = difflib.get_close_matches(str(name).lower(), MODELS, n=3, cutoff=0.4)
    raise UnknownModelError(
        f"There is no realtime model {redact(repr(name)[:100])}.",  # a key in the wrong place?
        remedy=f"Did you mean {' or '.join(near)}?"
        if near
        else f"Choose one of {', '.join(MODELS)}, or pass a RealtimeModel of your own.",
    )
