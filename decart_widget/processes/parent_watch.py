"""Ends a child process when its parent has ended; the child's side of ``python_child.py``."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import threading
from typing import Final

PARENT_CHECK_S: Final = 1.0
"""Seconds between checks whether the parent process still exists."""

SHUTDOWN_TIMEOUT_S: Final = 3.0
"""Seconds from the parent's end to the child's forced exit."""


def stop_with_parent(
    loop: asyncio.AbstractEventLoop, stopping: asyncio.Event, *, reads_stdin: bool = True
) -> threading.Event:
    """Sets ``stopping`` when the parent process has ended, and exits if that doesn't help.

    Two signs are checked, as neither is certain: the end of standard input, a pipe from the parent
    (a process that the parent forked can hold it open), and a new parent process id (not every
    system gives orphans one).

    Args:
        loop: The loop of ``stopping``.
        stopping: Set when the parent has ended.
        reads_stdin: Whether standard input is read to its end here. A child that reads messages
            from it sets the returned event at its end instead.

    Returns:
        The event that says that the parent has ended.
    """
    parent = os.getppid()
    gone = threading.Event()

    def read_to_end() -> None:
        with contextlib.suppress(OSError, ValueError):
            while sys.stdin.buffer.read(4096):
                pass
        gone.set()

    def wait_for_end() -> None:
        while not gone.wait(PARENT_CHECK_S):
            if os.getppid() != parent:
                gone.set()
        with contextlib.suppress(RuntimeError):
            loop.call_soon_threadsafe(stopping.set)
        # If the orderly shutdown hangs, there is no parent left that would kill this process.
        threading.Event().wait(SHUTDOWN_TIMEOUT_S)
        os._exit(1)

    for target in (read_to_end, wait_for_end) if reads_stdin else (wait_for_end,):
        threading.Thread(target=target, daemon=True).start()
    return gone
