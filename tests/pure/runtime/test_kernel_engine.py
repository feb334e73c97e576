"""The life of a worker of a widget: started when a start is likely, ended when it rests."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from decart_widget.inputs.sources.pattern import TestPattern
from decart_widget.runtime import kernel_engine
from decart_widget.runtime.kernel_engine import KernelEngine


class Media:
    """Stands for an engine; records what happens to it."""

    made: list[Media]

    def __init__(self, source: Any, _watchers: Any, _shape: Any) -> None:
        self.calls: list[Any] = [source.label]
        self.closed = asyncio.Event()
        self.recordings = self
        Media.made.append(self)

    def add_sink(self, _sink: Any) -> None: ...

    def warm(self, transport: str) -> None:
        self.calls.append(transport)

    def replace_source(self, source: Any) -> None:
        self.calls.append(source.label)

    async def finish(self) -> None: ...

    async def close(self) -> None:
        self.closed.set()


@pytest.fixture(autouse=True)
def _media(monkeypatch: pytest.MonkeyPatch) -> None:
    Media.made = []
    monkeypatch.setattr(kernel_engine, "KernelMedia", Media)


def engine(active: list[bool]) -> KernelEngine:
    nothing: Any = None
    return KernelEngine(
        nothing, lambda: ("landscape", False), lambda: None, lambda _: None, lambda: active[0]
    )


async def test_a_worker_is_started_for_a_source_of_the_kernel_only() -> None:
    own = engine([False])
    own.warm("livekit")
    assert Media.made == []
    own.choose(TestPattern("bars"))
    own.warm("livekit")
    assert Media.made[0].calls == [TestPattern("bars").label, "livekit"]
    media: Any = own.make()
    assert media is Media.made[0]
    await own.close()


async def test_another_source_goes_to_the_same_worker_and_the_page_s_own_ends_it() -> None:
    own = engine([False])
    own.choose(TestPattern("bars"))
    own.warm("webrtc")
    own.choose(TestPattern("marker"))
    assert Media.made[0].calls[-1] == TestPattern("marker").label
    own.choose(None)
    await asyncio.wait_for(Media.made[0].closed.wait(), 10)
    assert own.media is None


async def test_a_worker_that_rests_ends_and_the_next_session_gets_another_one() -> None:
    active = [True]
    own = engine(active)
    own.choose(TestPattern("bars"))
    first = own.make()
    own._rested()
    assert own.media is first, "a session is active"
    active[0] = False
    own.rest(0)
    await asyncio.wait_for(Media.made[0].closed.wait(), 10)
    assert own.make() is not first
    await own.close()
