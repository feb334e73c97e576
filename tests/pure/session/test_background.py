from __future__ import annotations

import asyncio
import contextvars
import os
import threading

import pytest

from decart_widget.errors import DecartError, InvalidPromptError
from decart_widget.session.background import Background, Operation

VARIABLE = contextvars.ContextVar("VARIABLE", default="unset")


async def value(result: object) -> object:
    await asyncio.sleep(0)
    return result


async def failure() -> None:
    raise InvalidPromptError("Bad.", remedy="Better.")


async def never() -> None:
    await asyncio.Event().wait()


def test_there_is_one_thread_and_it_is_a_daemon() -> None:
    background = Background.get()
    assert Background.get() is background
    assert background.thread.daemon
    assert background.pid == os.getpid()


def test_work_runs_on_the_background_thread() -> None:
    async def current_thread() -> threading.Thread:
        return threading.current_thread()

    background = Background.get()
    assert background.start(current_thread(), "current thread").result() is background.thread


def test_a_result_can_be_waited_for_from_a_thread() -> None:
    assert Background.get().start(value(7), "seven").result(timeout=10) == 7


async def test_a_result_can_be_awaited() -> None:
    assert await Background.get().start(value(7), "seven") == 7


def test_the_work_s_error_is_raised_by_result() -> None:
    operation = Background.get().start(failure(), "set")
    with pytest.raises(InvalidPromptError, match="Bad"):
        operation.result()


async def test_the_work_s_error_is_raised_by_await() -> None:
    with pytest.raises(InvalidPromptError, match="Bad"):
        await Background.get().start(failure(), "set")


def test_a_wait_that_times_out_raises_timeout_error_and_the_work_continues() -> None:
    operation = Background.get().start(never(), "connect")
    with pytest.raises(TimeoutError, match=r"connect is not done after 0\.01 s"):
        operation.result(timeout=0.01)
    assert not operation.done()
    assert operation.cancel()


def test_waiting_on_the_background_thread_raises_an_error_instead_of_hanging() -> None:
    background = Background.get()
    inner: list[Operation[None]] = []

    async def outer() -> str:
        inner.append(background.start(never(), "connect"))
        with pytest.raises(DecartError, match="Await it") as caught:
            inner[0].result()
        return caught.value.code

    assert background.start(outer(), "outer").result(timeout=10) == "deadlock"
    inner[0].cancel()


def test_a_finished_result_can_be_read_on_the_background_thread() -> None:
    background = Background.get()
    finished = background.start(value(7), "seven")
    assert finished.result(timeout=10) == 7

    async def outer() -> object:
        return finished.result()

    assert background.start(outer(), "outer").result(timeout=10) == 7


def test_calls_are_made_in_order_on_the_background_thread() -> None:
    background = Background.get()
    seen: list[tuple[int, bool]] = []
    for number in range(100):
        background.call(
            lambda n: seen.append((n, threading.current_thread() is background.thread)), number
        )
    background.start(value(None), "after").result(timeout=10)
    assert seen == [(number, True) for number in range(100)]


def test_the_repr_of_an_operation_shows_its_state() -> None:
    background = Background.get()
    running = background.start(never(), "connect")
    assert repr(running) == "<connect: under way>"
    running.cancel()
    assert repr(running) == "<connect: cancelled>"
    done = background.start(value("applied"), "set")
    done.result(timeout=10)
    assert repr(done) == "<set: applied>"
    failed = background.start(failure(), "set")
    with pytest.raises(InvalidPromptError):
        failed.result(timeout=10)
    assert repr(failed) == "<set: Bad. Better.>"


def test_work_runs_in_the_context_variables_of_its_caller() -> None:
    async def read_variable() -> str:
        return VARIABLE.get()

    token = VARIABLE.set("the cell's")
    try:
        operation = Background.get().start(read_variable(), "read")
    finally:
        VARIABLE.reset(token)
    assert operation.result(timeout=10) == "the cell's"


def test_calls_and_starts_take_effect_in_their_order() -> None:
    background, order = Background.get(), []

    async def note(entry: str) -> None:
        order.append(entry)

    async def request_all() -> list[Operation[None]]:
        # On the loop's own thread, so that none of them begins before all are requested.
        operations = []
        for turn in "ab":
            operations.append(background.start(note(f"{turn} started"), "note"))
            background.call(order.append, f"{turn} called")
        return operations

    for operation in background.start(request_all(), "requests").result(timeout=10):
        operation.result(timeout=10)
    background.start(value(None), "settle").result(timeout=10)
    assert order == ["a started", "a called", "b started", "b called"]


def test_a_closed_loop_leaves_no_coroutine_that_is_never_awaited(
    monkeypatch: pytest.MonkeyPatch, recwarn: pytest.WarningsRecorder
) -> None:
    import gc

    closed = asyncio.new_event_loop()
    closed.close()
    background = Background.get()
    monkeypatch.setattr(background, "loop", closed)
    with pytest.raises(RuntimeError, match="closed"):
        background.start(value(7), "seven")
    gc.collect()
    assert [str(warning.message) for warning in recwarn] == []
