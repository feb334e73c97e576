"""The video track that is sent back to the client."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any, Final

from aiortc import MediaStreamTrack
from aiortc.mediastreams import MediaStreamError

from decart_widget.rtc.tuning import dropped_frames

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from decart_widget.sandbox.effects.effect_state import EffectState
    from decart_widget.sandbox.effects.render import Renderer
    from decart_widget.sandbox.own.batches import Batches

START_LIMIT_S: Final = 4.0
"""Seconds that a session's first frame waits for ``start`` of a user's model; afterwards frames are
sent unchanged. Pages wait 10 s for the first picture."""

DUE_BATCHES: Final = 4
"""Batches of frames that wait to be taken from a track, transformed or not."""

DELAYED_LIMIT: Final = 600
"""Frames that wait in a `DelayedTrack`; beyond it the oldest are dropped."""


class TransformTrack(MediaStreamTrack):
    """Receives the newest frame of ``source`` and has a worker thread transform it.

    Args:
        source: The camera's track, which should drop frames that would come too late
            (`tuning.keep_newest`).
        renderer: Transforms the frames.
        effect_state: The session's prompt and image; it may change at any time.
        executor: Runs the renderer.
        on_first_frame: Called once, on the event loop, when the first transformed frame is sent.
        is_frozen: Called before every frame; while it returns True no frame is sent.

    Attributes:
        frames: How many frames were sent.
        size: (width, height) of the last one in pixels, or None.
    """

    kind = "video"

    def __init__(
        self,
        source: MediaStreamTrack,
        *,
        renderer: Renderer,
        effect_state: EffectState,
        executor: Executor,
        on_first_frame: Callable[[], None],
        is_frozen: Callable[[], bool],
    ) -> None:
        super().__init__()
        self._source = source
        self._renderer = renderer
        self._effect_state = effect_state
        self._executor = executor
        self._on_first_frame = on_first_frame
        self._is_frozen = is_frozen
        self.frames = 0
        self.size: tuple[int, int] | None = None
        self._is_begun = False
        self._overtaken = 0
        self._due: deque[asyncio.Future[VideoFrame | None]] = deque()
        self._changed = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    async def recv(self) -> Any:
        """The next transformed frame."""
        if self._renderer.batches is not None:
            output = await self._next_of_batch(self._renderer.batches)
        else:
            loop = asyncio.get_running_loop()
            output = await loop.run_in_executor(
                self._executor, self._renderer, await self._next(), self._effect_state
            )
        self.frames += 1
        self.size = (output.width, output.height)
        if self.frames == 1:
            self._on_first_frame()
        return output

    @property
    def dropped(self) -> int:
        """How many of the camera's frames were not transformed, because a newer one came."""
        return dropped_frames(self._source) + self._overtaken

    def stop(self) -> None:
        """Ends the track."""
        super().stop()
        if self._reading is not None:
            self._reading.cancel()

    async def _next(self) -> Any:
        """The camera's next frame that is to be transformed."""
        frame: Any = await self._source.recv()
        while self._is_frozen():
            frame = await self._source.recv()
        if not self._is_begun:
            frame = await self._until_begun(frame)
        return frame

    async def _until_begun(self, frame: Any) -> Any:
        """Waits until a user's model has started the session's prompt state, for a while.

        Returns:
            The newest frame.
        """
        now = asyncio.get_running_loop().time
        starting, until = self._renderer.begin(self._effect_state), now() + START_LIMIT_S
        while starting is not None and not starting.done() and now() < until:
            self._overtaken += 1
            frame = await self._source.recv()
        self._is_begun = True
        return frame

    async def _next_of_batch(self, batches: Batches) -> VideoFrame:
        if self._reading is None:
            self._reading = asyncio.create_task(self._read(batches))
        while True:
            while not self._due:
                if self._reading.done():
                    raise MediaStreamError
                self._changed.clear()
                await self._changed.wait()
            output = await self._due.popleft()
            if output is not None:
                return output

    async def _read(self, batches: Batches) -> None:
        """Hands in frames while earlier ones are transformed."""
        try:
            while True:
                frame = await self._next()
                result = batches.add(frame, self._effect_state)
                result.add_done_callback(self._count_overtaken)
                self._due.append(result)
                if len(self._due) > DUE_BATCHES * batches.size:  # nobody takes them
                    self._due.popleft()
                    self._overtaken += 1
                self._changed.set()
        except MediaStreamError:
            pass
        finally:
            self._changed.set()

    def _count_overtaken(self, result: asyncio.Future[VideoFrame | None]) -> None:
        self._overtaken += not result.cancelled() and result.result() is None


class DelayedTrack(MediaStreamTrack):
    """Gives the frames of another track later, in order, as a model with a long pipeline does.

    Args:
        source: The other track.
        delay_s: Seconds.
    """

    kind = "video"

    def __init__(self, source: MediaStreamTrack, delay_s: float) -> None:
        super().__init__()
        self._source = source
        self._delay_s = delay_s
        self._delayed: deque[tuple[float, Any]] = deque(maxlen=DELAYED_LIMIT)
        self._changed = asyncio.Event()
        self._reading: asyncio.Task[None] | None = None

    async def recv(self) -> Any:
        """The next frame, when its delay is over."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read())
        while not self._delayed:
            if self._reading.done():
                raise MediaStreamError
            self._changed.clear()
            await self._changed.wait()
        due_s, frame = self._delayed.popleft()
        await asyncio.sleep(max(0.0, due_s - asyncio.get_running_loop().time()))
        return frame

    def stop(self) -> None:
        """Ends this track and the other one."""
        super().stop()
        self._source.stop()
        if self._reading is not None:
            self._reading.cancel()

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while True:
                frame = await self._source.recv()
                self._delayed.append((loop.time() + self._delay_s, frame))
                self._changed.set()
        except MediaStreamError:
            self._changed.set()
