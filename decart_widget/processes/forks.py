"""Sockets that a forked child must not keep open.

A child of ``os.fork``, or of ``multiprocessing`` with the start method ``fork``, has a copy of
every socket, and a connection ends only when all copies are closed: a service would bill a session
for as long as the child lives, although this process has ended it or was killed.
"""

from __future__ import annotations

import asyncio
import os
import weakref
from contextlib import suppress
from functools import cache

_loops: weakref.WeakSet[asyncio.AbstractEventLoop] = weakref.WeakSet()


def close_in_forks(loop: asyncio.AbstractEventLoop) -> None:
    """Closes an event loop's sockets in each child that is forked from now on.

    Args:
        loop: A loop of asyncio; one of another library is left as it is.
    """
    _register()
    _loops.add(loop)


@cache
def _register() -> None:
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=_close)


def _close() -> None:
    """Replaces the sockets by the null device: their objects can still close their numbers."""
    null = os.open(os.devnull, os.O_RDWR)
    for loop in list(_loops):
        for number in _descriptors(loop):
            with suppress(OSError):
                os.dup2(null, number, inheritable=False)
    os.close(null)
    _loops.clear()


def _descriptors(loop: asyncio.AbstractEventLoop) -> set[int]:
    # asyncio's private names; a loop without them has no descriptors here.
    selector = getattr(loop, "_selector", None)
    registered = (selector.get_map() if selector is not None else None) or {}
    # A transport whose reading is paused isn't registered with the selector.
    return {*registered, *getattr(loop, "_transports", ())}
