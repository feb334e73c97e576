"""The life of a worker process: what is left of it, whoever ends first."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import psutil
import pytest

from decart_widget.engine.media import EngineMedia
from decart_widget.errors import ClosedError, MediaError
from decart_widget.inputs.sources.pattern import TestPattern
from decart_widget.sandbox import Sandbox
from tests.engine.conftest import Collected, running

ROOT: Final = Path(__file__).parents[2]
LIMIT_S: Final = 40.0

PROGRAM: Final = """
import asyncio, os, sys
from decart_widget.engine.media import EngineMedia
from decart_widget.inputs.sources.pattern import TestPattern

async def main():
    media = EngineMedia(TestPattern("marker"))
    await media.ready(30)
    print(media.pid, flush=True)
    {ending}

asyncio.run(main())
"""


def wait_until(true: Callable[[], Any]) -> None:
    until = time.monotonic() + LIMIT_S
    while not true():
        assert time.monotonic() < until, "it never came"
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


class Program:
    """A Python program that has an engine."""

    def __init__(self, ending: str) -> None:
        code = PROGRAM.format(ending=textwrap.indent(textwrap.dedent(ending), "    ").strip())
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", code],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.worker = int(self.process.stdout.readline() or -1)

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()
        if self.worker > 0 and not is_gone(self.worker):
            os.kill(self.worker, signal.SIGKILL)


def test_a_killed_parent_takes_its_worker_along() -> None:
    with Program("await asyncio.sleep(3600)") as program:
        assert not is_gone(program.worker)
        program.process.kill()
        wait_until(lambda: is_gone(program.worker))


def test_a_program_that_ends_without_closing_leaves_no_worker() -> None:
    with Program("os.write(1, b'')") as program:
        assert program.process.wait(LIMIT_S) == 0
        wait_until(lambda: is_gone(program.worker))


def test_an_interrupt_ends_the_program_and_its_worker() -> None:
    with Program("await asyncio.sleep(3600)") as program:
        program.process.send_signal(signal.SIGINT)
        program.process.wait(LIMIT_S)
        wait_until(lambda: is_gone(program.worker))


def test_a_forked_child_neither_keeps_the_worker_nor_ends_it() -> None:
    forks = """
        import sys
        child = os.fork()
        if child == 0:
            asyncio.events._set_running_loop(None)
            asyncio.new_event_loop().run_until_complete(media.close())
            sys.stdin.read()
            os._exit(0)
        assert await media.figures()
        print(child, flush=True)
        await asyncio.sleep(3600)
    """
    with Program(forks) as program:
        assert program.process.stdout is not None
        child = int(program.process.stdout.readline() or -1)
        assert child > 0, "the worker answers although the child has closed its copy"
        try:
            program.process.kill()
            program.process.wait()
            wait_until(lambda: is_gone(program.worker))
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)


@linux
async def test_opening_and_closing_leaves_nothing(sandbox: Sandbox) -> None:
    async def once() -> None:
        async with running(sandbox) as run:
            await run.until(lambda: run.sink.frames)

    await once()  # what is imported and made once
    wait_until(lambda: not psutil.Process().children())
    before = descriptors(), set(threading.enumerate())
    for _ in range(6):
        await once()
    assert not psutil.Process().children()
    executor = {t for t in threading.enumerate() if t.name.startswith(("asyncio_", "Thread"))}
    assert set(threading.enumerate()) - executor <= before[1]
    assert descriptors() <= before[0] + 1


@linux
async def test_one_engine_for_many_sessions_does_not_grow(sandbox: Sandbox) -> None:
    media = EngineMedia(TestPattern("marker"))
    counts = []
    try:
        for _ in range(5):
            async with running(sandbox, media=media) as run:
                await run.until(lambda run=run: run.sink.frames)  # type: ignore[misc]
            worker = psutil.Process(media.pid)
            counts.append((worker.num_fds(), worker.pid))
        await asyncio.sleep(0)

        def is_settled() -> bool:
            return bool(worker.num_fds() <= counts[0][0])

        async with asyncio.timeout(LIMIT_S):
            while not is_settled():
                await asyncio.sleep(0.05)
        assert len({pid for _, pid in counts}) == 1
    finally:
        await media.close()


@linux
async def test_an_engine_starts_with_few_descriptors_or_says_what_to_do() -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors() + 40, hard))
        media = EngineMedia(TestPattern("marker"))
        await media.ready(LIMIT_S)
        assert media.pid
        await media.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors() + 3, hard))
        media = EngineMedia(TestPattern("marker"))
        before = descriptors()
        with pytest.raises(MediaError) as raised:
            await media.ready(LIMIT_S)
        assert raised.value.code == "engine-failed"
        assert "Close files" in raised.value.remedy
        await media.close()
        assert descriptors() <= before
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


SESSION: Final = """
import os
from decart_widget import Session, TestPattern

