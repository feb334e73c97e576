"""A model of the user's in place of the effects, with frames from Python."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import pytest

from decart_widget import Session, TestPattern
from decart_widget.errors import InvalidTransformError, RequestRejectedError
from decart_widget.inputs.sources import marker
from decart_widget.models import RealtimeModel
from decart_widget.sandbox import serve
from decart_widget.session.media import Transport

MODEL = RealtimeModel("lucy-2.1", fps=30, width=320, height=180)


class Invert:
    batch_size = 4

    def __init__(self) -> None:
        self.sizes: list[int] = []

    def transform_batch(self, frames: Any) -> Any:
        self.sizes.append(len(frames))
        return 255 - frames


@pytest.mark.parametrize("transport", ["webrtc", "livekit"])
def test_batches_keep_order_and_identity_of_frames(transport: Transport) -> None:
    model = Invert()
    with (
        serve(model, marker=True) as server,
        Session(
            MODEL,
            source=TestPattern(duration=2.0),
            endpoint=server,
            transport=transport,
        ) as running,
    ):
        seen = []
        for frame in running.frames(every=True):
            assert frame.index is not None
            seen.append(frame.index)
            assert frame.exact
            assert marker.read(frame.array.mean(axis=2).astype("uint8")) == frame.index
        assert server.last_error is None
    assert len(seen) > 10
    assert seen == sorted(set(seen))


def test_an_endpoint_that_is_no_model_is_refused_at_once() -> None:
    with pytest.raises(InvalidTransformError, match="can't be called with frames"):
        Session(source=TestPattern(), endpoint=lambda: None)


async def test_a_session_waits_in_the_queue_while_the_model_warms_up() -> None:
    release = threading.Event()

    class Slow:
        def warm_up(self) -> None:
            release.wait(30)

        def start(self, prompt: str | None, image: Any) -> int:
            return len(prompt or "")

        def __call__(self, frame: Any, level: int) -> Any:
            frame[:] = level
            return frame

    running = Session(
        MODEL, "12345", source=TestPattern(), endpoint=Slow, transport="webrtc", budget=20
    )
    try:
        connecting = running.connect()
        async with asyncio.timeout(20):
            while running.queue_position is None:
                await asyncio.sleep(0.05)
        assert (running.queue_position, running.queue_size) == (1, 1)
        assert running.generation_tick == 0
        release.set()
        assert await connecting in ("connected", "generating")
        picture = await running.snapshot()
        assert abs(float(picture.mean()) - 5) < 4
        assert running.applied_prompt == "12345"
    finally:
        release.set()
        await asyncio.to_thread(running.close)


async def test_a_prompt_that_start_refuses_is_rejected_and_the_former_one_stays() -> None:
    class Picky:
        def start(self, prompt: str | None, image: Any) -> int:
            return {"dark": 30, "light": 200}[prompt or "dark"]

        def __call__(self, frame: Any, level: int) -> Any:
            frame[:] = level
            return frame

    async with Session(
        MODEL, "light", source=TestPattern(), endpoint=Picky, transport="webrtc", budget=20
    ) as running:
        assert float((await running.snapshot()).mean()) > 150
        with pytest.raises(RequestRejectedError, match=r"start\(\) raised KeyError"):
            await running.set(prompt="loud")
        assert running.applied_prompt == "light"
        assert float((await running.snapshot()).mean()) > 150
        assert await running.set(prompt="dark") == "applied"
