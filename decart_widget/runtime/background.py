"""The one daemon thread with its event loop, where every session of the process lives.

A session must go on while a cell computes, so it can't live on the kernel's own loop. Whatever is
asked of it from the notebook is handed over with ``start`` and comes back as an ``Operation``.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import os
import threading
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Generic, TypeVar

from decart_widget.diagnostics.log import everywhere
from decart_widget.diagnostics.redaction import redact
from decart_widget.errors import DecartError

log = logging.getLogger(__name__)

T = TypeVar("T")


class Operation(Generic[T]):
    """Something that was started at once: await it in a cell, or wait for it from a thread.

    ::

        await widget.connect()
        widget.connect().result(timeout=20)
    """

    def __init__(self, future: Future[T], name: str) -> None:
        self._future = future
        self._name = name

    def __await__(self) -> Generator[Any, None, T]:
        return asyncio.wrap_future(self._future).__await__()

    def result(self, timeout: float | None = 60.0) -> T:
        """Waits, and returns what came of it or raises what went wrong.

        Args:
            timeout: Seconds; ``TimeoutError`` afterwards, while the operation goes on.

        Raises ``DecartError`` when called where waiting could never end: on the loop that does
        the work.
        """
        if threading.current_thread() is Background.get().thread and not self._future.done():
            raise DecartError(
                f"{self._name}.result() was called on the thread that does the work.",
                remedy="Await it instead.",
                code="deadlock",
            )
        try:
            return self._future.result(timeout)
        except FutureTimeoutError:
            raise TimeoutError(f"{self._name} is not done after {timeout} s.") from None

    def done(self) -> bool:
        """Whether it is over."""
        return self._future.done()

    def cancel(self) -> bool:
        """Gives it up, where that is still possible."""
        return self._future.cancel()

    def __repr__(self) -> str:
        if not self._future.done():
            return f"<{self._name}: under way>"
        if self._future.cancelled():
            return f"<{self._name}: cancelled>"
        error = self._future.exception()
        return f"<{self._name}: {self._future.result() if error is None else error}>"


class Background:
    """The thread and its loop; ``Background.get()`` gives the one of this process."""

    _instance: Background | None = None
    _lock = threading.Lock()

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.pid = os.getpid()
        # ipykernel 7.0 lets only threads send that run inside a copy of the kernel's context.
        context = contextvars.copy_context()
        self.thread = threading.Thread(
            target=context.run, args=(self._run,), name="decart-widget", daemon=True
        )
        self.thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.set_exception_handler(unforeseen)
        try:
            self.loop.run_forever()
        except BaseException as error:  # nothing else says so, and a traceback could show secrets
            everywhere("The background thread ended", error)

    @classmethod
    def get(cls) -> Background:
        """The one of this process; a forked child gets one of its own."""
        with cls._lock:
            instance = cls.current()
            if instance is None:
                instance = cls._instance = cls()
            return instance

    @classmethod
    def current(cls) -> Background | None:
        """The one of this process, if it runs; makes none."""
        instance = cls._instance
        ours = instance is not None and instance.pid == os.getpid()
        return instance if ours and instance is not None and instance.thread.is_alive() else None

    def start(self, work: Coroutine[Any, Any, T], name: str) -> Operation[T]:
        """Runs a coroutine here, from any thread."""
        future = asyncio.run_coroutine_threadsafe(work, self.loop)
        return Operation(future, name)

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Calls a function here soon, from any thread, in order."""
        self.loop.call_soon_threadsafe(function, *args)


def unforeseen(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """In place of asyncio's own account, which shows arguments and messages as they are."""
    error = context.get("exception")
    if isinstance(error, Exception):
        everywhere("A task on a thread of ours failed", error)
    else:
        log.warning("%s", redact(str(context.get("message", "")))[:300])


class BusyProbe:
    """Whether a loop is blocked: a mark that is asked for and doesn't come.

    Args:
        loop: The kernel's own, which stands still while a cell computes.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._answered = True

    def busy(self) -> bool:
        """Whether the loop has not answered since the last call; asks it once more."""
        if not self._answered:
            return True
        self._answered = False
        try:
            self._loop.call_soon_threadsafe(self._answer)
        except RuntimeError:  # the loop is closed: nothing will ever arrive, so silence counts
            return False
        return False

    def _answer(self) -> None:
        self._answered = True