with Session(source=TestPattern("marker"), endpoint="sandbox", transport="webrtc") as session:
    sizes = [frame.array.shape for frame, _ in zip(session.frames(), range(5))]
print(os.statvfs("/dev/shm").f_blocks * os.statvfs("/dev/shm").f_frsize, sizes)
"""
"""Takes five frames; prints how large ``/dev/shm`` is, and the frames' shapes."""

SMALL_SHM: Final = "mount -t tmpfs -o size=64k none /dev/shm && exec "
"""Shell command: in a mount namespace, gives what follows a shared memory file system of 64 KiB."""


@linux
def test_frames_need_no_space_in_the_file_system_of_shared_memory(tmp_path: Path) -> None:
    unshare = ["unshare", "--mount", "sh", "-c"]
    allowed = (
        shutil.which("unshare")
        and not subprocess.run(
            [*unshare, SMALL_SHM + "true"], capture_output=True, check=False
        ).returncode
    )
    if not allowed:
        pytest.skip("needs the right to mount a file system")
    program = tmp_path / "program.py"
    program.write_text(SESSION)
    command = f"{SMALL_SHM} {shlex.quote(sys.executable)} {shlex.quote(str(program))}"
    done = subprocess.run(
        [*unshare, command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.stdout.split(maxsplit=1) == ["65536", f"{[(720, 1280, 3)] * 5}\n"], done.stderr


async def test_two_sessions_at_once_do_not_mix(sandbox: Sandbox) -> None:
    first, second = Collected(), Collected()
    async with (
        running(sandbox, TestPattern("marker"), sink=first) as one,
        running(sandbox, TestPattern("bars"), sink=second) as two,
    ):
        assert one.media is not two.media
        await one.until(lambda: len(first.frames) >= 5 and len(second.frames) >= 5)
        assert one.media.pid != two.media.pid


async def test_a_session_recovers_from_a_killed_worker(sandbox: Sandbox) -> None:
    async with running(sandbox, prompt="greyscale") as run:
        await run.until(lambda: len(run.sink.frames) >= 3)
        os.kill(run.media.pid, signal.SIGKILL)
        await run.until(lambda: "reconnecting" in run.states)
        count = len(run.sink.frames)
        await run.until(lambda: len(run.sink.frames) >= count + 3)
        assert run.session.machine.applied is not None
        attempts = [frame.attempt for frame in run.sink.frames]
    assert attempts == sorted(attempts)
    assert attempts[-1] == attempts[0] + 1


async def test_a_closed_engine_can_not_be_used_again() -> None:
    media = EngineMedia(TestPattern("marker"))
    await media.close()
    await media.close()
    with pytest.raises(ClosedError):
        await media.ready(1)
    await media.attended()


def test_the_worker_gets_no_secret_in_its_environment_or_arguments(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("DECART_API_KEY", "dct_" + "s3cr3t" * 5)

    async def read() -> str:
        media = EngineMedia(TestPattern("marker"))
        await media.ready(LIMIT_S)
        try:
            process = psutil.Process(media.pid)
            return json.dumps([process.environ(), process.cmdline()])
        finally:
            await media.close()

    assert "s3cr3t" not in asyncio.run(read())


async def test_a_worker_that_can_not_run_is_an_error_and_not_started_again_and_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("decart_widget.engine.worker_process.MODULE", "decart_widget.no_such")
    starts = []
    media = EngineMedia(TestPattern("marker"))
    start = media._start

    async def counted() -> None:
        starts.append(1)
        await start()

    monkeypatch.setattr(media, "_start", counted)
    with pytest.raises(MediaError) as raised:
        await media.ready(LIMIT_S)
    assert raised.value.code == "engine-failed"
    assert "No module named" in raised.value.message
    assert len(starts) == 1
    await media.close()
    assert not psutil.Process().children()


async def test_a_worker_that_ends_while_no_session_runs_is_replaced_at_the_next_start(
    sandbox: Sandbox,
) -> None:
    media = EngineMedia(TestPattern("marker"))
    try:
        await media.ready(LIMIT_S)
        os.kill(media.pid, signal.SIGKILL)
        async with asyncio.timeout(LIMIT_S):
            while media.pid:
                await asyncio.sleep(0.01)
        async with running(sandbox, media=media) as run:
            await run.until(lambda: run.sink.frames)
    finally:
        await media.close()
