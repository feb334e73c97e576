"""A model of the user's in a process of its own: it may raise, end or hang, and is restarted."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from av.video.frame import VideoFrame

from decart_widget.errors import InvalidTransformError
from decart_widget.sandbox import ChildSandbox, start_child
from decart_widget.sandbox.effects.effect_state import EffectState
from decart_widget.sandbox.effects.render import Renderer
from decart_widget.sandbox.own import process_model
from decart_widget.sandbox.own.model_link import ModelProcessError
from tests.loopback.sandbox_client import KEY, client, difference, test_card

WAIT_S = 40.0

MODEL = """
import os, sys, time
import numpy as np

print("a line that is no answer")

class Own:
    batch_size = 3

    def warm_up(self):
        self.warm = os.getpid()

    def start(self, prompt, image):
        if prompt == "refuse":
            raise LookupError("no such style")
        return int(prompt or 0) + (0 if image is None else int(image.mean()))

    def transform_batch(self, frames, level):
        assert self.warm == os.getpid()
        print("printed by the model")
        if level == 13:
            raise ArithmeticError("thirteen")
        if level == 14:
            os._exit(3)
        if level == 15:
            sys.exit(4)
        frames[:] = frames // 2 + level
        return frames

def halve(frame, prompt, image):
    return frame // 2

class Former:  # gives back the frame before
    kept = None
    def __call__(self, frame):
        former, self.kept = self.kept, frame
        return frame if former is None else former

class Broken:
    def warm_up(self):
        raise OSError("no weights")
    def __call__(self, frame):
        return frame
"""


@pytest.fixture
def models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A module of a user, which child processes find on ``sys.path``."""
    (tmp_path / "models_of_a_user.py").write_text(MODEL)
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "models_of_a_user", raising=False)
    return importlib.import_module("models_of_a_user")


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Any], Renderer]]:
    """Makes renderers with a model in a process, and closes them."""
    monkeypatch.setattr(process_model, "FIRST_DELAY_S", 0.05)
    made: list[Renderer] = []

    def renderer(given: Any) -> Renderer:
        made.append(Renderer(given, process=True))
        model = made[-1].model
        assert model is not None
        assert model.needs_warm_up
        model.warm_up().result(WAIT_S)
        return made[-1]

    yield renderer
    for one in made:
        one.close()


def frame(value: int, pts: int = 0) -> VideoFrame:
    picture = VideoFrame.from_ndarray(np.full((16, 32, 3), value, np.uint8), format="rgb24")
    picture.pts, picture.time_base = pts, Fraction(1, 90_000)
    return picture


def brightness(shown: VideoFrame) -> float:
    return float(shown.to_ndarray(format="rgb24").mean())


def state(prompt: str | None, image: Any = None) -> EffectState:
    made = EffectState()
    made.set(prompt, enrich=False, image=image)
    return made


def begun(renderer: Renderer, prompt: str | None, image: Any = None) -> EffectState:
    session = state(prompt, image)
    starting = renderer.begin(session)
    assert starting is not None
    starting.result(WAIT_S)
    return session


def pid_of(renderer: Renderer) -> int:
    pid = renderer.stats()["model"]["pid"]
    assert isinstance(pid, int)
    return pid


def until_transformed(renderer: Renderer, session: EffectState, level: float) -> None:
    """Waits until frames of brightness 100 get this brightness."""
    deadline = time.monotonic() + WAIT_S
    while abs(brightness(renderer(frame(100), session)) - level) > 4:
        assert time.monotonic() < deadline, renderer.last_error
        time.sleep(0.02)


def test_frames_are_transformed_in_another_process(models: Any, make: Any) -> None:
    renderer = make(models.Own)
    assert pid_of(renderer) != os.getpid()
    session = begun(renderer, "20")
    shown = renderer.render([(frame(value, value), session) for value in (40, 80, 120)])
    assert [round(brightness(picture), -1) for picture in shown] == [40, 60, 80]
    assert [picture.pts for picture in shown] == [40, 80, 120]
    assert renderer.last_error is None
    assert renderer.stats()["model"]["batch"] == 3


