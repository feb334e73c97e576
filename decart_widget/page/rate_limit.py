"""Rate limits for the messages of pages."""

from __future__ import annotations

from decart_widget.protocol.rate_limit import RateLimit


class Gate:
    """Limits the rate of page messages by type, because any script in a page can send on the comm.

    Messages that cost something (a chunk of the front end, a token, a session, a log entry) are
    limited by type, for all pages of the widget together. Messages that end a session, or that keep
    it from being ended, always pass.
    """

    def __init__(self) -> None:
        self._limits = {
            "need": RateLimit(burst=12, per_second=2.0),
            "intent": RateLimit(burst=6, per_second=0.5),
            "start": RateLimit(burst=10, per_second=1.0),
            "take": RateLimit(burst=6, per_second=0.5),
            "wake": RateLimit(burst=10, per_second=1.0),
            "log": RateLimit(burst=20, per_second=4.0),
            "cameras": RateLimit(burst=30, per_second=5.0),
            "image": RateLimit(burst=120, per_second=20.0),
            "trouble": RateLimit(burst=10, per_second=1.0),
            "record": RateLimit(burst=6, per_second=0.5),
            "watch": RateLimit(burst=40, per_second=10.0),
            "sweep-start": RateLimit(burst=4, per_second=0.5),
            "sweep-retry": RateLimit(burst=20, per_second=1.0),
            "sheet-pictures": RateLimit(burst=60, per_second=30.0),
            "sheet-live": RateLimit(burst=10, per_second=2.0),
            "sheet-save": RateLimit(burst=3, per_second=0.2),
            "sheet-compare": RateLimit(burst=20, per_second=5.0),
            "sheet-rank": RateLimit(burst=20, per_second=5.0),
            "effect": RateLimit(burst=20, per_second=5.0),
            "mark": RateLimit(burst=30, per_second=10.0),
            "switch": RateLimit(burst=30, per_second=10.0),
            "sweep": RateLimit(burst=3, per_second=0.2),
            "thumbnails": RateLimit(burst=20, per_second=1.0),
        }
        self._pieces = RateLimit(burst=400, per_second=200.0)
        # Two streams of 60 pictures/s in each of four pages.
        self._shown = RateLimit(burst=500, per_second=500.0)
        self._all = RateLimit(burst=400, per_second=100.0)

    def allows(self, kind: str, now: float) -> bool:
        """Whether one more message of this type is allowed; if so, it is counted.

        Args:
            kind: The message's type.
            now: The reading of a monotonic clock, in seconds.
        """
        if kind in ("stop", "sweep-stop", "heartbeat", "leaving", "pagehide"):
            return True
        if kind in ("piece", "camera-frame"):
            # The kernel has granted credits for them, and limits their bytes on arrival.
            return self._pieces.allows(now)
        if kind == "shown":
            return self._shown.allows(now)
        limit = self._limits.get(kind)
        return self._all.allows(now) and (limit is None or limit.allows(now))
