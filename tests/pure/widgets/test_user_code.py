"""Observers and callbacks of the user run on the user's own loop, and their errors are shown."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from decart_widget.session.background import Background
from decart_widget.widgets import user_code
from tests.pure.widget_helpers import settle, updates


def publish(widget: Any, **values: Any) -> None:
    """Sets traits as the controller does: on the background thread."""

    async def set_traits() -> None:
        widget._publish(values)

    Background.get().start(set_traits(), "publish").result(timeout=10)


# --- where they run -------------------------------------------------------------------------------


async def test_an_observer_runs_on_the_loop_that_made_the_widget(make) -> None:
    widget = make()
    threads: list[threading.Thread] = []
    widget.observe(lambda _: threads.append(threading.current_thread()), "connection_state")
    await asyncio.to_thread(publish, widget, connection_state="connecting")
    await asyncio.sleep(0)
    assert threads == [threading.current_thread()]


def test_without_a_loop_observers_run_on_a_thread_of_their_own(make) -> None:
    widget = make()
    threads: list[str] = []
    widget.observe(lambda _: threads.append(threading.current_thread().name), "connection_state")
    publish(widget, connection_state="connecting")
    settle()
    assert threads == ["decart-callbacks"]


def test_after_the_program_s_loop_is_closed_observers_are_still_called(make) -> None:
    async def program() -> Any:
        return make()

    widget = asyncio.run(program())
    called = threading.Event()
    widget.observe(lambda _: called.set(), "connection_state")
    publish(widget, connection_state="connecting")
    assert called.wait(timeout=10)


def test_an_observer_that_blocks_delays_neither_the_background_loop_nor_values(make) -> None:
    widget = make()
    entered, release = threading.Event(), threading.Event()

    def block(_change: Any) -> None:
        entered.set()
        release.wait(timeout=20)

    widget.observe(block, "connection_state")
    publish(widget, connection_state="connecting")
    assert entered.wait(timeout=10)
    publish(widget, connection_state="connected", queue_size=7)  # returns: the loop isn't blocked
    assert (widget.connection_state, updates()["queue_size"]) == ("connected", 7)
    release.set()
    settle()


def test_a_cell_that_blocks_sees_values_at_once_and_observers_the_newest_ones(make) -> None:
    seen: list[tuple[str, Any, Any]] = []

    async def cell() -> None:
        widget = make()
        widget.observe(
            lambda change: seen.append((change.name, change.old, change.new)),
            ["connection_state", "queue_position", "budget_low"],
        )
        publish(widget, connection_state="connecting", budget_low=True)
        publish(widget, queue_position=1)
        publish(widget, connection_state="connected", budget_low=False)
        assert widget.connection_state == "connected"
        assert seen == []
        await asyncio.sleep(0)

    asyncio.run(cell())
    # budget_low has its first value again.
    assert seen == [("queue_position", None, 1), ("connection_state", "idle", "connected")]


def test_a_value_that_the_notebook_sets_is_observed_at_once_with_the_value_last_observed(
    make,
) -> None:
    seen: list[tuple[Any, Any]] = []

    async def cell() -> None:
        widget = make(prompt="first")
        widget.observe(lambda change: seen.append((change.old, change.new)), "prompt")
        publish(widget, prompt="second")
        widget.prompt = "third"
        assert seen == [("first", "third")]
        await asyncio.sleep(0)

    asyncio.run(cell())
    assert seen == [("first", "third")]


def test_what_a_page_sets_is_observed_later_and_an_error_does_not_refuse_it(make, capsys) -> None:
    seen: list[str] = []

    async def cell() -> None:
        widget = make(prompt="first")

        def fail(change: Any) -> None:
            seen.append(change.new)
            raise ValueError("the user's own")

        widget.observe(fail, "prompt")
        widget.set_state({"prompt": "typed"})
        assert (widget.prompt, seen) == ("typed", [])
        await asyncio.sleep(0)
        assert (widget.prompt, seen) == ("typed", ["typed"])
        assert widget.log.refused == {}

    asyncio.run(cell())
    assert "ValueError: the user's own" in capsys.readouterr().err


def test_what_an_observer_sets_is_passed_on(make) -> None:
    widget = make(prompt="first")

    def correct(change: Any) -> None:
        widget.prompt = f"{change.new} positions to go"

    widget.observe(correct, "queue_position")
    publish(widget, queue_position=3)
    settle()
    assert updates()["prompt"] == "3 positions to go"
    settle()
    assert widget._controller.prompts.state.prompt == "3 positions to go"


def test_a_callback_of_on_msg_runs_on_the_user_s_loop_and_its_queue_is_bounded(make) -> None:
    seen: list[tuple[Any, str]] = []

    async def cell() -> None:
        widget = make()
        widget.on_msg(
            lambda _widget, content, _buffers: seen.append(
                (content["n"], threading.current_thread().name)
            )
        )
        for n in range(user_code.MAX_MESSAGES + 5):
            widget._handle_custom_msg({"n": n}, [])
        assert seen == []
        await asyncio.sleep(0)

    asyncio.run(cell())
    assert seen[0] == (5, "MainThread")
    assert len(seen) == user_code.MAX_MESSAGES


# --- what they raise ------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [RuntimeError("mine"), SystemExit("mine"), KeyboardInterrupt()])
def test_an_error_is_shown_once_with_the_user_s_frames_only(make, capsys, error) -> None:
    widget = make()

    def fail(_change: Any) -> None:
        raise error

    widget.observe(fail, "queue_position")
    for position in range(1, 4):
        publish(widget, queue_position=position, queue_size=position)
        settle()
    shown = capsys.readouterr().err
    assert shown.count("Traceback") == 1
    assert shown.splitlines()[-1].startswith(type(error).__name__)
    assert "in fail" in shown
    assert "decart_widget/" not in shown
    assert "traitlets" not in shown
    assert (widget.queue_position, widget.queue_size) == (3, 3)
    assert [e.what for e in widget.log if e.level == "error"] == [
        "An observer of 'queue_position' failed"
    ]
    assert widget.log.refused == {"user code: an error that was shown before": 2}


def test_another_error_is_shown_too_but_not_without_limit(make, capsys) -> None:
    widget = make()

    def fail(change: Any) -> None:
        exec(compile(f"raise RuntimeError({change.new})", "cell", "exec"))

    widget.observe(fail, "queue_position")
    for position in range(1, user_code.MAX_SHOWN + 5):
        publish(widget, queue_position=position)
        settle()
    assert capsys.readouterr().err.count("RuntimeError: ") == user_code.MAX_SHOWN


def test_what_set_raises_in_a_cell_is_raised_there_and_not_shown_twice(make, capsys) -> None:
    widget = make()

    def fail(_change: Any) -> None:
        raise RuntimeError("mine")

    widget.observe(fail, "prompt")
    with pytest.raises(RuntimeError, match="mine"):
        widget.prompt = "x"
    settle()
    assert capsys.readouterr().err == ""


def test_an_observer_removed_before_its_call_is_not_called(make) -> None:
    seen: list[Any] = []

    async def cell() -> None:
        widget = make()
        widget.observe(seen.append, "queue_position")
        publish(widget, queue_position=2)
        widget.unobserve(seen.append, "queue_position")
        await asyncio.sleep(0)

    asyncio.run(cell())
    assert seen == []
