"""Sessions through an engine with the transport ``webrtc``."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import numpy as np
import pytest

from decart_widget.engine.media import EngineMedia
from decart_widget.engine.received import ReceivedFrame
from decart_widget.inputs.sources import marker
from decart_widget.inputs.sources.pattern import TestPattern
from decart_widget.models import RealtimeModel
from decart_widget.options import VideoOptions
from decart_widget.sandbox import Faults, Sandbox, serve
from decart_widget.session.media import Preparation
from tests.engine.conftest import KEY, Collected, running


def shown(frame: ReceivedFrame) -> int | None:
    """The number in a frame's picture."""
    return marker.read(frame.picture[: frame.picture.shape[0] * 2 // 3])


async def test_each_frame_that_comes_back_names_the_frame_that_it_was_made_from(
    sandbox: Sandbox,
) -> None:
    async with running(sandbox, sink=Collected(keep=shown), prompt="greyscale") as run:
        await run.until(lambda: len(run.sink.frames) >= 40)
    frames = run.sink.frames
    # On a machine that is busy the first frame may not wait for the second, and is an estimate.
    assert all(frame.exact for frame in frames[2:])
    assert [frame.index for frame in frames[2:]] == run.sink.kept[2:]
    assert all(frame.received_ns > frame.captured_ns > 0 for frame in frames)
    assert frames[0].picture.shape == (270, 320)


@pytest.mark.parametrize("codec", ["VP8", "H264"])
async def test_frames_keep_their_identity_through_drops_and_a_reconnect(codec: str) -> None:
    calls = 0

    def slow(frame: np.ndarray, prompt: str | None, image: np.ndarray | None) -> np.ndarray:
        nonlocal calls
        calls += 1
        time.sleep(0.05)  # so that a third of the frames is dropped
        return 255 - frame

    with serve(slow, api_key=KEY, marker=True) as sandbox:
        video = VideoOptions(codec, max_framerate=30)
        async with running(sandbox, sink=Collected(keep=shown), video=video) as run:
            await run.until(lambda: len(run.sink.frames) >= 25)
            sandbox.faults = Faults(drop_control_after_s=0, sessions=1)
            await run.until(lambda: "reconnecting" in run.states)
            before = len(run.sink.frames)
            await run.until(lambda: len(run.sink.frames) >= before + 25)
            figures = await run.media.figures()
    frames = run.sink.frames
    assert figures["codec"] == codec
    assert [frame.index for frame in frames if frame.exact] == [
        number for frame, number in zip(frames, run.sink.kept, strict=True) if frame.exact
    ]
    # On a machine that is busy the first frame of an attempt may not wait for the second.
    assert sum(not frame.exact for frame in frames) <= 4
    assert len(frames) <= calls + 2
    assert frames[-1].index >= 1.2 * len(frames), "frames were dropped"


async def test_h264_is_chosen_where_the_service_offers_it(sandbox: Sandbox) -> None:
    async with running(sandbox, video=VideoOptions("auto")) as run:
        await run.until(lambda: run.sink.frames)
        assert (await run.media.figures())["codec"] == "H264"


async def test_a_service_that_freezes_is_a_lost_connection(sandbox: Sandbox) -> None:
    async with running(sandbox) as run:
        await run.until(lambda: run.sink.frames)
        sandbox.faults = Faults(freeze_after_s=0)
        await run.until(lambda: "reconnecting" in run.states)
        sandbox.faults = Faults()
        count = len(run.sink.frames)
        await run.until(lambda: len(run.sink.frames) > count + 5)


async def test_an_answer_that_is_no_session_description_ends_the_start(sandbox: Sandbox) -> None:
    media = EngineMedia(TestPattern("marker"))
    states = []

    class Listener:
        def __getattr__(self, name: str) -> Any:
            return lambda *arguments: states.append((name, *arguments[1:]))

    media.listener = Listener()
    try:
        await media.ready(30)
        model = RealtimeModel("lucy-2.1", width=320, height=180)
        media.prepare(1, Preparation("webrtc", model, VideoOptions(), {"iceServers": []}, 15, True))
        media.answer(1, "nonsense")
        async with asyncio.timeout(30):
            while ("media_changed", "failed") not in states:
                await asyncio.sleep(0.01)
    finally:
        await media.close()
