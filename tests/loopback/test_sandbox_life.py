"""A sandbox starts, ends and leaves nothing behind, in this process and as a child."""

from __future__ import annotations

import asyncio
import gc
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from decart_widget.errors import SandboxError
from decart_widget.sandbox import Sandbox, serve, start_child
from decart_widget.sandbox.server import SandboxServer
from tests.loopback.sandbox_client import KEY, client, colourfulness

# --- in this process ------------------------------------------------------------------------------


async def test_closing_leaves_no_thread_socket_or_task() -> None:
    before = set(threading.enumerate())
    sandbox = serve(api_key=KEY)
    async with client(sandbox.realtime_base_url) as user:
        await user.prompt("greyscale")
        await user.start_video()
        await user.picture()
        await asyncio.to_thread(sandbox.close)
        assert (await user.closed())[0] == 1001
    assert sandbox.closed
    sandbox.close()
    assert "closed" in repr(sandbox)
    gc.collect()  # an open socket or loop causes a ResourceWarning, which is an error in tests
    async with asyncio.timeout(10):
        while left := set(threading.enumerate()) - before:
            remaining = [t.name for t in left if t.name.startswith(("decart", "video-decoder"))]
            if not remaining:
                break
            await asyncio.sleep(0.05)
    port = int(sandbox.base_url.rpartition(":")[2])
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", port))


async def test_ended_sessions_leave_no_udp_socket() -> None:
    with serve(api_key=KEY) as sandbox:
        for _ in range(3):
            async with client(sandbox.realtime_base_url) as user:
                await user.prompt("greyscale")
                await user.start_video()
                assert colourfulness(await user.picture()) < 6
        async with asyncio.timeout(10):
            while sandbox.stats()["sessions"]:
                await asyncio.sleep(0.02)
        process = psutil.Process()
        assert not [c for c in process.net_connections("udp") if c.laddr.ip == "127.0.0.1"]


def test_a_sandbox_is_a_context_manager_and_takes_a_port() -> None:
    with serve(api_key=KEY) as first:
        port = int(first.base_url.rpartition(":")[2])
        with pytest.raises(SandboxError, match="port=0"):
            serve(port=port, api_key=KEY)
    with serve(port=port, api_key=KEY) as second:
        assert second.base_url == f"http://127.0.0.1:{port}"
        assert second.realtime_base_url == f"ws://127.0.0.1:{port}"


@pytest.mark.parametrize("host", ["0.0.0.0", "example.com", "192.0.2.1", "a.localhost", ""])
def test_only_loopback_hosts_are_accepted(host: str) -> None:
    with pytest.raises(SandboxError, match=r"127\.0\.0\.1"):
        serve(host=host, api_key=KEY)


def test_other_machines_need_a_flag_and_a_key() -> None:
    with pytest.raises(ValueError, match="key"):
        SandboxServer(host="0.0.0.0", allow_remote=True)


async def test_allow_remote_accepts_pages_of_other_machines() -> None:
    async with (
        SandboxServer(host="0.0.0.0", allow_remote=True, api_key="dct_mine") as server,
        client(
            server.realtime_base_url,
            api_key="dct_mine",
            headers={"Origin": "https://lab.example"},
        ) as user,
    ):
        assert (await user.prompt("sepia"))["success"]


@pytest.mark.skipif(not socket.has_ipv6, reason="this machine has no IPv6")
async def test_it_can_listen_on_the_ipv6_loopback_address() -> None:
    with serve(host="::1", api_key=KEY) as sandbox:
        assert sandbox.base_url.startswith("http://[::1]:")
        async with client(sandbox.realtime_base_url) as user:
            assert (await user.prompt("sepia"))["success"]


async def test_every_server_has_a_random_key_unless_one_is_given() -> None:
    with serve() as one, serve() as other:
        assert one.api_key != other.api_key
        assert len(one.api_key) > 30
        assert one.api_key not in repr(one)
        for guess in ("dct_local", "dct_test", other.api_key):
            async with client(one.realtime_base_url, api_key=guess) as stranger:
                assert (await stranger.closed())[0] == 4401
        async with client(one.realtime_base_url, api_key=one.api_key) as user:
            assert (await user.prompt("sepia"))["success"]


# --- as a child -----------------------------------------------------------------------------------


