"""Calls a user's function for frames, and never waits for one that doesn't return.

The function runs on a daemon thread of its own, one call at a time. It may raise anything,
``SystemExit`` included, fork, or never return: the caller gets an exception and sends the frame
unchanged.
"""

from __future__ import annotations

import os
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, Final

CALL_LIMIT_S: Final = 2.0
"""Seconds that a frame waits for the function. A page takes a picture that stands still for 3 s for
a lost connection."""

FIRST_CALL_LIMIT_S: Final = 8.0
"""The same until the function has returned once: it may load a model. Pages wait 10 s for the first
picture."""


class StalledError(Exception):
    """The function has not returned within the limit; its result will be discarded.

    Args:
        since: The seconds that it has taken so far, or the name of what is not over.
    """

    def __init__(self, since: float | str) -> None:
        if isinstance(since, str):
            super().__init__(f"{since} has not returned yet")
        else:
            super().__init__(f"the function has not returned for {since:g} s")


class UserFunction:
    """Calls a function on a daemon thread; from any thread, one frame at a time.

    After a call that took too long the frames aren't held back any more: each is passed to the
    function if that is free, and its caller gets a `StalledError` at once. When a call returns
    within `CALL_LIMIT_S` again, frames wait for their results as before.

    Args:
        function: The user's function.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._lock = threading.Lock()
        self._calls: queue.SimpleQueue[
            tuple[Future[Any], Callable[..., Any], tuple[Any, ...]] | None
        ] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._current: Future[Any] | None = None
        self._limit_s = FIRST_CALL_LIMIT_S
        self._is_stalled = False

    def __call__(self, *arguments: Any) -> Any:
        """The function's result.

        Args:
            *arguments: Passed to the function.

        Returns:
            Whatever the function returns.

        Raises:
            StalledError: The function, or an earlier call of it, takes too long.
            BaseException: Whatever the function raises.
        """
        with self._lock:
            if self._current is not None and not self._current.done():
                raise StalledError(self._limit_s)
            limit_s = 0.0 if self._is_stalled else self._limit_s
            call = self._current = self._put(self._function, arguments)
        try:
            return call.result(limit_s)
        except FutureTimeoutError:
            if call.done():  # the function itself raised it
                raise
            self._is_stalled = True
            raise StalledError(self._limit_s) from None

    def run(self, job: Callable[[], Any]) -> Future[Any]:
        """Call something else on the function's thread, without a limit.

        Frames that come meanwhile get a `StalledError`.

        Args:
            job: What is called.

        Returns:
            The future of its result.
        """
        with self._lock:
            self._current = self._put(job, ())
            return self._current

    def _put(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Future[Any]:
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._run, name="decart-sandbox-function", daemon=True
            )
            self._thread.start()
        call: Future[Any] = Future()
        self._calls.put((call, function, arguments))
        return call

    def close(self) -> None:
        """End the thread, once the function returns."""
        self._calls.put(None)

    def _run(self) -> None:
        while (item := self._calls.get()) is not None:
            call, function, arguments = item
            process, started = os.getpid(), time.monotonic()
            error: BaseException | None = None
            result = None
            try:
                result = function(*arguments)
            except BaseException as raised:
                error = raised
            if os.getpid() != process:
                # The function forked and returned in the child, which has no other thread of ours.
                # It must not go on here.
                os._exit(_exit_status(error))
            if function == self._function:
                self._limit_s = CALL_LIMIT_S
                self._is_stalled = time.monotonic() - started > CALL_LIMIT_S
            if error is None:
                call.set_result(result)
            else:
                call.set_exception(error)
            del item, call, function, arguments, result, error  # a frame is megabytes


def _exit_status(error: BaseException | None) -> int:
    """The exit status of a forked child whose function has ended."""
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else int(error.code is not None)
    return int(error is not None)
