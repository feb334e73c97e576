"""A user's function may raise, exit, fork or never return: frames go on unchanged."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from av.video.frame import VideoFrame

from decart_widget.sandbox.effects import user_function
from decart_widget.sandbox.effects.effect_state import EffectState
from decart_widget.sandbox.effects.render import Renderer
from decart_widget.sandbox.effects.user_function import StalledError, UserFunction


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Lets functions that block return at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


@pytest.fixture
def short_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(user_function, "CALL_LIMIT_S", 0.05)
    monkeypatch.setattr(user_function, "FIRST_CALL_LIMIT_S", 0.05)


def frame(value: int = 128) -> VideoFrame:
    picture = VideoFrame.from_ndarray(np.full((16, 16, 3), value, np.uint8), format="rgb24")
    picture.pts, picture.time_base = 0, Fraction(1, 90_000)
    return picture


def brightness(shown: VideoFrame) -> float:
    return float(shown.to_ndarray(format="rgb24").mean())


class Interrupted(BaseException):
    """Neither an Exception nor one of Python's own."""


@pytest.mark.parametrize(
    "error", [ValueError("x"), SystemExit(3), KeyboardInterrupt(), GeneratorExit(), Interrupted()]
)
def test_a_function_that_raises_anything_leaves_frames_unchanged(error: BaseException) -> None:
    def fail(*_: Any) -> Any:
        raise error

    renderer = Renderer(fail)
    reported: list[BaseException] = []
    renderer.watchers.append(reported.append)
    for _ in range(3):
        assert brightness(renderer(frame(), EffectState())) == pytest.approx(128, abs=2)
    assert renderer.last_error is error
    assert renderer.errors == 3
    assert reported == [error], "once, not for each frame"
    renderer.report_again()
    renderer(frame(), EffectState())
    assert reported == [error, error], "once more in another session"
    renderer.close()


def test_after_an_error_the_function_is_called_again() -> None:
    calls: list[int] = []

    def second_only(picture: Any, *_: Any) -> Any:
        calls.append(1)
        if len(calls) == 1:
            sys.exit("not yet")
        return np.zeros_like(picture)

    renderer = Renderer(second_only)
    renderer(frame(), EffectState())
    assert brightness(renderer(frame(), EffectState())) < 5
    renderer.close()


@pytest.mark.usefixtures("short_limits")
def test_a_function_that_never_returns_holds_back_one_frame_only(
    release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def hang(picture: Any, *_: Any) -> Any:
        calls.append(1)
        release.wait(30)
        return picture

    renderer = Renderer(hang)
    assert brightness(renderer(frame(), EffectState())) == pytest.approx(128, abs=2)
    assert isinstance(renderer.last_error, StalledError)
    # Frames that follow don't wait, whatever the limit is, and are not passed to the function.
    monkeypatch.setattr(user_function, "FIRST_CALL_LIMIT_S", 60)
    for _ in range(50):
        renderer(frame(), EffectState())
    assert (len(calls), renderer.errors) == (1, 51)
    renderer.close()


def test_a_function_that_returns_in_time_again_is_used_again(
    release: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(user_function, "FIRST_CALL_LIMIT_S", 0.05)
    monkeypatch.setattr(user_function, "CALL_LIMIT_S", 30.0)

    def slow_at_first(number: int) -> int:
        if number == 0:
            release.wait(30)
        return number

    function = UserFunction(slow_at_first)
    with pytest.raises(StalledError):
        function(0)
    with pytest.raises(StalledError):
        function(1)
    release.set()
    results: list[int] = []
    while not results:  # until the late call is over, and the next one came in time
        try:
            results.append(function(2))
        except StalledError:
            continue
    assert function(3) == 3
    function.close()


def test_a_timeout_error_of_the_function_is_not_taken_for_a_stall() -> None:
    def fail() -> None:
        raise TimeoutError("of the user's")

    function = UserFunction(fail)
    with pytest.raises(TimeoutError, match="of the user's"):
        function()
    function.close()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
@pytest.mark.parametrize("in_child", ["return", "raise", "exit"])
def test_a_function_that_forks_goes_on_in_the_parent_only(in_child: str) -> None:
    children: list[int] = []

    def fork(value: int) -> int:
        pid = os.fork()
        if pid == 0:
            # Coverage's own `_exit` would wait for a lock that a thread of the parent may hold.
            import posix

            vars(os)["_exit"] = posix._exit
            if in_child == "raise":
                raise ValueError("in the child")
            if in_child == "exit":
                sys.exit(7)
            return -1
        children.append(pid)
        return value

    function = UserFunction(fork)
    assert function(5) == 5
    _, status = os.waitpid(children[0], 0)
    expected = {"return": 0, "raise": 1, "exit": 7}[in_child]
    assert os.waitstatus_to_exitcode(status) == expected
    function.close()


PROGRAM = """
import threading, time, sys
import numpy as np
from av.video.frame import VideoFrame
from decart_widget.sandbox import serve
from decart_widget.sandbox.effects.effect_state import EffectState
entered = threading.Event()
def hang(*_):
    entered.set()
    while True:
        time.sleep(60)
local = serve(hang)
frame = VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")
server = local._server
server._executor.submit(server.renderer, frame, EffectState())
assert entered.wait(20)
print("the end")
"""


def test_a_function_that_never_returns_does_not_hold_up_the_interpreters_end() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=50, check=False
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("the end\n", "", 0)