def test_each_session_has_its_state_and_its_image(models: Any, make: Any) -> None:
    renderer = make(models.Own())
    one = begun(renderer, "20")
    two = begun(renderer, "20", np.full((8, 8, 3), 60, np.uint8))
    for _ in range(3):
        assert brightness(renderer(frame(100), one)) == pytest.approx(70, abs=4)
        assert brightness(renderer(frame(100), two)) == pytest.approx(130, abs=4)


def test_a_function_runs_in_a_process_too(models: Any, make: Any) -> None:
    renderer = make(models.halve)
    assert brightness(renderer(frame(100), state("any"))) == pytest.approx(50, abs=4)


def test_a_model_may_keep_its_frames(models: Any, make: Any) -> None:
    renderer = make(models.Former)
    shown = [brightness(renderer(frame(level), state(None))) for level in (40, 80, 120, 160)]
    assert [round(level, -1) for level in shown] == [40, 40, 80, 120]


def test_what_the_model_raises_arrives_with_its_traceback(models: Any, make: Any) -> None:
    renderer = make(models.Own)
    pid = pid_of(renderer)
    assert brightness(renderer(frame(100), begun(renderer, "13"))) == pytest.approx(100, abs=4)
    assert isinstance(renderer.last_error, ArithmeticError)
    assert "in transform_batch" in renderer.last_error.__notes__[0]
    assert brightness(renderer(frame(100), begun(renderer, "15"))) == pytest.approx(100, abs=4)
    assert isinstance(renderer.last_error, SystemExit)
    with pytest.raises(LookupError, match="no such style"):
        begun(renderer, "refuse")
    assert brightness(renderer(frame(100), begun(renderer, "20"))) == pytest.approx(70, abs=4)
    assert pid_of(renderer) == pid


def test_a_process_that_is_killed_is_restarted_with_its_states(models: Any, make: Any) -> None:
    renderer = make(models.Own)
    session = begun(renderer, "20")
    until_transformed(renderer, session, 70)
    for _ in range(2):
        pid = pid_of(renderer)
        os.kill(pid, signal.SIGKILL)
        psutil.wait_procs([psutil.Process(pid)] if psutil.pid_exists(pid) else [], timeout=WAIT_S)
        assert brightness(renderer(frame(100), session)) in (
            pytest.approx(100, abs=4),
            pytest.approx(70, abs=4),  # it was restarted already
        )
        until_transformed(renderer, session, 70)
        assert pid_of(renderer) != pid
    assert renderer.stats()["model"]["restarts"] == 2


def test_a_model_that_ends_its_process_changes_no_frame(models: Any, make: Any) -> None:
    renderer = make(models.Own)
    good, bad = begun(renderer, "20"), begun(renderer, "14")
    assert brightness(renderer(frame(100), bad)) == pytest.approx(100, abs=4)
    assert isinstance(renderer.last_error, ModelProcessError)
    assert "ended with status 3" in str(renderer.last_error)
    until_transformed(renderer, good, 70)


def test_a_session_that_begins_without_a_process_is_started_later(models: Any, make: Any) -> None:
    renderer = make(models.Own)
    os.kill(pid_of(renderer), signal.SIGKILL)
    until_transformed(renderer, state("20"), 70)


def test_a_failed_warm_up_ends_the_process(models: Any) -> None:
    renderer = Renderer(models.Broken, process=True)
    model = renderer.model
    assert model is not None
    with pytest.raises(OSError, match="no weights"):
        model.warm_up().result(WAIT_S)
    assert renderer.stats()["model"]["pid"] is None
    renderer.close()


def test_close_ends_the_process(models: Any, make: Any) -> None:
    renderer = make(models.Own)
    process = psutil.Process(pid_of(renderer))
    renderer.close()
    assert psutil.wait_procs([process], timeout=WAIT_S)[1] == []


