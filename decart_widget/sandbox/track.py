"""The video track that is sent back to the client."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from typing import TYPE_CHECKING, Any

from aiortc import MediaStreamTrack

from decart_widget.rtc.tuning import dropped_frames

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.effect_state import EffectState
    from decart_widget.sandbox.effects.render import Renderer


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
