"""A sender of pictures, a road and a reader in simulated time, with a `FlowWindow` in between."""

from __future__ import annotations

import heapq
import itertools
import random
from collections.abc import Callable
from dataclasses import dataclass, field

from decart_widget.protocol.flow import FlowWindow


@dataclass
class Road:
    """How long things take, in seconds; rates in bytes/s.

    Attributes:
        down_s: A credit's way to the sender.
        up_s: A frame's way to the receiver.
        jitter_s: At most as much is added to a frame's way, at random.
        held_s: How long a socket holds a credit back while an earlier one isn't acknowledged.
        bytes_per_s: What the road carries upwards.
        encode_s: What the sender takes for a frame.
        read_s: What the reader does with a frame before it asks for the next one.
        fps: Rate of the camera.
        frame_bytes: Size of a frame.
    """

    down_s: float = 0.001
    up_s: float = 0.001
    jitter_s: float = 0.0
    held_s: float = 0.0
    bytes_per_s: float = 1e9
    encode_s: float = 0.005
    read_s: float = 0.002
    fps: float = 30.0
    frame_bytes: int = 50_000


@dataclass
class Result:
    """What the reader got in the measured time.

    Attributes:
        fps: Frames a second that it read.
        sent_fps: Frames a second that were sent.
        ages_s: Age of each frame when it was read.
        most_in_flight: Most credits granted at once.
        size: Frames that may be in flight at the end.
    """

    fps: float = 0.0
    sent_fps: float = 0.0
    ages_s: list[float] = field(default_factory=list)
    most_in_flight: int = 0
    size: int = 0

    def age_s(self, share: float = 0.95) -> float:
        return sorted(self.ages_s)[int(share * (len(self.ages_s) - 1))]


class Simulation:
    """Runs a window over a road; `road` may be changed between two runs."""

    def __init__(self, road: Road, window: FlowWindow | None = None) -> None:
        self.road = road
        self.window = window or FlowWindow()
        self.now = 1000.0
        self._random = random.Random(7)
        self._order = itertools.count()
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._result = Result()
        # The sender.
        self._credits = self._missed = 0
        self._encoding = False
        self._pending: float | None = None
        self._free_at = self._last_arrival = 0.0
        # The credits' socket.
        self._held: int = 0
        self._acknowledged_at = 0.0
        # The reader.
        self._newest: float | None = None
        self._waits_since: float | None = None
        self._came = self.now
        self._after(0.0, self._picture)
        self._after(0.0, self._read)

    def run(self, seconds: float) -> Result:
        result = self._result = Result()
        end = self.now + seconds
        while self._events[0][0] < end:
            self.now, _, act = heapq.heappop(self._events)
            act()
            result.most_in_flight = max(result.most_in_flight, self.window.in_flight)
        self.now = end
        result.fps, result.sent_fps = len(result.ages_s) / seconds, result.sent_fps / seconds
        result.size = self.window.size
        return result

    def _after(self, seconds: float, act: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + seconds, next(self._order), act))

    # --- sender ---
    def _picture(self) -> None:
        self._after(1 / self.road.fps, self._picture)
        self._pending = self.now
        if not self._encoding:
            self._encode()

    def _encode(self) -> None:
        at, self._pending = self._pending, None
        if at is None:
            return
        if self._credits < 1:
            self._missed += 1
            return
        self._credits -= 1
        self._encoding = True
        self._result.sent_fps += 1

        def done() -> None:
            self._encoding = False
            road, missed = self.road, self._missed
            self._free_at = max(self._free_at, self.now) + road.frame_bytes / road.bytes_per_s
            arrival = self._free_at + road.up_s + self._random.uniform(0, road.jitter_s)
            arrival = self._last_arrival = max(arrival, self._last_arrival)
            self._after(arrival - self.now, lambda: self._arrive(at, missed))
            self._encode()

        self._after(self.road.encode_s, done)

    # --- receiver ---
    def _arrive(self, at: float, missed: int) -> None:
        waits = self._waits_since
        idle_s = 0.0 if waits is None else self.now - max(waits, self._came)
        self._came = self.now
        self.window.arrived(
            self.now,
            sent_at=at - 555.0,  # the sender has another clock
            size_bytes=self.road.frame_bytes,
            missed=missed,
            idle_s=idle_s,
        )
        if self._newest is not None:
            self.window.unread()
        self._newest = at
        if waits is not None:
            self._take()

    def _read(self) -> None:
        self._waits_since = self.now
        self._grant()
        if self._newest is not None:
            self._take()

    def _take(self) -> None:
        assert self._newest is not None
        self._result.ages_s.append(self.now - self._newest)
        self._newest = self._waits_since = None
        self._grant()
        self._after(self.road.read_s, self._read)

    def _grant(self) -> None:
        granted = self.window.missing(self._newest is not None)
        if not granted:
            return
        self._held += granted
        if self.now >= self._acknowledged_at:
            self._flush()
        elif self._held == granted:
            self._after(self._acknowledged_at - self.now, self._flush)

    def _flush(self) -> None:
        count, self._held = self._held, 0
        self._acknowledged_at = self.now + self.road.held_s
        if count:
            self._after(self.road.down_s, lambda: self._credited(count))

    def _credited(self, count: int) -> None:
        self._credits += count