def test_what_no_process_can_import_is_refused_with_what_to_do() -> None:
    class Local:
        def __call__(self, picture: Any) -> Any:
            return picture

    sys.modules["cloudpickle"] = None  # type: ignore[assignment]
    try:
        with pytest.raises(InvalidTransformError) as raised:
            Renderer(Local, process=True)
        assert "my_model.py" in raised.value.remedy
        with pytest.raises(InvalidTransformError, match="can't be sent to a process of its own"):
            Renderer(lambda picture: picture, process=True)
    finally:
        del sys.modules["cloudpickle"]


PROGRAM = """
import sys
import time
from models_of_a_user import Own
from decart_widget.errors import InvalidTransformError
from decart_widget.sandbox import serve

class Mine(Own):
    pass

try:
    serve(Mine, process=True)
except InvalidTransformError as error:
    print("refused:", error)
local = serve(Own, process=True)
while not local.stats()["ready"]:
    time.sleep(0.05)
print(local.stats()["model"]["pid"], flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("end", ["exit", "kill"])
def test_the_process_ends_with_its_parent(models: Any, tmp_path: Path, end: str) -> None:
    (tmp_path / "cloudpickle.py").write_text("raise ImportError('not installed')")
    script = tmp_path / "program.py"
    script.write_text(textwrap.dedent(PROGRAM))
    parent = subprocess.Popen(
        [sys.executable, str(script)],
        cwd=tmp_path,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
    )
    assert parent.stdin is not None
    assert parent.stdout is not None
    assert parent.stdout.readline() == "a line that is no answer\n"  # imported here, too
    assert "it is defined in the notebook or script itself" in parent.stdout.readline()
    child = psutil.Process(int(parent.stdout.readline()))
    if end == "kill":
        parent.kill()
    parent.stdin.close()
    parent.wait(WAIT_S)
    parent.stdout.close()
    assert psutil.wait_procs([child], timeout=WAIT_S)[1] == []


def until(condition: Callable[[], Any]) -> Any:
    """The value of the condition, once that is true."""
    deadline = time.monotonic() + WAIT_S
    while not (value := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return value


def restarted_pid(sandbox: ChildSandbox) -> int | None:
    figures = sandbox.model_figures()
    return figures["pid"] if figures and figures["restarts"] else None


async def test_a_child_process_serves_a_model_and_reports_of_it(models: Any) -> None:
    reported: list[BaseException] = []
    with start_child(KEY, transform=models.Own) as sandbox:
        sandbox.watch(reported.append)
        async with client(sandbox.realtime_base_url) as user:
            await user.wait_for("status", status="Ready")
            assert (await user.prompt("20"))["success"]
            await user.start_video()
            await user.picture_that(lambda p: difference(p, test_card() // 2 + 20) < 8)
            pid = await asyncio.to_thread(until, lambda: (sandbox.model_figures() or {}).get("pid"))
            model = psutil.Process(pid)
            assert model.ppid() == sandbox.pid
            assert not (await user.prompt("refuse"))["success"]
            assert (await user.prompt("13"))["success"]
            await user.picture_that(lambda p: difference(p, test_card()) < 8)
            await asyncio.to_thread(until, lambda: reported)
            assert isinstance(reported[0], ArithmeticError)
            assert (await user.prompt("20"))["success"]
            model.kill()
            await asyncio.to_thread(until, lambda: len(reported) > 1)
            assert isinstance(reported[1], ModelProcessError)
            assert reported[1] is sandbox.last_error
            await user.picture_that(lambda p: difference(p, test_card() // 2 + 20) < 8)
            restarted = await asyncio.to_thread(
                until,
                lambda: (figures := sandbox.model_figures()) and figures["restarts"] and figures,
            )
        processes = [psutil.Process(pid) for pid in (sandbox.pid, restarted["pid"])]
    assert psutil.wait_procs(processes, timeout=WAIT_S)[1] == []


def test_a_child_is_not_started_for_what_cannot_be_called() -> None:
    with pytest.raises(InvalidTransformError, match="can't be called with frames"):
        start_child(transform=lambda: None)
