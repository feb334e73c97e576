"""A model of the user's behind the local server: its warm-up, its prompt states, its batches."""

from __future__ import annotations

import asyncio
import importlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from decart_widget.errors import InvalidTransformError
from decart_widget.sandbox import serve
from decart_widget.sandbox.close_codes import CLOSE_INTERNAL
from decart_widget.sandbox.own.model_link import ModelProcessError
from tests.loopback.sandbox_client import KEY, Picture, client, difference, test_card


@pytest.fixture
def release() -> Iterator[threading.Event]:
    """Lets methods that block return at the end of the test."""
    event = threading.Event()
    yield event
    event.set()


def is_grey(level: int) -> Any:
    return lambda picture: difference(picture, np.full_like(picture, level)) < 8


async def test_clients_wait_in_the_queue_until_the_model_is_warm(release: threading.Event) -> None:
    class Own:
        def warm_up(self) -> None:
            release.wait(30)

        def __call__(self, frame: Picture) -> Picture:
            return np.full_like(frame, 90)

    with serve(Own, api_key=KEY) as sandbox:
        assert sandbox.stats()["ready"] is False
        async with client(sandbox.realtime_base_url) as user:
            await user.wait_for("queue_position", position=1, queue_size=1)
            assert [message["type"] for message in user.messages] == ["status", "queue_position"]
            release.set()
            await user.wait_for("status", status="Ready")
            await user.start_video()
            await user.picture_that(is_grey(90))
        assert sandbox.stats()["ready"] is True
        async with client(sandbox.realtime_base_url) as second:
            assert (await second.receive())["status"] == "Ready", "no queue any more"
        assert sandbox.last_error is None


async def test_a_client_that_leaves_the_queue_is_no_session(release: threading.Event) -> None:
    class Own:
        def warm_up(self) -> None:
            release.wait(30)

        def __call__(self, frame: Picture) -> Picture:
            return frame

    with serve(Own(), api_key=KEY) as sandbox:
        async with client(sandbox.realtime_base_url) as user:
            await user.wait_for("queue_position")
        async with client(sandbox.realtime_base_url) as user:
            await user.wait_for("queue_position")
            release.set()
            await user.wait_for("status", status="Ready")
            assert len(sandbox.stats()["sessions"]) == 1


async def test_a_failed_warm_up_is_told_and_done_again_for_the_next_client() -> None:
    calls: list[int] = []

    class Own:
        def warm_up(self) -> None:
            calls.append(1)
            if len(calls) < 3:
                raise MemoryError("the GPU is full")

        def __call__(self, frame: Picture) -> Picture:
            return frame

    with serve(Own, api_key=KEY) as sandbox:
        told = []
        for _ in range(3):
            async with client(sandbox.realtime_base_url) as user:
                while True:
                    message = await user.receive()
                    if message["type"] == "error":
                        told.append(message["error"])
                        code, _reason = await user.closed()
                        assert code == CLOSE_INTERNAL
                        break
                    if message.get("status") == "Ready":
                        break
            if sandbox.stats()["ready"]:
                break
        assert sandbox.stats()["ready"]
        assert told
        assert set(told) == {"The model could not be prepared: MemoryError: the GPU is full"}
        assert isinstance(sandbox.last_error, MemoryError)


async def test_a_prompt_is_acknowledged_once_start_has_returned(release: threading.Event) -> None:
    started: list[str | None] = []

    class Own:
        def start(self, prompt: str | None, image: Picture | None) -> int:
            started.append(prompt)
            if prompt == "200":
                release.wait(30)
            return int(prompt or 0)

        def transform(self, frame: Picture, level: int) -> Picture:
            return np.full_like(frame, level)

    with serve(Own(), api_key=KEY) as sandbox:
        async with client(sandbox.realtime_base_url) as user:
            assert (await user.prompt("60"))["success"]
            await user.start_video()
            first = await user.picture()
            assert is_grey(60)(first), "the first frame is transformed already"
            await user.send("prompt", prompt="200", enhance_prompt=False)
            for _ in range(5):
                await user.picture_that(is_grey(60))
            assert not [m for m in user.messages if m.get("prompt") == "200"]
            release.set()
            assert (await user.wait_for("prompt_ack", prompt="200"))["success"]
            await user.picture_that(is_grey(200))
            refused = await user.prompt("many")
            assert not refused["success"]
            assert refused["error"].startswith("The model's start() raised ValueError: invalid lit")
            for _ in range(5):
                assert is_grey(200)(await user.picture()), "the former state goes on"
        assert started == ["60", "200", "many"]
        assert sandbox.last_error is None


