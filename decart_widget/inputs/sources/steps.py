"""The caller's frames one after another, whatever gives them: each is a function without arguments.

It returns the next item, or `END`; it is called on one thread, on which the caller's code runs.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray

END: Final = object()
"""What a step returns at the end."""


class Step:
    """Gives one item after another.

    Args:
        next_item: Returns the next item or `END`; None is an end as well where ``none_ends``.
        close: Called on the same thread when no further item is asked for.
        none_ends: Whether None is the end.
    """

    def __init__(
        self,
        next_item: Callable[[], Any],
        close: Callable[[], None] = lambda: None,
        *,
        none_ends: bool = False,
    ) -> None:
        self._next_item = next_item
        self._none_ends = none_ends
        self.close = close

    def __call__(self) -> Any:
        """Returns the next item, or `END`."""
        item = self._next_item()
        return END if item is None and self._none_ends else item


def of_array(array: NDArray[Any]) -> Step:
    """Returns the frames of one array, ``(frames, ...)``."""
    at = iter(range(len(array)))

    def next_item() -> Any:
        index = next(at, None)
        return END if index is None else array[index]

    return Step(next_item)


def of_iterable(frames: Iterable[Any]) -> Step:
    """Returns the items of an iterable, which is asked for its iterator with the first one."""
    iterator: Any = None

    def next_item() -> Any:
        nonlocal iterator
        if iterator is None:
            iterator = iter(frames)
        return next(iterator, END)

    return Step(next_item)


def of_capture(capture: Any) -> Step:
    """Returns the frames of a ``cv2.VideoCapture`` in RGB, until it has no further one."""

    def next_item() -> Any:
        import cv2

        is_read, frame = capture.read()
        if not is_read or frame is None:
            return END
        if frame.ndim == 3 and frame.shape[2] == 3:
            return cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        return frame

    return Step(next_item)


def of_callable(function: Callable[[], Any], loop: asyncio.AbstractEventLoop | None) -> Step:
    """Returns what a function returns, until that is None.

    Args:
        function: It may be async.
        loop: Where its awaitables run; None: on a loop of their own.
    """
    runner = _Runner(loop)

    def next_item() -> Any:
        item = function()
        return runner.run(item) if inspect.isawaitable(item) else item

    return Step(next_item, runner.close, none_ends=True)


def of_async_iterable(frames: AsyncIterable[Any], loop: asyncio.AbstractEventLoop | None) -> Step:
    """Returns the items of an async iterable.

    Args:
        frames: It is asked for its iterator with the first item.
        loop: Where it runs; None: on a loop of its own.
    """
    runner = _Runner(loop)
    iterator: Any = None

    async def next_of() -> Any:
        nonlocal iterator
        if iterator is None:
            iterator = aiter(frames)
        return await anext(iterator, END)

    return Step(lambda: runner.run(next_of()), runner.close)


class _Runner:
    """Runs awaitables, one after another, on the loop that is given or on one of its own."""

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._loop = loop
        self._own: asyncio.Runner | None = None

    def run(self, awaitable: Awaitable[Any]) -> Any:
        """Returns the result of an awaitable; blocks until it is there."""

        async def awaited() -> Any:
            return await awaitable

        if self._loop is not None:
            return asyncio.run_coroutine_threadsafe(awaited(), self._loop).result()
        if self._own is None:
            self._own = asyncio.Runner()
        return self._own.run(awaited())

    def close(self) -> None:
        """Ends the loop of its own; async generators are closed there."""
        own, self._own = self._own, None
        if own is not None:
            own.close()
