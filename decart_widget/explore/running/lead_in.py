"""How long the end of the clip is played before a cell, so that its look has come in."""

from __future__ import annotations

import math
import threading
from collections import deque
from typing import Final

FIRST_S: Final = 1.0
"""Seconds before it is known what looks need."""

SESSION_S: Final = 0.5
"""Seconds before the first cell of a session, whose look is there at once: encoders begin with
pictures that are less clear."""

IDLE_S: Final = 0.4
"""Seconds between the end of a cell and the next one's prompt, about: its last frame comes back
first. On a network it is more."""

LONGEST_S: Final = 4.0
"""Seconds at most."""

SPARE_FACTOR: Final = 1.05
"""By how much longer it is than what looks were seen to need. Two or three frames that were played
before the prompt's acknowledgement, but are sent after it, come on top."""

REMEMBERED: Final = 8
"""Looks whose time counts."""


class LeadIn:
    """Learns what looks need; shared by the sessions of a job, from any thread.

    Args:
        fixed_s: Seconds that are always played; None: what was learnt.
    """

    def __init__(self, fixed_s: float | None) -> None:
        self._fixed_s = fixed_s
        self._lock = threading.Lock()
        self._seen: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def is_fixed(self) -> bool:
        """Whether it was given."""
        return self._fixed_s is not None

    def frames(self, fps: float) -> int:
        """Returns how many frames are played after a prompt was acknowledged.

        Args:
            fps: Frames/s of the clip.
        """
        with self._lock:
            if self._fixed_s is not None:
                return math.ceil(self._fixed_s * fps)
            if not self._seen:
                return math.ceil(FIRST_S * fps)
            needed_s = min(LONGEST_S, max(self._seen) * SPARE_FACTOR)
            return max(1, math.ceil(needed_s * fps))

    def learn(self, seconds: float) -> None:
        """Notes how much of the lead-in a look needed.

        Args:
            seconds: From the acknowledgement until the first frame with the whole look was sent.
        """
        with self._lock:
            self._seen.append(max(0.0, seconds))

    def cost_s(self, fps: float) -> float:
        """Returns about how many seconds a cell takes besides its clip.

        Args:
            fps: Frames/s of the clip.
        """
        return self.frames(fps) / fps + IDLE_S
