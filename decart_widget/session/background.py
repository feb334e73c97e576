"""The one daemon thread whose event loop runs every session of the process.

A session must continue while a cell computes, so it can't run on the kernel's own loop. Calls from
a notebook are scheduled with ``start``, which returns an ``Operation``.
"""

from __future__ import annotations

import asyncio
import contextvars
import os
import threading
from collections.abc import Callable, Coroutine, Generator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Generic, TypeVar

from decart_widget.diagnostics.log import log_to_all
from decart_widget.diagnostics.loop_errors import report_loop_error
from decart_widget.errors import DecartError
from decart_widget.processes.forks import close_in_forks

T = TypeVar("T")


class Operation(Generic[T]):
    """Work that runs on the background loop: await it in a cell, or wait for it from a thread.

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
        """Waits for the result.

        Args:
            timeout: Seconds; None for no limit.

        Returns:
            The operation's result.

        Raises:
            TimeoutError: The operation isn't over; it continues.
            DecartError: The operation failed, or this was called on the loop that does the work,
                where waiting would never end.
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
        """Whether the operation is over."""
        return self._future.done()

    def add_done_callback(self, callback: Callable[[BaseException | None], object]) -> None:
        """Calls a function with the operation's error, or None, once it is over.

        Args:
            callback: Called on the background thread, or at once if the operation is over.
        """

        def done(future: Future[T]) -> None:
            callback(None if future.cancelled() else future.exception())

        self._future.add_done_callback(done)

    def cancel(self) -> bool:
        """Cancels the operation; returns False if it is already over."""
        return self._future.cancel()

    def __repr__(self) -> str:
        if not self._future.done():
            return f"<{self._name}: under way>"
        if self._future.cancelled():
            return f"<{self._name}: cancelled>"
        error = self._future.exception()
        return f"<{self._name}: {self._future.result() if error is None else error}>"


class Background:
    """The thread and its loop; ``Background.get()`` returns the one of this process.

    Attributes:
        loop: The event loop.
        pid: The process in which the thread runs.
        thread: The thread.
    """

    _instance: Background | None = None
    _lock = threading.Lock()

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        close_in_forks(self.loop)
        self.pid = os.getpid()
        # ipykernel 7.0 lets a thread send only inside a copy of the kernel's context.
        context = contextvars.copy_context()
        self.thread = threading.Thread(
            target=context.run, args=(self._run,), name="decart-widget", daemon=True
        )
        self.thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        self.loop.set_exception_handler(report_loop_error)
        try:
            self.loop.run_forever()
        except BaseException as error:  # nothing else reports it; its text may be secret
            log_to_all("The background thread ended", error)

    @classmethod
    def get(cls) -> Background:
        """Returns this process's instance, started on first use; a forked child gets its own."""
        with cls._lock:
            instance = cls.current()
            if instance is None:
                instance = cls._instance = cls()
            return instance

    @classmethod
    def current(cls) -> Background | None:
        """Returns this process's instance if it runs; otherwise None."""
        instance = cls._instance
        ours = instance is not None and instance.pid == os.getpid()
        return instance if ours and instance is not None and instance.thread.is_alive() else None

    def start(self, work: Coroutine[Any, Any, T], name: str) -> Operation[T]:
        """Runs a coroutine on the loop, in the order of the calls; from any thread.

        Args:
            work: The coroutine.
            name: The operation's name in its ``repr`` and its errors.
        """
        try:
            future = asyncio.run_coroutine_threadsafe(work, self.loop)
        except RuntimeError:  # the loop is closed
            work.close()  # or Python warns that it was never awaited
            raise
        return Operation(future, name)

    def call(self, function: Callable[..., object], *args: object) -> None:
        """Calls a function on the loop soon; from any thread.

        Calls of ``call`` and ``start`` take effect in their order: the first step of a coroutine is
        taken one iteration of the loop after its task was created, so a function waits as long.
        """
        self.loop.call_soon_threadsafe(self.loop.call_soon, function, *args)
