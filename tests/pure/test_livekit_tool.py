"""`tools.livekit` says why there is no LiveKit server, and tests are skipped with that reason."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest

from tools import livekit


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
