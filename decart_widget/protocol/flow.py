"""Flow control for frames: how many of them may be in flight on a road.

A receiver grants *credits*; the sender takes its newest picture for each and drops the pictures for
which it has none. Too few credits leave the road empty while a credit travels back, too many let
frames queue up on it and grow old. By Little's law frames in flight = rate * delay, so the right
number follows from what the receiver sees, without an estimate of the delay itself:

- Pictures that the sender dropped for want of credit: the number grows in the same proportion in
  which more pictures were due than arrived.
- Delay above the least delay that the road has shown (as in LEDBAT, RFC 6817): if no frame arrives
  without it for a while, frames queue, and the number falls. The least of that time is compared, as
  in CoDel (RFC 8289), so that jitter and a busy machine are no reason.
- Frames that nobody read: the reader is slow, and the number falls.

A number is judged after one *round*: until as many frames have arrived as were in flight, counted
from the first frame that was sent for a credit under that number.
"""

from __future__ import annotations

import math
from typing import Final

LEAST: Final = 2
"""Frames in flight at least: one on the road while the next one is encoded."""

FIRST: Final = 3
"""Frames in flight at the beginning: what a road on one machine takes."""

MOST: Final = 24
"""Frames in flight at most: 30 frames a second on a road with 0.8 s from credit to frame."""

MOST_BYTES: Final = 6_000_000
"""Bytes in flight at most; more queue up in the notebook server (it is cut off at about 10 MB)."""

QUEUE_S: Final = 0.12
"""Seconds of delay above the least one that don't count as a queue: a machine that is busy with
other work delays each frame by as much, and fewer in flight would not make them faster."""

STANDING_S: Final = 0.4
"""Seconds for which each frame has to have more than that."""

IDLE_SHARE: Final = 0.25
"""Share of a round in which the reader has to wait for frames; else it limits the rate itself."""

CAREFUL_S: Final = 10.0
"""Seconds after frames had queued up in which the number grows by one a round only."""

QUIET_S: Final = 5.0
"""Seconds without dropped pictures after which one frame less is tried."""

MOST_QUIET_S: Final = 60.0
"""The same at most: it doubles each time when one less was too few."""

NEW_ROAD_S: Final = 3.0
"""Seconds with ``LEAST`` frames in flight after which a longer delay is the road's own."""

DRIFT: Final = 2e-4
"""By how much two clocks may drift apart, in seconds per second (crystals: 1e-4 at most)."""