async def test_a_child_serves_and_ends() -> None:
    key = "dct_" + "m4rk3r" * 4
    with start_child(key) as child:
        process = psutil.Process(child.pid)
        assert key not in " ".join(process.cmdline())
        assert key not in json.dumps(process.environ())
        assert os.getsid(child.pid) == child.pid, "a kernel's interrupt must not reach it"
        async with client(child.realtime_base_url, api_key="dct_other") as user:
            assert (await user.closed())[0] == 4401
        async with client(child.realtime_base_url, api_key=key) as user:
            await user.prompt("greyscale")
            await user.start_video()
            assert colourfulness(await user.picture()) < 6
        assert child.alive
    assert not child.alive
    assert child.log_tail() == "", "no warning was logged"
    child.close()


def test_a_child_that_can_not_be_started_is_an_error_with_the_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(SandboxError, match="can't be started"):
        start_child()


def test_the_error_of_a_child_that_exits_at_once_has_its_last_log_line(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_text("#!/bin/sh\necho 'no such module' >&2\nexit 1\n")
    broken.chmod(0o755)
    executable = sys.executable
    sys.executable = str(broken)
    try:
        with pytest.raises(SandboxError, match="no such module"):
            start_child()
    finally:
        sys.executable = executable


PARENT = """
import os, sys, time
from decart_widget.sandbox import start_child
child = start_child()
if "fork" in sys.argv and os.fork() == 0:
    time.sleep(60)  # holds the pipe to the child open
    os._exit(0)
print(child.pid, flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM, None])
def test_a_child_ends_with_its_parent(by: signal.Signals | None) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        if by is None:
            parent.stdin.close()
        else:
            parent.send_signal(by)
        parent.wait(10)
        _wait_until_gone(child)


def test_a_child_ends_with_its_parent_though_a_fork_holds_its_pipe_open() -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, "fork"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        forks = [c for c in psutil.Process(parent.pid).children() if c.pid != child.pid]
        parent.kill()
        parent.wait(10)
        try:
            _wait_until_gone(child)
        finally:
            for fork in forks:
                fork.kill()


def _wait_until_gone(process: psutil.Process) -> None:
    for _ in range(200):
        try:
            # An orphan is reaped by the process that adopts it; in a container there may be none.
            if process.status() == psutil.STATUS_ZOMBIE:
                return
            process.wait(0.05)
        except psutil.NoSuchProcess:
            return
        except psutil.TimeoutExpired:
            continue
    pytest.fail("the child outlived its parent")


# --- as a program ---------------------------------------------------------------------------------


def test_the_program_prints_its_addresses_and_takes_faults_as_flags() -> None:
    command = [sys.executable, "-m", "decart_widget.sandbox", "--capacity", "0", "--junk"]
    environment = {**os.environ, "DECART_WIDGET_SANDBOX_KEY": "dct_mine"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as program:
        assert program.stdout is not None
        addresses = json.loads(program.stdout.readline())
        assert addresses["pid"] == program.pid
        assert "dct_mine" not in json.dumps(addresses)

        async def refused() -> int | None:
            url = addresses["realtime_base_url"]
            async with client(url, api_key="dct_mine") as user:
                return (await user.closed())[0]

        assert asyncio.run(refused()) == 1013
        program.send_signal(signal.SIGINT)
        assert program.wait(10) == 0
        assert program.stdout.read() == ""


def test_the_program_prints_its_key_if_that_is_random() -> None:
    command = [sys.executable, "-m", "decart_widget.sandbox"]
    environment = {k: v for k, v in os.environ.items() if k != "DECART_WIDGET_SANDBOX_KEY"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as program:
        assert program.stdout is not None
        printed = json.loads(program.stdout.readline())

        async def prompt() -> dict[str, Any]:
            async with client(printed["realtime_base_url"], api_key=printed["api_key"]) as user:
                return await user.prompt("sepia")

        assert asyncio.run(prompt())["success"]
        program.terminate()
        assert program.wait(10) == 0


def test_wrong_flags_are_an_error_with_the_reason() -> None:
    def run(*flags: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "decart_widget.sandbox", *flags]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)

    remote = run("--host", "0.0.0.0")
    assert remote.returncode == 1
    assert "explicitly" in remote.stderr
    assert run("--queue-s", "-1").returncode == 1
    assert run("--port", "no").returncode == 2


def test_importing_the_sandbox_loads_no_heavy_package() -> None:
    code = (
        "import sys; from decart_widget import sandbox; from decart_widget.sandbox import Faults;"
        "print(sorted({'aiortc', 'cv2', 'av', 'h11', 'numpy', 'websockets'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert result.stdout.strip() == "[]"


def test_the_public_names_of_the_sandbox_exist() -> None:
    import decart_widget.sandbox as public

    assert {"serve", "start_child", "Sandbox", "ChildSandbox", "Faults"} <= set(dir(public))
    assert public.Sandbox is Sandbox
    with pytest.raises(AttributeError, match="nothing"):
        _ = public.nothing
