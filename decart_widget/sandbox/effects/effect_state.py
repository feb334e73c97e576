"""A session's prompt and image, and the effect that they select."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

from decart_widget.sandbox.effects.palette import Palette
from decart_widget.sandbox.effects.registry import effect_for

if TYPE_CHECKING:
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.sandbox.effects.picture import I420
    from decart_widget.sandbox.own.local_model import Conditions


class Wanted(NamedTuple):
    """What a session asks for; a change makes a new one.

    Attributes:
        prompt: The text, or None.
        image: (height, width, 3) uint8 RGB, or None.
    """

    prompt: str | None
    image: NDArray[np.uint8] | None


class EffectState:
    """The prompt and image of a session, applied to its pictures.

    `set` is called on the event loop, `paint` on a worker thread. No lock is needed: `set` replaces
    whole values, and `paint` reads each once. At worst, one frame has the old effect with the new
    image.

    Attributes:
        prompt: The text, or None.
        enrich: Whether near words and phrases select an effect too.
        image: (height, width, 3) uint8 RGB whose colours the picture gets, or None.
        wanted: Prompt and image together.
        conditions: With what a model of the user's transforms the frames; None before the first.
        begun: What was handed to such a model's ``start`` last, and the end of that.
        on_change: Called after every `set`, on its thread; None: nothing is called.
    """

    def __init__(self) -> None:
        self.conditions: Conditions | None = None
        self.begun: tuple[Wanted, Future[None]] | None = None
        self.on_change: Callable[[], None] | None = None
        self.set(None, enrich=False, image=None)

    def set(self, prompt: str | None, *, enrich: bool, image: NDArray[np.uint8] | None) -> None:
        """Replace everything. With neither prompt nor image the picture stays unchanged."""
        self.prompt, self.enrich, self.image = prompt, enrich, image
        self.wanted = Wanted(prompt, image)
        self._palette = None if image is None else Palette(image)
        self._effect = None if prompt is None else effect_for(prompt, enrich=enrich)
        if self.on_change is not None:
            self.on_change()

    @property
    def is_passthrough(self) -> bool:
        """Whether pictures stay unchanged."""
        return self._effect is None and self._palette is None

    @property
    def effect(self) -> str | None:
        """The name of the effect that the prompt selected, or None."""
        effect = self._effect
        return None if effect is None else effect.name

    def paint(self, picture: I420) -> I420:
        """The transformed picture: the image's colours first, as an effect may remove colour."""
        palette, effect = self._palette, self._effect
        if palette is not None:
            picture = palette.paint(picture)
        return picture if effect is None else effect.paint(picture)
