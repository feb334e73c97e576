"""Engines with real worker processes, and sessions with the local server."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from decart_widget.engine.media import EngineMedia
from decart_widget.engine.received import ReceivedFrame
from decart_widget.inputs.secrets import Secret
from decart_widget.inputs.sources.pattern import TestPattern
from decart_widget.models import RealtimeModel
from decart_widget.options import VideoOptions
from decart_widget.protocol.requests import PromptState
from decart_widget.sandbox import Sandbox, serve
from decart_widget.session.config import SessionConfig
from decart_widget.session.endpoints import parse_endpoint
from decart_widget.session.session import Session

KEY = "dct_" + "3ng1ne" * 4
LIMIT_S = 40.0
MODEL = RealtimeModel("lucy-2.1", fps=30, width=320, height=180)


@pytest.fixture(scope="session", autouse=True)
def _programs_can_be_interrupted() -> None:
    """A shell lets what it runs in the background ignore SIGINT, and a child process inherits that.

    A signal with a handler is reset to its default action in a child process.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)


@dataclass
class Collected:
    """A sink that keeps what it was given, without pictures."""

    frames: list[ReceivedFrame] = field(default_factory=list)
    lost_indices: list[int] = field(default_factory=list)
    ended: int = 0
    keep: Callable[[ReceivedFrame], Any] = lambda frame: None
    kept: list[Any] = field(default_factory=list)
    delay_s: float = 0.0

    def frame(self, frame: ReceivedFrame) -> None:
        if self.delay_s:
            time.sleep(self.delay_s)
        self.kept.append(self.keep(frame))
        self.frames.append(frame)

    def lost(self, indices: Sequence[int]) -> None:
        self.lost_indices.extend(indices)

    def source_ended(self) -> None:
        self.ended += 1

    @property
    def indices(self) -> list[int]:
        return [frame.index for frame in self.frames]


class Run:
    """A running session, its engine and its sink."""

    def __init__(self, session: Session, media: EngineMedia, sink: Collected) -> None:
        self.session = session
        self.media = media
        self.sink = sink
        self.task: asyncio.Task[None]
        self.states: list[str] = []

    def changed(self, session: Session) -> None:
        state = session.machine.state.value
        if not self.states or self.states[-1] != state:
            self.states.append(state)

    async def until(self, true: Callable[[], Any]) -> None:
        async with asyncio.timeout(LIMIT_S):
            while not true():
                assert not self.task.done(), f"ended early: {self.session.error}"
                await asyncio.sleep(0.01)

    async def over(self) -> None:
        """Waits until the session has ended."""
        async with asyncio.timeout(LIMIT_S):
            await asyncio.shield(self.task)

    async def until_source_ended(self) -> None:
        await self.until(lambda: self.sink.ended)


@asynccontextmanager
async def running(
    sandbox: Sandbox,
    source: Any = None,
    *,
    every: bool = False,
    sink: Collected | None = None,
    prompt: str | None = None,
    video: VideoOptions | None = None,
    transport: str = "webrtc",
    media: EngineMedia | None = None,
    budget: float | None = None,
) -> AsyncIterator[Run]:
    """A session through an engine, with the local server; the picture is 320x180."""
    engine = media or EngineMedia(source or TestPattern("marker"))
    sink = sink or Collected()
    engine.add_sink(sink, every=every)
    run: Run
    session = Session(
        SessionConfig(
            MODEL,
            parse_endpoint(sandbox),
            Secret(KEY),
            transport,  # type: ignore[arg-type]
            video=video or VideoOptions(max_framerate=30),
            budget=budget,
        ),
        engine,
        lambda session: run.changed(session),
    )
    run = Run(session, engine, sink)
    run.task = asyncio.ensure_future(session.run(PromptState(prompt, False, None)))
    try:
        yield run
    finally:
        session.stop()
        async with asyncio.timeout(LIMIT_S):
            await run.task
        engine.remove_sink(sink)
        if media is None:
            await engine.close()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with serve(api_key=KEY, marker=True) as local:
        yield local
