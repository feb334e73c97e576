"""When to send a keyframe because no picture comes back any more. Pure.

A packet that the network loses on its way to the service may stop its decoder, which requests a
keyframe only after 3 s. The package `livekit` publishes without retransmission packets (RTX), and
probes the bandwidth with padding, which is never repeated. The widget's page does the same
(``js/src/media/watchdog.ts``).
"""

from __future__ import annotations

from typing import Final

AFTER_S: Final = 0.1
"""Seconds without a picture after which a keyframe is sent at the earliest."""

MORE_S: Final = 0.3
"""Added to twice the seconds so far, they are the time of the next one: keyframes are large, and a
network that is too slow must not get many of them."""

MISSING_PICTURES: Final = 3
"""So many pictures have to be missing, at the rate of before."""

NEWEST_SHARE: Final = 0.15
"""How much of the mean interval the newest one makes up."""


class KeyframeRefresh:
    """Watches the times at which pictures come."""

    def __init__(self) -> None:
        self._last_s: float | None = None
        self._interval_s: float | None = None
        self._after_s = AFTER_S

    def received(self, now_s: float) -> None:
        """Notes that a picture came."""
        if self._last_s is not None:
            interval_s = now_s - self._last_s
            if self._interval_s is None:
                self._interval_s = interval_s
            else:
                self._interval_s += NEWEST_SHARE * (interval_s - self._interval_s)
        self._last_s, self._after_s = now_s, AFTER_S

    def is_due(self, now_s: float) -> bool:
        """Returns whether a keyframe is to be sent now; call it while frames are being sent."""
        if self._last_s is None or self._interval_s is None:
            return False
        still_s = now_s - self._last_s
        if still_s < max(self._after_s, MISSING_PICTURES * self._interval_s):
            return False
        self._after_s = 2 * still_s + MORE_S
        return True
