"""The one thread of a process that decodes pictures."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

THREAD_NAME: Final = "decart-pictures"
"""Beginning of the thread's name."""


@cache
def _executor(_process: int) -> ThreadPoolExecutor:
    """Returns the executor of a process.

    It has a single thread, so that the memory of two large pictures is never needed at once, and
    because the allocator caches freed memory per thread.

    Args:
        _process: The process id; a forked child has no threads and needs one of its own.
    """
    return ThreadPoolExecutor(1, THREAD_NAME)


async def decode(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls a function on the decoder's thread; the event loop continues meanwhile.

    Args:
        function: A function that decodes or encodes pictures.
        *args: Its arguments.
        **kwargs: Its keyword arguments.

    Returns:
        What the function returns.

    Raises:
        Exception: What the function raises.
    """
    return await asyncio.wrap_future(_executor(os.getpid()).submit(function, *args, **kwargs))


def decode_blocking(function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Calls a function on the decoder's thread and waits; never call it on an event loop.

    Args:
        function: A function that decodes or encodes pictures.
        *args: Its arguments.
        **kwargs: Its keyword arguments.

    Returns:
        What the function returns.

    Raises:
        Exception: What the function raises.
    """
    if threading.current_thread().name.startswith(THREAD_NAME):
        return function(*args, **kwargs)
    return _executor(os.getpid()).submit(function, *args, **kwargs).result()
