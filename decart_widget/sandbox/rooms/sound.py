"""A published sound on its way to everybody who listens: as it came, for no model changes it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

logger = logging.getLogger(__name__)

#: Frames of 20 ms that may wait for one listener. More, and the oldest are dropped: who is late
#: hears what is said now.
WAITING_LIMIT = 10


class Listener(MediaStreamTrack):
    """One receiver of a sound: the track that its connection sends.

    Attributes:
        frames: How many it was given.
        dropped: How many were dropped because its connection did not keep up.
    """

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.frames = 0
        self.dropped = 0
        self._queue: deque[AudioFrame] = deque(maxlen=WAITING_LIMIT)
        self._came = asyncio.Event()
        self._clock = 0

    def put(self, frame: AudioFrame) -> None:
        """Give it a frame; of many that wait, the oldest goes."""
        self.dropped += len(self._queue) == WAITING_LIMIT
        self.frames += 1
        self._queue.append(frame)
        self._came.set()

    async def recv(self) -> AudioFrame:
        """The next frame. Raises ``MediaStreamError`` once it is stopped."""
        while not self._queue:
            if self.readyState != "live":
                raise MediaStreamError
            self._came.clear()
            await self._came.wait()
        given = self._queue.popleft()
        # Every listener encodes; each needs a frame of its own to write its clock into.
        frame = AudioFrame.from_ndarray(
            given.to_ndarray(), format=given.format.name, layout=given.layout.name
        )
        frame.sample_rate = given.sample_rate
        # Two sources' clocks begin anywhere; a receiver waits for ever on one that jumps.
        frame.pts, frame.time_base = self._clock, given.time_base
        self._clock += given.samples
        return frame

    def stop(self) -> None:
        """Listen no more. May be called twice."""
        super().stop()
        self._came.set()


class Sound:
    """Takes a sound from a track, which may be replaced, and gives it to its listeners.

    Attributes:
        frames: How many came.
    """

    def __init__(self) -> None:
        self.frames = 0
        self._listeners: set[Listener] = set()
        self._track: MediaStreamTrack | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def listen(self) -> Listener:
        """A new listener; it is to be given back to `leave`."""
        listener = Listener()
        self._listeners.add(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        """It listens no more. May be called twice."""
        self._listeners.discard(listener)
        listener.stop()

    def play(self, track: MediaStreamTrack) -> None:
        """Take the sound from ``track`` from now on."""
        self._track = track
        self._spawn(self._run(track))

    def silence(self) -> None:
        """No more sound, until another track is played. Listeners stay."""
        self._track = None
        for task in self._tasks:
            task.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, track: MediaStreamTrack) -> None:
        # A track that another one replaced is read on: what nobody reads piles up in it.
        try:
            with contextlib.suppress(MediaStreamError):
                while True:
                    frame = await track.recv()
                    if track is not self._track or not isinstance(frame, AudioFrame):
                        continue
                    self.frames += 1
                    for listener in self._listeners:
                        listener.put(frame)
        except Exception:
            logger.exception("a room's sound stopped")
        finally:
            track.stop()
