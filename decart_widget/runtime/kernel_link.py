"""Whether the kernel can take messages of pages at present.

A kernel with subshells takes a page's messages on a thread of its own. One without (ipykernel 6, or
a front end that doesn't ask for a subshell) takes them on its main thread, where they wait for the
cell that runs.
"""

from __future__ import annotations

import asyncio
import threading


class BusyProbe:
    """Finds out whether an event loop is blocked, by a callback that it doesn't run.

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
        except RuntimeError:  # the loop is closed: no message will arrive, so silence counts
            return False
        return False

    def _answer(self) -> None:
        self._answered = True


class KernelLink:
    """How a page's messages reach this process, and whether they can now.

    Args:
        loop: The kernel's main loop; None where there is none, and so none that could be blocked.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop | None) -> None:
        self._probe = None if loop is None else BusyProbe(loop)
        self._on_main_thread = True

    def message_arrived(self) -> None:
        """Notes on which thread page messages are taken; called there, for each."""
        self._on_main_thread = threading.current_thread() is threading.main_thread()

    @property
    def may_block(self) -> bool:
        """Whether page messages wait while a cell runs."""
        return self._probe is not None and self._on_main_thread

    def page_messages_blocked(self) -> bool:
        """Whether a cell keeps page messages from arriving now; call it once a second."""
        return self._probe is not None and self._on_main_thread and self._probe.busy()
