"""How many messages a client may send."""

from __future__ import annotations


class RateLimit:
    """Lets ``burst`` messages through at once and ``per_second`` in the long run.

    A browser sends some thirty at the start (candidates) and then a few a minute.
    """

    def __init__(self, *, burst: int = 300, per_second: float = 50.0) -> None:
        self._burst = burst
        self._per_second = per_second
        self._left = float(burst)
        self._last: float | None = None

    def allows(self, now: float) -> bool:
        """Whether one more is within bounds at ``now`` (seconds of any steady clock)."""
        if self._last is not None:
            self._left = min(self._burst, self._left + (now - self._last) * self._per_second)
        self._last = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class Gate:
    """What pages may ask for, and how often: any script in a page can speak on the comm.

    What costs something (a piece of the front end, a token, a session, an entry in the log) gets
    through so often and no oftener, however many pages ask. What ends a session, or keeps it from
    ending, always gets through.
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
        """Whether one more message of this kind is within bounds at ``now`` (steady seconds)."""
        if kind in ("stop", "heartbeat", "pagehide"):
            return True
        if kind == "piece":
            # Asked for, with credits, and its bytes are bounded where they arrive.
            return self._pieces.allows(now)
        limit = self._limits.get(kind)
        return self._all.allows(now) and (limit is None or limit.allows(now))
