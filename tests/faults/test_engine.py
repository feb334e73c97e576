"""Faults of the process that sends and receives frames in Python."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from decart_widget.engine.received import ReceivedFrame
from decart_widget.inputs.sources.pattern import TestPattern
from decart_widget.sandbox import serve
from tests.engine.conftest import KEY, running
from tests.faults import inverting_model
from tests.faults.conftest import Measured
from tests.faults.scene import eventually

both = pytest.mark.parametrize("transport", ["webrtc", "livekit"])

PROGRAM = """
import asyncio, sys
from decart_widget.sandbox import Sandbox
from tests.engine.conftest import running

class Where:
    base_url, realtime_base_url = sys.argv[1:3]

async def main():
    async with running(Where(), transport=sys.argv[3]) as run:
        await run.until(lambda: run.sink.frames)
        print(run.media.pid, flush=True)
        await asyncio.sleep(3600)

asyncio.run(main())
"""


@both
@pytest.mark.fault("engine-killed")
async def test_the_process_that_carries_the_video_is_killed(
    measured: Measured, transport: str
) -> None:
    with serve(api_key=KEY, marker=True) as sandbox:
        async with running(sandbox, prompt="greyscale", transport=transport) as run:
            await run.until(lambda: len(run.sink.frames) >= 10)
            since = time.monotonic()
            os.kill(run.media.pid, signal.SIGKILL)
            await run.until(lambda: run.sink.frames[-1].attempt > 1)
            measured(time.monotonic() - since, transport)
            applied = run.session.machine.applied
    assert applied is not None
    assert applied.prompt == "greyscale"


@both
@pytest.mark.fault("program-killed")
async def test_the_program_that_has_the_session_is_killed(
    measured: Measured, transport: str
) -> None:
    with serve(api_key=KEY, marker=True) as sandbox:
        addresses = sandbox.base_url, sandbox.realtime_base_url
        program = subprocess.Popen(  # noqa: ASYNC220
            [sys.executable, "-c", PROGRAM, *addresses, transport],
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert program.stdout is not None
        worker = int(program.stdout.readline())
        since = time.monotonic()
        program.kill()
        program.communicate()
        await eventually(lambda: not psutil.pid_exists(worker), "the end of the worker")
        await eventually(lambda: not sandbox.stats()["sessions"], "the end of the billing")
        measured(time.monotonic() - since, transport)


def brightness(frame: ReceivedFrame) -> float:
    return float(frame.picture[: frame.picture.shape[0] * 2 // 3].mean())


@both
@pytest.mark.fault("model-killed")
async def test_the_process_of_the_user_s_own_model_is_killed(
    measured: Measured, transport: str
) -> None:
    with serve(inverting_model.Invert, process=True, api_key=KEY) as sandbox:
        async with running(sandbox, TestPattern(), transport=transport) as run:

            def is_inverted() -> bool:
                # The mean of the test pattern's luma is 104, and that of its negative 147.
                return bool(run.sink.kept) and run.sink.kept[-1] > 125

            run.sink.keep = brightness
            run.sink.kept.clear()
            await run.until(is_inverted)
            pid = sandbox.stats()["model"]["pid"]
            since = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            await eventually(lambda: sandbox.stats()["model"]["restarts"], "another process")
            run.sink.kept.clear()
            await run.until(is_inverted)
            measured(time.monotonic() - since, transport)
            attempts = {frame.attempt for frame in run.sink.frames}
    assert attempts == {1}
