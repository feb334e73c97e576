"""How often pages may send each kind of message."""

from __future__ import annotations

from decart_widget.protocol.rate_limit import RateLimit


class Gate:
    """Limits the rate of each kind of page message: any script in a page can send on the comm.

    Messages that cost something (a chunk of the front end, a token, a session, a log entry) are
    limited by kind, for all pages of the widget together. Messages that end a session, or that keep
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
            "image": RateLimit(burst=40, per_second=4.0),
            "trouble": RateLimit(burst=10, per_second=1.0),
            "record": RateLimit(burst=6, per_second=0.5),
        }
        self._pieces = RateLimit(burst=400, per_second=200.0)
        self._all = RateLimit(burst=400, per_second=100.0)

    def allows(self, kind: str, now: float) -> bool:
        """Whether one more message of this kind may pass; if so, it counts as passed.

        Args:
            kind: The message's type.
            now: Seconds of a steady clock.
        """
        if kind in ("stop", "heartbeat", "pagehide"):
            return True
        if kind == "piece":
            # The kernel asked for it, with credits, and its bytes are limited on arrival.
            return self._pieces.allows(now)
        limit = self._limits.get(kind)
        return self._all.allows(now) and (limit is None or limit.allows(now))
