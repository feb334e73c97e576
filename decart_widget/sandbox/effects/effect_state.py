"""A session's prompt and image, and the effect that they select."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, NamedTuple

from decart_widget.sandbox.effects.palette import Palette
from decart_widget.sandbox.effects.picture import I420
from decart_widget.sandbox.effects.registry import Effect, effect_for

if TYPE_CHECKING:
    from concurrent.futures import Future

    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.sandbox.own.local_model import Conditions


class Wanted(NamedTuple):
    """What a session asks for; a change makes a new one.

    Attributes:
        prompt: The text, or None.
        image: (height, width, 3) uint8 RGB, or None.
    """

    prompt: str | None
    image: NDArray[np.uint8] | None


class Look(NamedTuple):
    """What a prompt and an image make of pictures.

    Attributes:
        effect: What the prompt selects, or None.
        palette: The image's colours, or None.
    """

    effect: Effect | None
    palette: Palette | None

    @property
    def is_plain(self) -> bool:
        """Whether pictures stay unchanged."""
        return self.effect is None and self.palette is None

    def paint(self, picture: I420) -> I420:
        """The transformed picture: the image's colours first, as an effect may remove colour."""
        if self.palette is not None:
            picture = self.palette.paint(picture)
        return picture if self.effect is None else self.effect.paint(picture)


class Fade(NamedTuple):
    """One look that comes in over another.

    Attributes:
        former: The look that goes.
        since_s: When it began, on ``time.monotonic()``.
        length_s: Seconds until only the new look is left.
    """

    former: Look
    since_s: float
    length_s: float

    def weight(self, now_s: float) -> float:
        """Share of the new look: 0 at the begin, 1 at the end and after it."""
        return min(1.0, max(0.0, (now_s - self.since_s) / self.length_s))


PLAIN: Final = Look(None, None)
"""The look of pictures that stay unchanged."""


class EffectState:
    """The prompt and image of a session, applied to its pictures.

    `set` is called on the event loop, `paint` on a worker thread. No lock is needed: `set` replaces
    whole values, and `paint` reads each once. At worst, one frame has the new look at once.

    Args:
        clock: Returns seconds, for looks that come in slowly.

    Attributes:
        inertia_s: Seconds over which a new look comes in; see ``Faults``.
        is_seen: Whether a frame was sent: the first look is there at once.
        prompt: The text, or None.
        enrich: Whether near words and phrases select an effect too.
        image: (height, width, 3) uint8 RGB whose colours the picture gets, or None.
        wanted: Prompt and image together.
        conditions: With what a model of the user's transforms the frames; None before the first.
        begun: What was handed to such a model's ``start`` last, and the end of that.
        on_change: Called after every `set`, on its thread; None: nothing is called.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.inertia_s = 0.0
        self.is_seen = False
        self._clock = clock
        self._look = PLAIN
        self._fade: Fade | None = None
        self.conditions: Conditions | None = None
        self.begun: tuple[Wanted, Future[None]] | None = None
        self.on_change: Callable[[], None] | None = None
        self.set(None, enrich=False, image=None)

    def set(self, prompt: str | None, *, enrich: bool, image: NDArray[np.uint8] | None) -> None:
        """Replace everything. With neither prompt nor image the picture stays unchanged."""
        self.prompt, self.enrich, self.image = prompt, enrich, image
        self.wanted = Wanted(prompt, image)
        look = Look(
            None if prompt is None else effect_for(prompt, enrich=enrich),
            None if image is None else Palette(image),
        )
        self._fade = self._begin_fade() if self.is_seen and self.inertia_s else None
        self._look = look
        if self.on_change is not None:
            self.on_change()

    @property
    def is_passthrough(self) -> bool:
        """Whether pictures stay unchanged."""
        return self._look.is_plain and self._fade is None

    @property
    def effect(self) -> str | None:
        """The name of the effect that the prompt selected, or None."""
        effect = self._look.effect
        return None if effect is None else effect.name

    def paint(self, picture: I420) -> I420:
        """The transformed picture; while a look comes in, a mixture of both."""
        fade, look = self._fade, self._look
        new = look.paint(picture)
        if fade is None:
            return new
        weight = fade.weight(self._clock())
        if weight >= 1:
            if fade is self._fade:
                self._fade = None
            return new
        import cv2

        old = fade.former.paint(picture)
        return I420(cv2.addWeighted(old.data, 1 - weight, new.data, weight, 0))

    def _begin_fade(self) -> Fade:
        """Begins with the look that is there now; of two that mix, the one that weighs more."""
        now_s, fade = self._clock(), self._fade
        former = fade.former if fade is not None and fade.weight(now_s) < 0.5 else self._look
        return Fade(former, now_s, self.inertia_s)
