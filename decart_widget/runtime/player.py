"""Plays a schedule of prompts in the live session of a widget."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.log import Log
from decart_widget.errors import DecartError
from decart_widget.inputs.schedules import Change
from decart_widget.protocol.states import ACTIVE_STATES, ConnectionState
from decart_widget.runtime.prompts import Prompts
from decart_widget.session.background import Background

if TYPE_CHECKING:
    from decart_widget.engine.media import EngineMedia
    from decart_widget.engine.received import ReceivedFrame

BACK_S: Final = 0.5
"""Seconds by which the source's time has to go back to count as a new begin: frames that come back
out of order don't."""


class Player:
    """Asks for the prompts of one schedule at a time; use it on the background loop.

    Args:
        prompts: Applies prompts.
        media: Returns the engine that sends a source of the kernel; None: a page sends.
        log: Receives refusals.
    """

    def __init__(self, prompts: Prompts, media: Callable[[], EngineMedia | None], log: Log) -> None:
        self._prompts = prompts
        self._media = media
        self._log = log
        self._changes: Sequence[Change] = ()
        self._next = 0
        self._began_at: float | None = None
        self._is_generating = False
        self._timer: asyncio.TimerHandle | None = None
        self._sink: SourceClock | None = None
        self._over: asyncio.Future[str] | None = None
        self._asking: set[asyncio.Task[None]] = set()

    async def play(self, changes: Sequence[Change]) -> str:
        """Plays changes in place of those that are being played.

        Args:
            changes: In the order of their times; none ends what is played.

        Returns:
            ``"played"``, or ``"replaced"`` by a later call.
        """
        self.stop("replaced")
        if not changes:
            return "played"
        over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._over = over
        self._changes, self._next, self._began_at = changes, 0, None
        if not self._is_generating and changes[0].at_s == 0:
            self._ask(changes[0])  # so that the next session begins with it
        self._begin()
        return await over

    def stop(self, outcome: str = "stopped") -> None:
        """Ends what is being played."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._sink is not None:
            self._sink.end()
            self._sink = None
        if self._over is not None and not self._over.done():
            self._over.set_result(outcome)
        self._changes, self._began_at = (), None

    def session_changed(self, state: ConnectionState) -> None:
        """Begins with the first picture of a session, and ends with it; called after each change.

        Args:
            state: Of the session.
        """
        self._is_generating = state is ConnectionState.GENERATING
        if state not in ACTIVE_STATES and self._began_at is not None:
            self.stop()
        self._begin()

    def _begin(self) -> None:
        if not self._changes or not self._is_generating:
            return
        media = self._media()
        if media is not None:
            if self._sink is None or self._sink.media is not media:
                if self._sink is not None:
                    self._sink.end()
                self._sink = SourceClock(media, self._source_at)
        elif self._began_at is None:
            self._began_at = asyncio.get_running_loop().time()
            self._wait()

    def _wait(self) -> None:
        """Asks for the changes that are due, and waits for the next one; with a page's source."""
        self._timer = None
        loop = asyncio.get_running_loop()
        if self._began_at is None:
            return
        now_s = loop.time() - self._began_at
        while self._next < len(self._changes) and self._changes[self._next].at_s <= now_s:
            self._ask(self._changes[self._next])
            self._next += 1
        if self._next < len(self._changes):
            due = self._began_at + self._changes[self._next].at_s
            self._timer = loop.call_at(due, self._wait)
        else:
            self.stop("played")

    def _source_at(self, time_s: float, *, is_new: bool) -> None:
        """The source of the kernel has come to this time."""
        if is_new:
            self._next = 0
        due = None
        while self._next < len(self._changes) and self._changes[self._next].at_s <= time_s:
            due = self._changes[self._next]
            self._next += 1
        if due is not None:
            self._ask(due)
        over = self._over
        if self._next == len(self._changes) and over is not None and not over.done():
            over.set_result("played")

    def _ask(self, change: Change) -> None:
        changes: dict[str, Any] = {"prompt": change.prompt}
        if change.enrich is not None:
            changes["enrich"] = change.enrich
        task = asyncio.ensure_future(self._apply(changes))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _apply(self, changes: dict[str, Any]) -> None:
        try:
            await self._prompts.set_and_show(**changes)
        except DecartError as error:
            self._log.add("warning", "a prompt of the schedule was not applied", code=error.code)


class SourceClock:
    """A sink that tells the time of the frame that is being sent.

    Args:
        media: The engine.
        tell: Called on the background loop with the time in seconds of the source, and whether it
            has begun anew since the last call.

    Attributes:
        media: The engine.
    """

    def __init__(self, media: EngineMedia, tell: Callable[..., None]) -> None:
        self.media = media
        self._tell = tell
        self._last_s = 0.0
        self._is_over = False
        media.add_sink(self)

    def end(self) -> None:
        """Tells nothing more."""
        self._is_over = True
        self.media.remove_sink(self)

    def frame(self, frame: ReceivedFrame) -> None:
        """A frame came back, while later ones are on their way; on a thread of the engine."""
        if math.isnan(frame.source_time):
            return
        in_flight_s = (frame.received_ns - frame.captured_ns) / 1e9 if frame.captured_ns else 0.0
        time_s = frame.source_time + in_flight_s
        is_new = frame.source_time < self._last_s - BACK_S
        self._last_s = frame.source_time
        Background.get().call(self._told, time_s, is_new)

    def lost(self, indices: Sequence[int]) -> None:
        """The next frame tells the time."""

    def source_ended(self) -> None:
        """The session ends by itself; the next one begins anew."""

    def _told(self, time_s: float, is_new: bool) -> None:
        if not self._is_over:
            self._tell(time_s, is_new=is_new)