class FlowWindow:
    """The number of frames that may be in flight, and how many are.

    All times are seconds of one steady clock, unless it says otherwise. A receiver that grants
    credits calls ``missing``; a sender without credits asks ``has_room`` and calls ``sent``. Either
    calls ``arrived``.

    Args:
        first: Frames that may be in flight at the beginning.

    Attributes:
        size: Frames that may be in flight.
        in_flight: Credits granted whose frames have not arrived.
    """

    def __init__(self, first: int = FIRST) -> None:
        self.size = first
        self.in_flight = 0
        self._mean_bytes = 0.0
        self._missed = 0
        self._least_delay_s: float | None = None
        self._arrived_at: float | None = None
        self._queued_at = self._quiet_since = self._few_since = -math.inf
        self._queue_since = math.inf
        self._quiet_s = QUIET_S
        self._lessened = False
        self._queue_s = math.inf
        self._new_round(0.0, settling=1)

    @property
    def allowed(self) -> int:
        """Frames that may be in flight, given how large they are."""
        if self._mean_bytes * self.size <= MOST_BYTES:
            return self.size
        return max(1, int(MOST_BYTES / self._mean_bytes))

    def missing(self, waiting: int = 0) -> int:
        """Credits to grant now; they count as granted.

        Args:
            waiting: Frames that have arrived and wait for the reader.
        """
        missing = max(0, self.allowed - self.in_flight - waiting)
        self.in_flight += missing
        return missing

    @property
    def has_room(self) -> bool:
        """Whether one more frame may be sent."""
        return self.in_flight < self.allowed

    def sent(self) -> None:
        """Notes that a frame was sent."""
        self.in_flight += 1

    def restart(self) -> None:
        """The sender begins anew: earlier credits are void, its count of dropped pictures is 0."""
        self.in_flight = self._missed = 0
        self._least_delay_s = self._arrived_at = None
        self._new_round(0.0, settling=1)

    def arrived(
        self,
        now: float,
        *,
        sent_at: float | None = None,
        size_bytes: int = 0,
        missed: int | None = None,
        idle_s: float = math.inf,
    ) -> None:
        """A frame has arrived.

        Args:
            now: When.
            sent_at: When its picture was taken, in seconds of the sender's clock.
            size_bytes: Its size.
            missed: Pictures that the sender has dropped for want of credit since it began.
            idle_s: Seconds since the last arrival in which the reader waited for a frame.
        """
        before, self._arrived_at = self._arrived_at, now
        since_s = 0.0 if before is None else max(0.0, now - before)
        self.in_flight = max(0, self.in_flight - 1)
        self._mean_bytes += (size_bytes - self._mean_bytes) / (8 if self._mean_bytes else 1)
        dropped = 0
        if missed is not None:
            dropped, self._missed = max(0, missed - self._missed), missed
        if dropped or before is None:
            self._quiet_since = now
        queue_s = 0.0
        if sent_at is not None:
            delay_s = now - sent_at
            least_s = self._least_delay_s
            drifted_s = delay_s if least_s is None else least_s + DRIFT * since_s
            self._least_delay_s = min(delay_s, drifted_s)
            queue_s = delay_s - self._least_delay_s
        if self._settling > 0:  # this frame is for a credit of an earlier number
            self._settling -= 1
            self._began_at = self._queue_since = now
            return
        self._arrivals += 1
        self._dropped += dropped
        self._idle_s += min(idle_s, since_s)
        self._queue_s = min(self._queue_s, queue_s)
        if queue_s <= QUEUE_S:
            self._queue_since = now
        if self._arrivals >= self.size:
            self._judge(now)

    def unread(self) -> None:
        """A frame was replaced by a newer one before it was read."""
        self._unread += 1

    def _judge(self, now: float) -> None:
        """Ends a round."""
        size, lessened = self.size, False
        slow = self._unread > self._arrivals / 2
        took_s = now - self._began_at
        starved = self._dropped > 0 and self._idle_s >= IDLE_SHARE * took_s
        if now - self._queue_since > STANDING_S:
            size = self._fewer(now)
        elif slow:
            size = max(LEAST, size // 2)
        elif starved and self._queue_s <= QUEUE_S and self.allowed == size:
            wanted = math.ceil(size * (self._arrivals + self._dropped) / self._arrivals)
            careful = now < self._queued_at + CAREFUL_S
            size = min(wanted, size + 1 if careful else 2 * size, MOST)
            if self._lessened:
                self._quiet_s = min(2 * self._quiet_s, MOST_QUIET_S)
        elif now - self._quiet_since > self._quiet_s and size > LEAST:
            size, lessened, self._quiet_since = size - 1, True, now
        if size > LEAST:
            self._few_since = now
        changed = size != self.size
        self._lessened = lessened or (self._lessened and not changed)
        self.size = size
        self._new_round(now, settling=self.in_flight + 1 if changed else 0)

    def _fewer(self, now: float) -> int:
        """The number after a round in which frames queued up."""
        if self.size <= LEAST and now - self._few_since > NEW_ROAD_S:
            assert self._least_delay_s is not None
            self._least_delay_s += self._queue_s
            self._queue_since = now
            return self.size
        self._queued_at = now
        return max(LEAST, self.size - max(1, self.size // 4))

    def _new_round(self, now: float, *, settling: int) -> None:
        self._settling = settling
        self._began_at = now
        self._arrivals = self._dropped = self._unread = 0
        self._idle_s = 0.0
        self._queue_s = math.inf