async def test_without_a_prompt_start_is_called_before_the_first_frame() -> None:
    started: list[Any] = []

    class Own:
        def start(self, prompt: str | None, image: Picture | None) -> str:
            started.append((prompt, image))
            return "state"

        def __call__(self, frame: Picture, state: str) -> Picture:
            assert state == "state"
            return np.full_like(frame, 90)

    with serve(Own, api_key=KEY) as sandbox:
        async with client(sandbox.realtime_base_url) as user:
            await user.start_video()
            assert is_grey(90)(await user.picture())
        assert started == [(None, None)]
        assert sandbox.last_error is None


async def test_a_slow_model_that_takes_batches_gets_the_frames_that_came_meanwhile(
    release: threading.Event,
) -> None:
    sizes: list[int] = []
    entered = threading.Event()

    class Own:
        batch_size = 4

        def transform_batch(self, frames: Picture) -> Picture:
            sizes.append(len(frames))
            if len(sizes) == 1:
                entered.set()
                release.wait(30)
            return 255 - frames

    with serve(Own(), api_key=KEY) as sandbox:
        async with client(sandbox.realtime_base_url) as user:
            await user.start_video()
            await asyncio.to_thread(entered.wait, 20)
            while sandbox.stats()["sessions"][0]["media"]["dropped"] < 2:
                await asyncio.sleep(0.05)  # frames come 20 a second
            release.set()
            for _ in range(8):
                await user.picture_that(lambda p: difference(p, 255 - test_card()) < 12)
            figures = sandbox.stats()["model"]
        assert sizes[:2] == [1, 4]
        assert figures["fps"] > 0
        assert figures["frame_ms"] > 0
        assert sandbox.last_error is None


def test_what_cannot_be_called_is_refused_before_the_server_starts() -> None:
    with pytest.raises(InvalidTransformError, match="can't be called with frames"):
        serve(lambda: None)


async def test_a_model_in_a_process_transforms_a_session(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_model_of_a_user.py").write_text(
        "class Own:\n"
        "    batch_size = 4\n"
        "    def start(self, prompt, image):\n"
        "        return int(prompt)\n"
        "    def transform_batch(self, frames, level):\n"
        "        frames[:] = level\n"
        "        return frames\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    own = importlib.import_module("own_model_of_a_user").Own
    with serve(own, api_key=KEY, process=True) as sandbox:
        async with client(sandbox.realtime_base_url) as user:
            await user.wait_for("status", status="Ready")
            assert (await user.prompt("60"))["success"]
            await user.start_video()
            assert is_grey(60)(await user.picture())
            assert not (await user.prompt("grey"))["success"]
            assert (await user.prompt("90"))["success"]
            await user.picture_that(is_grey(90))
            os.kill(sandbox.stats()["model"]["pid"], signal.SIGKILL)
            while not isinstance(sandbox.last_error, ModelProcessError):
                await user.picture()
            await user.picture_that(is_grey(90))
            assert "SIGKILL" in str(sandbox.last_error)
        assert sandbox.stats()["model"]["restarts"] == 1


def test_a_server_can_be_closed_while_its_model_warms_up(
    release: threading.Event, caplog: pytest.LogCaptureFixture
) -> None:
    entered = threading.Event()

    class Own:
        def warm_up(self) -> None:
            entered.set()
            release.wait(30)

        def __call__(self, frame: Picture) -> Picture:
            return frame

    sandbox = serve(Own)
    assert entered.wait(20)
    [thread] = [t for t in threading.enumerate() if t.name == "decart-sandbox-function"]
    sandbox.close()
    release.set()
    thread.join(20)
    assert not thread.is_alive()
    assert [record.getMessage() for record in caplog.records] == []
