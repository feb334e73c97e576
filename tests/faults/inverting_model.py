"""A model that a test of faults runs in a process of its own."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


class Invert:
    """Inverts each frame."""

    def start(self, prompt: str | None, image: Any) -> None:
        """It has one look."""

    def transform(self, frame: NDArray[np.uint8], state: None) -> NDArray[np.uint8]:
        """The negative of a frame."""
        return 255 - frame
