"""Detects whether the kernel can receive page messages at present.

With subshells, a kernel handles page messages on a separate thread. Without (ipykernel 6, or a
front end that creates no subshell) it handles them on its main thread, where they wait while a cell
runs.
"""

from __future__ import annotations

import asyncio
import threading


class BusyProbe:
    """Detects whether an event loop is blocked, by whether it runs a scheduled callback.

    Args:
        loop: The kernel's main loop, which is blocked while a cell computes.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._answered = True

    def busy(self) -> bool:
        """Whether the loop has run nothing since the last call; schedules the next callback."""
        if not self._answered:
            return True
        self._answered = False
        try:
            self._loop.call_soon_threadsafe(self._answer)
        except RuntimeError:  # the loop is closed: no message will arrive, so time-outs apply
            return False
        return False

    def _answer(self) -> None:
        self._answered = True


class KernelLink:
    """Knows on which thread page messages arrive, and whether they can arrive now.

    Args:
        loop: The kernel's main loop; None outside of a kernel, where nothing can block it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._probe = None if loop is None else BusyProbe(loop)
        self._on_main_thread = True

    def message_arrived(self) -> None:
        """Notes the thread that handles page messages; call it there, for each message."""
        self._on_main_thread = threading.current_thread() is threading.main_thread()

    @property
    def may_block(self) -> bool:
        """Whether page messages wait while a cell runs."""
        return self._probe is not None and self._on_main_thread

    def page_messages_blocked(self) -> bool:
        """Whether a cell keeps page messages from arriving now; call it once a second."""
        return self._probe is not None and self._on_main_thread and self._probe.busy()
