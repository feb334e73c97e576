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
    from decart_widget.sandbox.effects.effect_state import EffectState
    from decart_widget.sandbox.effects.render import Renderer


DELAYED_LIMIT: Final = 600
"""Frames that wait in a `DelayedTrack`; beyond it the oldest are dropped."""


class TransformTrack(MediaStreamTrack):
    """Receives the newest frame of ``source`` and has a worker thread transform it.

    Args:
        source: The camera's track; it should hold the newest frame only (`tuning.keep_newest`).
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

    async def recv(self) -> Any:
        """The next transformed frame."""
        frame: Any = await self._source.recv()
        while self._is_frozen():
            frame = await self._source.recv()
        loop = asyncio.get_running_loop()
        output = await loop.run_in_executor(
            self._executor, self._renderer, frame, self._effect_state
        )
        self.frames += 1
        self.size = (output.width, output.height)
        if self.frames == 1:
            self._on_first_frame()
        return output

    @property
    def dropped(self) -> int:
        """How many of the camera's frames were not transformed, because a newer one came."""
        return dropped_frames(self._source)


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
