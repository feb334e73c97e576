"""`tools.livekit` says why there is no LiveKit server, and tests are skipped with that reason."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools import livekit
from tools.ports import free_port


@pytest.fixture(autouse=True)
def nothing_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(livekit.VARIABLE, raising=False)
    monkeypatch.setattr(livekit, "FOLDER", tmp_path)
    monkeypatch.setattr(livekit, "BINARY", tmp_path / "livekit-server")
    monkeypatch.setattr(livekit, "LOG", tmp_path / "build.log")


def go(monkeypatch: pytest.MonkeyPatch, version: str | None) -> None:
    """Makes this Go the one that is installed; None: there is none."""
    monkeypatch.setattr(shutil, "which", lambda *_, **__: version and "/bin/go")
    said = SimpleNamespace(stdout=f"go version {version} linux/amd64\n")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: said)


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        (None, "Go 1.26 or later is needed to build it, and there is no Go"),
        ("go1.22.3", "Go 1.26 or later is needed to build it, not go version go1.22.3"),
        ("go1.26.8", "the LiveKit server is not built: run make livekit"),
        ("go2.0", "the LiveKit server is not built: run make livekit"),
    ],
)
def test_the_reason_names_what_is_missing(
    monkeypatch: pytest.MonkeyPatch, version: str | None, reason: str
) -> None:
    go(monkeypatch, version)
    with pytest.raises(livekit.UnavailableError, match=reason):
        livekit.binary()


def test_a_failed_build_is_told_with_its_last_lines_and_not_repeated_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go(monkeypatch, "go1.26.8")
    livekit.LOG.write_text("go: downloading x v1\ndial tcp: no route\ngo install ended with 1\n")
    for find in (livekit.binary, livekit.build):
        with pytest.raises(livekit.UnavailableError, match="no route / go install ended with 1"):
            find()


def program(path: Path, script: str) -> None:
    """Writes a shell script that pretends to be a Go that is new enough."""
    version = '[ "$1" = version ] && { echo go version go1.26.8 linux/amd64; exit; }'
    path.write_text(f"#!/bin/sh\n{version}\n{script}\n")
    path.chmod(0o755)


def test_a_build_without_a_network_is_a_reason_to_skip_and_no_failure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    program(tmp_path / "go", "echo 'module lookup disabled by GOPROXY=off' >&2; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert livekit.main() == 0
    said = capfd.readouterr().out
    assert "tests with one are skipped: building it failed" in said
    assert "module lookup disabled by GOPROXY=off / go install ended with 1" in said
    assert "run make livekit" in said


def test_a_build_that_takes_too_long_is_ended_with_its_children(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # The child holds the pipe open until it has ended.
    held = tmp_path / "held"
    os.mkfifo(held)
    program(tmp_path / "go", f"sleep 600 > {held} & wait")
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.setattr(livekit, "BUILD_TIMEOUT_S", 0.5)
    reading = os.open(held, os.O_RDONLY | os.O_NONBLOCK)
    with pytest.raises(livekit.UnavailableError, match="it took longer than 0 minutes"):
        livekit.build()
    os.set_blocking(reading, True)
    assert os.read(reading, 1) == b"", "the end of the pipe: nobody holds it"
    os.close(reading)


def test_a_server_that_is_built_or_named_is_found(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    livekit.BINARY.touch()
    assert livekit.build() == livekit.BINARY
    named = tmp_path / "mine"
    monkeypatch.setenv(livekit.VARIABLE, str(named))
    with pytest.raises(livekit.UnavailableError, match="is no program"):
        livekit.binary()
    named.touch(mode=0o755)
    assert livekit.binary() == named


def test_a_port_that_was_taken_in_the_meantime_is_replaced(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "server"
    # Fails as the server does with the first configuration that it is started with, then listens.
    program.write_text(
        f"#!{sys.executable}\n"
        "import pathlib, re, socket, sys, time\n"
        "config = pathlib.Path(sys.argv[2])\n"
        "port = int(re.search(r'(?m)^port: (.+)', config.read_text())[1])\n"
        "first = config.with_name('first')\n"
        "if not first.exists():\n"
        "    first.write_text(str(port))\n"
        "    sys.exit(f'listen tcp :{port}: bind: address already in use')\n"
        "assert first.read_text() != str(port)\n"
        "listening = socket.create_server(('127.0.0.1', port))\n"
        "time.sleep(600)\n"
    )
    program.chmod(0o755)
    monkeypatch.setenv(livekit.VARIABLE, str(program))
    ports = iter([1, 2, 3, 4])
    free = free_port()
    monkeypatch.setattr(livekit, "free_port", lambda: 1 if next(ports) < 3 else free)
    with livekit.LiveKitProcess() as server:
        assert server.url == f"ws://127.0.0.1:{free}"


def test_a_server_that_ends_at_once_is_reported_with_its_output(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "server"
    program.write_text("#!/bin/sh\necho the configuration is wrong\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv(livekit.VARIABLE, str(program))
    server = livekit.LiveKitProcess()
    with pytest.raises(RuntimeError, match="the configuration is wrong"):
        server.start()
    server.kill()
