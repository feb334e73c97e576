"""Which frame was sent, by the RTP timestamp of the one that came back.

A service that keeps the timestamps of its input gives each output frame the timestamp of the frame
that it was made from, plus a constant that nobody tells: an RTP stream begins at a random number
(RFC 3550, 5.1), and aiortc's receiver subtracts the first timestamp that it got, on both sides.

So the timestamps are chosen: frame ``i`` of a connection is sent with a time on a coarse grid plus
``i * i mod 251``. The difference of two such timestamps occurs for one pair of frames only (251 is
prime, so the difference of two squares names both), and the first two frames that come back name
the constant. Each further frame must fit; one that doesn't proves that the service stamps its
frames anew, and nothing is claimed then until several frames in a row fit again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final, Generic, TypeVar

CLOCK_HZ: Final = 90_000
"""Ticks a second of RTP timestamps of video (RFC 3551, RFC 6184, RFC 7741)."""

PRIME: Final = 251
"""Modulus of the squares; the last so many frames can be told apart."""

GRID_TICKS: Final = 600
"""Timestamps without their square are multiples of this (6.7 ms, so up to 150 frames/s); more than
twice ``PRIME``, so that the difference of two squares is never taken for a step of the grid."""

FIRST_FITS: Final = 2
"""Frames that must fit one constant before it is used, at the begin of a connection."""

FURTHER_FITS: Final = 4
"""The same after a frame did not fit: chance fits one in some hundreds."""

HOLD_S: Final = 0.5
"""Seconds that a frame waits for others that name its constant; then it is an estimate."""

MAX_HELD: Final = 4
"""Frames that wait at most; each is a decoded picture."""

Sent = TypeVar("Sent")
Received = TypeVar("Received")


class SentFrames(Generic[Sent]):
    """The timestamps of one connection's outgoing frames.

    Attributes:
        table: Timestamp -> frame, of the last ``PRIME`` frames, oldest first.
    """

    def __init__(self) -> None:
        self.table: OrderedDict[int, Sent] = OrderedDict()
        self._count = 0
        self._step = 0

    def stamp(self, frame: Sent, at_s: float) -> int:
        """Chooses the timestamp of the next frame; they rise.

        Args:
            frame: What `Identity` will return for it.
            at_s: When it is sent, in seconds from the begin of the connection.
        """
        self._step = max(self._step + 1, round(at_s * CLOCK_HZ / GRID_TICKS))
        timestamp = self._step * GRID_TICKS + self._count * self._count % PRIME
        self._count += 1
        self.table[timestamp] = frame
        while len(self.table) > PRIME:
            self.table.popitem(last=False)
        return timestamp


class Identity(Generic[Sent, Received]):
    """Finds the sent frame of each received one.

    Args:
        sent: The connection's outgoing frames.
        deliver: Called with each received frame in the order in which they came, with the frame
            that it was made from and whether that is known; with None and False when it isn't.
    """

    def __init__(
        self,
        sent: SentFrames[Sent],
        deliver: Callable[[Received, Sent | None, bool], None],
    ) -> None:
        self._sent = sent
        self._deliver = deliver
        self._offset: int | None = None
        self._candidates: set[int] | None = None
        self._fits = 0
        self._needed = FIRST_FITS
        self._held: list[tuple[float, int, Received]] = []

    @property
    def is_known(self) -> bool:
        """Whether the constant is known, by the frames received so far."""
        return self._offset is not None

    @property
    def holds(self) -> bool:
        """Whether frames wait for others; `expire` releases them in time."""
        return bool(self._held)

    def received(self, timestamp: int, frame: Received, now_s: float) -> None:
        """Takes a received frame; delivers it now or, while nothing is known, a little later.

        Args:
            timestamp: In ticks, from any begin.
            frame: The frame.
            now_s: The time, on any monotonic clock.
        """
        table = self._sent.table
        if self._offset is not None:
            sent = table.get(timestamp - self._offset)
            if sent is not None:
                self._deliver(frame, sent, True)
                return
            self._start_again()
        self._narrow(timestamp)
        self._held.append((now_s, timestamp, frame))
        if self._offset is not None:
            self._release(len(self._held))
        else:
            self.expire(now_s)

    def expire(self, now_s: float) -> None:
        """Delivers, without identity, the frames that have waited for long enough."""
        late = sum(1 for since_s, _, _ in self._held if now_s - since_s >= HOLD_S)
        # After a frame that didn't fit, pictures are not delayed for a constant that may not exist.
        limit = MAX_HELD if self._needed == FIRST_FITS else 0
        self._release(max(late, len(self._held) - limit))

    def flush(self) -> None:
        """Delivers the frames that wait, without identity; at the end of a connection."""
        self._release(len(self._held))

    def _start_again(self) -> None:
        self._offset = self._candidates = None
        self._fits = 0
        self._needed = FURTHER_FITS

    def _narrow(self, timestamp: int) -> None:
        """Keeps the constants that fit this frame as well as those before it."""
        possible = {timestamp - sent for sent in self._sent.table}
        both = possible if self._candidates is None else self._candidates & possible
        if not both:
            self._needed = FURTHER_FITS
            both, self._fits = possible, 0
        self._candidates = both
        self._fits += 1
        if len(both) == 1 and self._fits >= self._needed:
            (self._offset,) = both

    def _release(self, count: int) -> None:
        released, self._held = self._held[:count], self._held[count:]
        for _, timestamp, frame in released:
            sent = None
            if self._offset is not None:
                sent = self._sent.table.get(timestamp - self._offset)
            self._deliver(frame, sent, sent is not None)
