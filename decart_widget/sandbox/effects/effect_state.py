"""What one session's picture should look like now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from decart_widget.sandbox.effects.palette import Palette
from decart_widget.sandbox.effects.registry import effect_for

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.sandbox.effects.picture import I420


class EffectState:
    """The prompt and image of a session, and the painting that follows from them.

    Set on the media loop, painted with on a worker thread: `set` swaps whole values, so a frame
    sees the old look or the new one and never a mixture that matters.

    Attributes:
        prompt: The text, or None.
        enrich: Whether near words and phrases find an effect too.
        image: (height, width, 3) uint8 RGB whose colours the picture takes, or None.
    """

    def __init__(self) -> None:
        self.set(None, enrich=False, image=None)

    def set(self, prompt: str | None, *, enrich: bool, image: NDArray[np.uint8] | None) -> None:
        """Replace everything. Both None: the picture is left alone."""
        self.prompt, self.enrich, self.image = prompt, enrich, image
        self._palette = None if image is None else Palette(image)
        self._effect = None if prompt is None else effect_for(prompt, enrich=enrich)

    @property
    def is_passthrough(self) -> bool:
        """Whether the picture is left alone."""
        return self._effect is None and self._palette is None

    @property
    def effect(self) -> str | None:
        """The name of the effect that the prompt found, or None."""
        effect = self._effect
        return None if effect is None else effect.name

    def paint(self, picture: I420) -> I420:
        """The picture in this look. The image's colours come first: an effect may remove them."""
        palette, effect = self._palette, self._effect
        if palette is not None:
            picture = palette.paint(picture)
        return picture if effect is None else effect.paint(picture)
