"""Frames for a model that takes several at once. They wait only while it computes."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from decart_widget.sandbox.effects.effect_state import EffectState
    from decart_widget.sandbox.own.local_model import Conditions

Render = Callable[[list[tuple["VideoFrame", "EffectState"]]], list["VideoFrame"]]
"""``Renderer.render``."""

ConditionsOf = Callable[["EffectState"], "Conditions | None"]
"""``OwnModel.conditions``."""


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    frame: VideoFrame
    effect_state: EffectState
    result: asyncio.Future[VideoFrame | None]


class Batches:
    """Puts frames of all sessions together, on the event loop.

    A model that is idle gets a frame at once. Frames that come while it computes wait for its next
    call, which takes those that fit together: of one size, transformed with the same conditions. Of
    one session no more wait than one call takes; the oldest gives way to a new one.

    Args:
        render: Transforms them.
        conditions: Says with what a session's frames are transformed next.
        executor: Runs ``render``; one call is under way at a time.
        size: Frames of a call at most.

    Attributes:
        size: See above.
    """

    def __init__(
        self, render: Render, conditions: ConditionsOf, executor: Executor, size: int
    ) -> None:
        self._render = render
        self._conditions = conditions
        self._executor = executor
        self.size = size
        self._waiting: deque[_Waiting] = deque()
        self._is_busy = False

    def add(
        self, frame: VideoFrame, effect_state: EffectState
    ) -> asyncio.Future[VideoFrame | None]:
        """Hands in a frame.

        Args:
            frame: The frame.
            effect_state: Of its session, whose frames are kept in order.

        Returns:
            The transformed frame; None if it gave way to newer ones. The futures of a session are
            done in the order of its frames, those of None apart.
        """
        waiting = _Waiting(frame, effect_state, asyncio.get_running_loop().create_future())
        own = [item for item in self._waiting if item.effect_state is effect_state]
        if len(own) >= self.size:
            self._waiting.remove(own[0])
            _resolve(own[0], None)
        self._waiting.append(waiting)
        self._call()
        return waiting.result

    def _call(self) -> None:
        if self._is_busy or not self._waiting:
            return
        self._is_busy = True
        batch = self._take()
        pairs = [(item.frame, item.effect_state) for item in batch]
        done = asyncio.get_running_loop().run_in_executor(self._executor, self._render, pairs)
        done.add_done_callback(lambda ended: self._ended(batch, ended))

    def _take(self) -> list[_Waiting]:
        """The oldest frame, and those that fit to it; none overtakes another of its session."""
        batch: list[_Waiting] = []
        passed: set[int] = set()
        kind = None
        for item in list(self._waiting):
            own = self._kind(item)
            kind = own if kind is None else kind
            if own != kind:
                passed.add(id(item.effect_state))
            elif id(item.effect_state) not in passed and len(batch) < self.size:
                batch.append(item)
                self._waiting.remove(item)
        return batch

    def _kind(self, item: _Waiting) -> tuple[object, ...]:
        conditions = self._conditions(item.effect_state)
        size = (item.frame.width, item.frame.height)
        if conditions is None:  # sessions that have none yet have none in common
            return (id(item.effect_state), *size)
        return (conditions.prompt, id(conditions.image), id(conditions.state), *size)

    def _ended(self, batch: list[_Waiting], ended: asyncio.Future[list[VideoFrame]]) -> None:
        self._is_busy = False
        failed = ended.cancelled() or ended.exception() is not None  # the server is being closed
        for number, item in enumerate(batch):
            _resolve(item, None if failed else ended.result()[number])
        self._call()


def _resolve(item: _Waiting, frame: VideoFrame | None) -> None:
    if not item.result.done():  # its track may have ended
        item.result.set_result(frame)
