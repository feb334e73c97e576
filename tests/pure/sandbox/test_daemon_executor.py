"""The executor whose threads don't delay the interpreter's exit."""

from __future__ import annotations

import threading

import pytest

from decart_widget.sandbox.daemon_executor import DaemonExecutor


def test_calls_run_on_as_many_threads_as_it_has() -> None:
    executor = DaemonExecutor(2, "worker")
    both = threading.Barrier(2)
    names = {
        future.result(timeout=10)
        for future in [
            executor.submit(lambda: (both.wait(10), threading.current_thread().name)[1])
            for _ in range(2)
        ]
    }
    assert names == {"worker_0", "worker_1"}
    executor.shutdown()


def test_an_error_is_the_futures_and_the_thread_goes_on() -> None:
    executor = DaemonExecutor(1, "worker")
    with pytest.raises(SystemExit):
        executor.submit(exit_).result(timeout=10)
    assert executor.submit(pow, 2, exp=3).result(timeout=10) == 8
    executor.shutdown()


def exit_() -> None:
    raise SystemExit


def test_shutdown_cancels_what_has_not_begun_and_refuses_more() -> None:
    executor = DaemonExecutor(1, "worker")
    begun, release = threading.Event(), threading.Event()

    def wait() -> bool:
        begun.set()
        return release.wait(10)

    first = executor.submit(wait)
    assert begun.wait(10)
    second = executor.submit(int)
    executor.shutdown(wait=False, cancel_futures=True)
    assert second.cancelled()
    with pytest.raises(RuntimeError, match="shut down"):
        executor.submit(int)
    release.set()
    assert first.result(timeout=10) is True
    executor.shutdown()


def test_its_threads_are_daemons() -> None:
    executor = DaemonExecutor(1, "worker")
    assert executor.submit(lambda: threading.current_thread().daemon).result(timeout=10)
    executor.shutdown()
