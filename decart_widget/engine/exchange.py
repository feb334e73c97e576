"""What one attempt's connection sends and receives; implements ``FrameExchange``, in the worker.

Normally the newest frame wins on the way up and on the way down. When each frame has to come back
(``Downlink.every``), the source is held back: while a frame has been in flight for longer than the
window, and while the reader has not taken what came back. A frame that is sent is then either
delivered or named as lost. Until the first frame comes back, the first one that was sent is
repeated, because a service drops frames while its own side of the connection is not ready; the last
one is repeated until it is back. Results of repetitions are not delivered twice.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from decart_widget.engine.flight import Flight
from decart_widget.engine.ring import FrameInfo

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.engine.connection import OutgoingFrame
    from decart_widget.engine.downlink import Downlink
    from decart_widget.engine.source_feed import SourceFeed
    from decart_widget.errors import DecartError
    from decart_widget.session.media import MediaState

WINDOW_S: Final = 2.0
"""Seconds that the oldest frame may be in flight before the source is held back; the service
answers after 0.3 to 0.7 s."""

REPEAT_S: Final = 1 / 30
"""Seconds between repetitions of a frame."""

CHECK_S: Final = 0.5
"""Seconds between checks for frames that came back."""

STALL_CHECKS: Final = 6
"""Checks that find frames sent and none received, after which the connection counts as lost.
Checks are counted and not seconds, because a machine that sleeps or is busy receives nothing."""

FIRST_STALL_CHECKS: Final = 20
"""The same before the first frame has come back."""

Tell = Callable[..., None]
"""Sends an event to the parent: ``tell(type, **fields)``."""


class Counts:
    """Frames of all attempts, for the parent.

    Attributes:
        sent: Handed to connections, repetitions included.
        received: Decoded.
        lost: Named as lost.
    """

    def __init__(self) -> None:
        self.sent = self.received = self.lost = 0


class Exchange:
    """The frames of one attempt.

    Args:
        attempt: Its number.
        feed: Gives the frames that are sent.
        link: Takes the received ones.
        tell: Sends events to the parent.
        counts: Counts frames.
        window_s: See ``WINDOW_S``.
    """

    def __init__(
        self,
        attempt: int,
        feed: SourceFeed,
        link: Downlink,
        tell: Tell,
        counts: Counts,
        *,
        window_s: float = WINDOW_S,
    ) -> None:
        self.attempt = attempt
        self._feed = feed
        self._link = link
        self._tell = tell
        self._counts = counts
        self._window_s = window_s
        self._loop = asyncio.get_running_loop()
        self._flight = Flight()
        self._changed = asyncio.Event()
        self._last_sent: OutgoingFrame | None = None
        self._sent_at_s = 0.0
        self._last_delivered = (0, -1)
        self._answered = False
        self._draining: int | None = None
        self._drain_since_s = 0.0
        self._silent_checks = 0
        self._new_sent = self._new_received = 0
        self._closed = False
        self._checking = asyncio.create_task(self._check_regularly())
        link.room_came = self._changed.set

    # --- FrameExchange ------------------------------------------------------------------------

    @property
    def every(self) -> bool:
        """Whether each frame is to come back; frames of a live source can't be held back."""
        return self._link.every and not self._feed.is_live

    async def next_frame(self) -> OutgoingFrame:
        """Returns the next frame to encode, when it is due and may be sent."""
        while True:
            if self.every and not self._closed:
                await self._until_room()
                if self._waits_for_answer():
                    if self._loop.time() - self._sent_at_s >= REPEAT_S:
                        return self._repeat()
                    await self._wait(REPEAT_S)
                    continue
            frame = await self._feed.next_frame(every=self.every, wanted=lambda: not self._closed)
            if self._closed:
                # The next attempt's connection gets the frames; this one is about to be closed.
                await asyncio.Event().wait()
            elif frame is None:
                self._begin_draining()
            else:
                self._draining = None
                return self._hand_out(frame)

    def frame_sent(self, frame: OutgoingFrame) -> None:
        """Frames count as sent when they are handed out; those that the encoder drops are lost."""

    def frame_received(
        self,
        planes: Sequence[NDArray[np.uint8]],
        width: int,
        height: int,
        sent: OutgoingFrame | None,
        *,
        exact: bool,
    ) -> None:
        """Delivers a received frame with the identity of the frame that it was made from."""
        if self._closed:
            return
        now_s = self._loop.time()
        self._counts.received += 1
        self._new_received += 1
        if not self._answered:
            self._answered = True
            self.changed("first-frame")
        if sent is None:
            sent, exact = self._flight.estimate(now_s), False
        is_repeated = False
        if sent is not None:
            is_repeated = (sent.generation, sent.index) <= self._last_delivered
            self._name_lost(self._flight.received(sent, now_s))
            self._feed.pacer.returned()
        if not (is_repeated and self._link.every):
            if sent is not None:
                self._last_delivered = (sent.generation, sent.index)
            self._link.put(planes, width, height, self._info(sent, exact=exact))
        self._finish_draining()
        self._changed.set()

    def offer_made(self, sdp: str) -> None:
        """Sends the offer to the parent."""
        if not self._closed:
            self._tell("offer", attempt=self.attempt, sdp=sdp)

    def changed(self, state: MediaState) -> None:
        """Reports a state of the connection."""
        if not self._closed:
            self._tell("state", attempt=self.attempt, state=state)

    def refused(self, error: DecartError) -> None:
        """Reports that there will be no media."""
        if not self._closed:
            self._tell("refused", attempt=self.attempt, error=error.as_trait())

    # --- for the worker -----------------------------------------------------------------------

    def close(self) -> None:
        """Ends the exchange: what is in flight is lost. May be called twice."""
        if self._closed:
            return
        self._closed = True
        self._feed.notify()
        self._changed.set()
        self._checking.cancel()
        lost = self._flight.clear()
        self._name_lost(lost, slow_down=False)
        self._feed.pacer.restart()
        if self._draining is not None:
            self._end_source(self._draining)

    # --- sending ------------------------------------------------------------------------------

    def _hand_out(self, frame: OutgoingFrame) -> OutgoingFrame:
        self._flight.sent(frame, self._loop.time())
        self._counts.sent += 1
        self._new_sent += 1
        is_new = self._last_sent is None or frame.index != self._last_sent.index
        is_new = is_new or frame.generation != (self._last_sent or frame).generation
        self._last_sent = frame
        self._sent_at_s = self._loop.time()
        if is_new:
            self._link.sent(frame)
        if self._link.every and is_new:
            self._tell("sent", generation=frame.generation, indices=[frame.index])
        return frame

    def _waits_for_answer(self) -> bool:
        """Whether nothing new is sent before the last sent frame, or a later one, has come back."""
        return (
            self._last_sent is not None
            and self._last_sent.generation == self._feed.generation
            and (not self._answered or self._draining is not None)
        )

    def _repeat(self) -> OutgoingFrame:
        assert self._last_sent is not None
        return self._hand_out(replace(self._last_sent, captured_ns=time.monotonic_ns()))

    async def _until_room(self) -> None:
        while not self._closed and (self._link.is_full or self._is_full()):
            await self._wait(CHECK_S)

    def _is_full(self) -> bool:
        """Whether a frame has been in flight for too long; a model may take long to start."""
        return self._answered and self._flight.age_s(self._loop.time()) >= self._window_s

    async def _wait(self, seconds: float) -> None:
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    # --- losses and ends ----------------------------------------------------------------------

    def _info(self, sent: OutgoingFrame | None, *, exact: bool) -> FrameInfo:
        received_ns = time.monotonic_ns()
        if sent is None:
            return FrameInfo(
                -1, math.nan, 0, received_ns, self._feed.generation, self.attempt, exact=False
            )
        return FrameInfo(
            sent.index,
            sent.source_time,
            sent.captured_ns,
            received_ns,
            sent.generation,
            self.attempt,
            exact,
        )

    def _name_lost(self, lost: Sequence[OutgoingFrame], *, slow_down: bool = True) -> None:
        frames = [f for f in lost if (f.generation, f.index) > self._last_delivered]
        if not frames:
            return
        self._counts.lost += len(frames)
        if not self._link.every:
            return
        if slow_down:
            self._feed.pacer.lost()
        for generation in sorted({frame.generation for frame in frames}):
            indices = [frame.index for frame in frames if frame.generation == generation]
            self._tell("lost", generation=generation, indices=indices, number=self._link.number)

    def _begin_draining(self) -> None:
        self._draining = self._feed.generation
        self._drain_since_s = self._loop.time()
        self._finish_draining()

    def _finish_draining(self) -> None:
        """Reports the end of the source when its last frame is back, or was waited for."""
        if self._draining is None:
            return
        waited_s = self._loop.time() - self._drain_since_s
        if len(self._flight) and (self._link.every or waited_s < self._window_s):
            return
        generation, self._draining = self._draining, None
        self._end_source(generation)

    def _end_source(self, generation: int) -> None:
        self._tell("source_ended", generation=generation, number=self._link.number)

    async def _check_regularly(self) -> None:
        while True:
            await asyncio.sleep(CHECK_S)
            expired = self._flight.expired(self._loop.time())
            if self._answered:  # until then the first frame is repeated: it isn't lost
                self._name_lost(expired)
            self._finish_draining()
            self._changed.set()
            if self._new_received:
                self._silent_checks = 0
            elif self._new_sent:
                self._silent_checks += 1
                if self._silent_checks == (STALL_CHECKS if self._answered else FIRST_STALL_CHECKS):
                    self._tell("stalled", attempt=self.attempt)
            self._new_sent = self._new_received = 0
