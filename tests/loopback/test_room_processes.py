"""The processes of rooms on a LiveKit server, without the server."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
from collections.abc import AsyncIterator
from typing import Any

import psutil
import pytest

from decart_widget.sandbox.rooms import livekit_process
from decart_widget.sandbox.rooms.livekit_process import RoomProcess, RoomProcesses

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJ2aWRlbyI6e30.c2lnbmF0dXJl"

JOIN = {
    "url": "ws://127.0.0.1:9",
    "token": TOKEN,
    "codec": None,
    "echoes_trailers": False,
    "keeps_marker": False,
}
"""A command to join a room on a server that is down."""


class Reports:
    """The reports of a process, in order."""

    def __init__(self, process: RoomProcess) -> None:
        self._came: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        process.attend(self._came.put_nowait)

    async def wait_for(self, kind: str) -> dict[str, Any]:
        while (report := await self._came.get())["type"] != kind:
            pass
        return report


@pytest.fixture
async def process() -> AsyncIterator[RoomProcess]:
    started = await RoomProcess.start()
    yield started
    await started.close()


async def test_a_process_reports_that_it_is_ready_and_then_that_it_responds(
    process: RoomProcess,
) -> None:
    reports = Reports(process)
    await reports.wait_for("ready")
    await reports.wait_for("stats")
    assert process.is_alive
    await process.close()
    assert not process.is_alive


@pytest.mark.skipif(os.name == "nt", reason="needs signals")
async def test_a_process_that_is_killed_is_reported_with_the_signal(process: RoomProcess) -> None:
    reports = Reports(process)
    await reports.wait_for("ready")
    os.kill(process.pid, signal.SIGABRT)
    assert (await reports.wait_for("exited"))["how"] == "SIGABRT"
    process.send("join", **JOIN)  # nothing happens


@pytest.mark.skipif(os.name == "nt", reason="needs SIGSTOP")
async def test_a_process_that_does_not_respond_is_killed(
    process: RoomProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports = Reports(process)
    await reports.wait_for("ready")
    monkeypatch.setattr(livekit_process, "RESPONSE_TIMEOUT_S", 1.5)
    await reports.wait_for("stats")
    os.kill(process.pid, signal.SIGSTOP)
    assert (await reports.wait_for("exited"))["how"] == "SIGKILL"


@pytest.mark.skipif(os.name == "nt", reason="needs SIGSTOP")
async def test_closing_a_process_that_does_not_respond_kills_it(
    process: RoomProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    await Reports(process).wait_for("ready")
    monkeypatch.setattr(livekit_process, "LEAVE_TIMEOUT_S", 0.2)
    os.kill(process.pid, signal.SIGSTOP)
    await process.close()
    assert not process.is_alive


async def test_a_server_that_is_down_is_reported_without_the_token(
    process: RoomProcess, caplog: pytest.LogCaptureFixture
) -> None:
    reports = Reports(process)
    process.send("join", **JOIN)
    failed = await reports.wait_for("failed")
    assert failed["reason"]
    await process.close()
    assert TOKEN not in str(failed)
    assert TOKEN not in caplog.text


async def test_one_process_is_started_ahead_and_taken() -> None:
    processes = RoomProcesses()
    processes.prepare()
    processes.prepare()  # one at a time
    first = await processes.take()
    second = await processes.take()
    assert first.pid != second.pid
    processes.prepare()
    spare = processes._spare
    assert spare is not None
    waiting = await spare
    await processes.close()
    assert not waiting.is_alive
    for process in (first, second):
        await process.close()
        assert not psutil.pid_exists(process.pid)


async def test_a_process_has_no_secret_in_its_environment(
    process: RoomProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIVEKIT_API_SECRET", "a-secret")
    other = await RoomProcess.start()
    environment = psutil.Process(other.pid).environ()
    await other.close()
    assert "LIVEKIT_API_SECRET" not in environment


def test_the_program_ends_when_its_input_ends() -> None:
    from decart_widget.processes.python_child import child_command, child_environment

    program = subprocess.Popen(
        child_command(livekit_process.CHILD),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=child_environment(),
    )
    with program:
        assert program.stdin is not None
        assert program.stdout is not None
        assert b'"ready"' in program.stdout.readline()
        program.stdin.close()
        # 1 where it had to stop waiting for its orderly end, on a busy machine.
        assert program.wait(100) in (0, 1)
