"""A published audio track on its way to its subscribers; it is passed on unchanged."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import TYPE_CHECKING, Final

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError
from av import AudioFrame

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

logger = logging.getLogger(__name__)

WAITING_LIMIT: Final = 10
"""Frames of 20 ms that may wait for one subscriber; when there are more, the oldest is dropped, so
that a slow subscriber hears the present."""


class AudioSubscription(MediaStreamTrack):
    """The audio of one subscriber: the track that its connection sends.

    Attributes:
        frames: How many frames were queued for it.
        dropped: How many frames were dropped because its connection did not keep up.
    """

    kind = "audio"

    def __init__(self) -> None:
        super().__init__()
        self.frames = 0
        self.dropped = 0
        self._queue: deque[AudioFrame] = deque(maxlen=WAITING_LIMIT)
        self._filled = asyncio.Event()
        self._pts = 0

    def put(self, frame: AudioFrame) -> None:
        """Queue a frame; when the queue is full the oldest one is dropped."""
        self.dropped += len(self._queue) == WAITING_LIMIT
        self.frames += 1
        self._queue.append(frame)
        self._filled.set()

    async def recv(self) -> AudioFrame:
        """The next frame.

        Raises:
            MediaStreamError: The subscription has ended.
        """
        while not self._queue:
            if self.readyState != "live":
                raise MediaStreamError
            self._filled.clear()
            await self._filled.wait()
        shared = self._queue.popleft()
        # Each subscriber sets its own timestamps, so each one needs a copy of the frame.
        frame = AudioFrame.from_ndarray(
            shared.to_ndarray(), format=shared.format.name, layout=shared.layout.name
        )
        frame.sample_rate = shared.sample_rate
        # Each microphone's clock starts anywhere, and a receiver stalls when RTP timestamps jump.
        frame.pts, frame.time_base = self._pts, shared.time_base
        self._pts += shared.samples
        return frame

    def stop(self) -> None:
        """End the subscription. May be called twice."""
        super().stop()
        self._filled.set()


class AudioFeed:
    """Reads frames from a track, which may be replaced, and passes them to its subscribers.

    Attributes:
        frames: How many frames were read.
    """

    kind: Final = "audio"

    def __init__(self) -> None:
        self.frames = 0
        self._subscriptions: set[AudioSubscription] = set()
        self._track: MediaStreamTrack | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def subscribe(self) -> AudioSubscription:
        """Add a subscriber; end it with `unsubscribe`."""
        subscription = AudioSubscription()
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: AudioSubscription) -> None:
        """End a subscription. May be called twice."""
        self._subscriptions.discard(subscription)
        subscription.stop()

    def start(self, track: MediaStreamTrack) -> None:
        """Read frames from ``track`` from now on."""
        self._track = track
        self._spawn(self._run(track))

    def stop(self) -> None:
        """Send no more audio until another track is started; subscriptions are kept."""
        self._track = None
        for task in self._tasks:
            task.cancel()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, track: MediaStreamTrack) -> None:
        # A replaced track is still read, because unread frames would pile up in its queue.
        try:
            with contextlib.suppress(MediaStreamError):
                while True:
                    frame = await track.recv()
                    if track is not self._track or not isinstance(frame, AudioFrame):
                        continue
                    self.frames += 1
                    for subscription in self._subscriptions:
                        subscription.put(frame)
        except Exception:
            logger.exception("the audio of a room stopped")
        finally:
            track.stop()
