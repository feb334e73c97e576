"""A model of the user's: prompt states off the frame path, batches, results of a wrong shape."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, Future
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from av.video.frame import VideoFrame

from decart_widget.sandbox.effects.effect_state import EffectState
from decart_widget.sandbox.effects.render import Renderer
from decart_widget.sandbox.effects.user_function import StalledError
from decart_widget.sandbox.own.batches import Batches
from decart_widget.sandbox.own.own_model import Figures

WAIT_S = 20.0


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Lets methods that block return at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def frame(value: int = 128, width: int = 16) -> VideoFrame:
    picture = VideoFrame.from_ndarray(np.full((16, width, 3), value, np.uint8), format="rgb24")
    picture.pts, picture.time_base = value, Fraction(1, 90_000)
    return picture


def brightness(shown: VideoFrame) -> float:
    return float(shown.to_ndarray(format="rgb24").mean())


def state(prompt: str | None) -> EffectState:
    made = EffectState()
    made.set(prompt, enrich=False, image=None)
    return made


# --- prompt states ----------------------------------------------------------------------------


class Levels:
    """Takes the brightness from the prompt."""

    def __init__(self, release: threading.Event | None = None) -> None:
        self.release = release
        self.threads: set[str] = set()

    def start(self, prompt: str | None, image: Any) -> int:
        self.threads.add(threading.current_thread().name)
        if self.release is not None and prompt == "200":
            self.release.wait(WAIT_S)
        return int(prompt or 0)

    def __call__(self, picture: Any, level: int) -> Any:
        self.threads.add(threading.current_thread().name)
        return np.full_like(picture, level)


def begin(renderer: Renderer, effect_state: EffectState) -> Future[None]:
    future = renderer.begin(effect_state)
    assert future is not None
    return future


def test_each_session_has_the_state_that_its_start_returned() -> None:
    renderer = Renderer(Levels())
    one, two = state("40"), state("90")
    for session in (one, two):
        begin(renderer, session).result(WAIT_S)
    assert brightness(renderer(frame(), one)) == pytest.approx(40, abs=3)
    assert brightness(renderer(frame(), two)) == pytest.approx(90, abs=3)
    assert renderer.last_error is None
    renderer.close()


def test_frames_go_on_with_the_former_state_until_start_returns(release: threading.Event) -> None:
    model = Levels(release)
    renderer = Renderer(model)
    session = state("40")
    begin(renderer, session).result(WAIT_S)
    session.set("200", enrich=False, image=None)
    starting = begin(renderer, session)
    assert brightness(renderer(frame(), session)) == pytest.approx(40, abs=3)
    assert not starting.done()
    release.set()
    starting.result(WAIT_S)
    assert brightness(renderer(frame(), session)) == pytest.approx(200, abs=3)
    assert len(model.threads) == 2, "start has a thread of its own"
    renderer.close()


def test_of_the_states_that_wait_for_start_the_newest_wins(release: threading.Event) -> None:
    started: list[str | None] = []
    entered = threading.Event()

    class Counting(Levels):
        def start(self, prompt: str | None, image: Any) -> int:
            started.append(prompt)
            entered.set()
            return super().start(prompt, image)

    renderer = Renderer(Counting(release))
    session = state("200")
    futures = [begin(renderer, session)]
    assert entered.wait(WAIT_S)
    for prompt in ("1", "2", "3"):
        session.set(prompt, enrich=False, image=None)
        futures.append(begin(renderer, session))
    release.set()
    for future in futures:
        future.result(WAIT_S)
    assert started == ["200", "3"]
    assert brightness(renderer(frame(), session)) == pytest.approx(3, abs=3)
    renderer.close()


def test_a_state_that_is_asked_for_twice_is_started_once() -> None:
    renderer = Renderer(Levels())
    session = state("40")
    first = begin(renderer, session)
    assert begin(renderer, session) is first
    renderer.close()


def test_before_the_first_start_has_returned_frames_are_unchanged(release: threading.Event) -> None:
    renderer = Renderer(Levels(release))
    session = state("200")
    assert brightness(renderer(frame(77), session)) == pytest.approx(77, abs=3)
    assert isinstance(renderer.last_error, StalledError)
    assert "start has not returned" in str(renderer.last_error)
    renderer.close()


def test_what_start_raises_is_known_and_the_former_state_stays() -> None:
    renderer = Renderer(Levels())
    session = state("40")
    begin(renderer, session).result(WAIT_S)
    session.set("no number", enrich=False, image=None)
    with pytest.raises(ValueError, match="no number"):
        begin(renderer, session).result(WAIT_S)
    assert brightness(renderer(frame(), session)) == pytest.approx(40, abs=3)
    failed = state("none either")
    with pytest.raises(ValueError, match="none either"):
        begin(renderer, failed).result(WAIT_S)
    assert brightness(renderer(frame(77), failed)) == pytest.approx(77, abs=3)
    assert isinstance(renderer.last_error, ValueError)
    renderer.close()


def test_a_class_is_instantiated_once_and_warmed_up() -> None:
    calls: list[str] = []

    class Own:
        def __init__(self) -> None:
            calls.append("made")

        def warm_up(self) -> None:
            calls.append("warm")

        def __call__(self, picture: Any, prompt: str | None, image: Any) -> Any:
            calls.append(str(prompt))
            return picture

    renderer = Renderer(Own)
    assert renderer.model is not None
    assert renderer.model.needs_warm_up
    renderer.model.warm_up().result(WAIT_S)
    renderer(frame(), state("hello"))
    assert calls == ["made", "warm", "hello"]
    assert renderer.last_error is None
    renderer.close()


# --- batches ----------------------------------------------------------------------------------


class Manual(Executor):
    """Runs what is submitted when the test says so."""

    def __init__(self) -> None:
        self.work: list[tuple[Future[Any], Any, tuple[Any, ...]]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.work.append((future, fn, args))
        return future

    async def run(self) -> None:
        """Runs the one call that is under way, and lets the loop react."""
        [(future, fn, args)] = self.work
        self.work.clear()
        future.set_result(fn(*args))
        for _ in range(5):
            await asyncio.sleep(0)


class Batched:
    batch_size = 3

    def __init__(self) -> None:
        self.calls: list[list[int]] = []

    def transform_batch(self, frames: Any, prompt: str | None, image: Any) -> Any:
        assert frames.dtype == np.uint8
        self.calls.append([10 * round(float(picture.mean()) / 10) for picture in frames])
        return 255 - frames


def batches_of(renderer: Renderer, executor: Executor) -> Batches:
    assert renderer.model is not None
    return Batches(renderer.render, renderer.model.conditions, executor, 3)


async def collect(results: list[asyncio.Future[VideoFrame | None]]) -> list[int | None]:
    return [None if (shown := await result) is None else shown.pts for result in results]


async def test_frames_that_come_while_the_model_computes_are_one_batch() -> None:
    model, executor = Batched(), Manual()
    renderer = Renderer(model)
    batches = batches_of(renderer, executor)
    session = state("x")
    results = [batches.add(frame(10 * n), session) for n in range(1, 5)]
    await executor.run()
    await executor.run()
    assert model.calls == [[10], [20, 30, 40]], "the idle model gets the first one at once"
    assert await collect(results) == [10, 20, 30, 40], "each result has its frame's time stamp"
    for result, value in zip(results, (10, 20, 30, 40), strict=True):
        shown = await result
        assert shown is not None
        assert brightness(shown) == pytest.approx(255 - value, abs=3)
    assert executor.work == []
    renderer.close()


async def test_of_one_session_the_oldest_waiting_frame_gives_way() -> None:
    executor = Manual()
    renderer = Renderer(Batched())
    batches = batches_of(renderer, executor)
    session = state("x")
    results = [batches.add(frame(n), session) for n in range(6)]
    await executor.run()
    await executor.run()
    assert await collect(results) == [0, None, None, 3, 4, 5]
    renderer.close()


async def test_frames_of_several_sessions_share_a_batch_only_where_they_fit_together() -> None:
    model, executor = Batched(), Manual()
    renderer = Renderer(model)
    batches = batches_of(renderer, executor)
    one, two = state("x"), state("y")
    results = [
        batches.add(frame(10), one),
        batches.add(frame(20), one),
        batches.add(frame(30), two),
        batches.add(frame(40, width=32), one),
        batches.add(frame(50), one),
    ]
    for _ in range(5):
        await executor.run()
        if not executor.work:
            break
    assert model.calls == [[10], [20], [30], [40], [50]], "50 must not overtake 40"
    assert await collect(results) == [10, 20, 30, 40, 50]
    renderer.close()


async def test_sessions_without_a_prompt_state_of_their_own_share_a_batch() -> None:
    class Alike(Batched):
        def transform_batch(self, frames: Any) -> Any:  # type: ignore[override]
            return super().transform_batch(frames, None, None)

    model, executor = Alike(), Manual()
    renderer = Renderer(model)
    batches = batches_of(renderer, executor)
    sessions = [state(None) for _ in range(3)]
    results = [batches.add(frame(10 * n), session) for n, session in enumerate(sessions, 1)]
    await executor.run()
    await executor.run()
    assert model.calls == [[10], [20, 30]]
    assert await collect(results) == [10, 20, 30]
    renderer.close()


# --- results ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("result", "hint"),
    [
        (lambda frame: None, "is its return missing"),
        (lambda frame: frame.transpose(2, 0, 1), "channels come last"),
        (lambda frame: frame / 255, "astype(np.uint8)"),
        (lambda frame: frame[:8], "(16, 16, 3) uint8"),
        (lambda frame: frame.tolist(), "<class 'list'>"),
    ],
)
def test_a_wrong_result_is_named_with_what_helps(result: Any, hint: str) -> None:
    renderer = Renderer(result)
    assert brightness(renderer(frame(77), state(None))) == pytest.approx(77, abs=3)
    assert hint in str(renderer.last_error)
    renderer.close()


def test_a_batch_of_another_length_is_an_error() -> None:
    class Fewer:
        batch_size = 2

        def transform_batch(self, frames: Any) -> Any:
            return frames[:1]

    renderer = Renderer(Fewer())
    session = state(None)
    shown = renderer.render([(frame(10), session), (frame(20), session)])
    assert [picture.pts for picture in shown] == [10, 20]
    assert "as many frames as it got, 2, not 1 frames" in str(renderer.last_error)
    renderer.close()


# --- figures ----------------------------------------------------------------------------------


def test_the_figures_are_those_of_the_last_seconds() -> None:
    figures = Figures()
    assert figures.read(0.0) == {"fps": None, "frame_ms": None, "batch": None}
    figures.note(1, 9.0, 10.0)  # forgotten
    for call in range(10):
        figures.note(4, 0.08, 20.0 + 0.1 * (call + 1))
    read = figures.read(21.0)
    assert read["frame_ms"] == pytest.approx(20)
    assert read["batch"] == 4
    assert read["fps"] == pytest.approx(40 / 0.98, abs=0.1)
    assert figures.read(60.0)["fps"] is None
