"""``decart-widget camera`` with a package in place of pyvirtualcam: tests have no such device."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

PACKAGE = """
import enum, json, os, time

class PixelFormat(enum.Enum):
    I420 = "I420"

class Camera:
    def __init__(self, width, height, fps, *, fmt, device=None):
        self.width, self.height, self.fps, self.device = width, height, fps, device or "/dev/video9"
        self._log = open(os.environ["CAMERA_LOG"], "w", buffering=1)
        self._note(opened=[width, height, fps, fmt.value, device])

    def _note(self, **what):
        self._log.write(json.dumps(what) + "\\n")

    def send(self, picture):
        self._note(shape=list(picture.shape), dtype=str(picture.dtype), level=float(picture.mean()))

    def sleep_until_next_frame(self):
        time.sleep(1 / self.fps)

    def close(self):
        self._note(closed=True)
"""


@pytest.fixture
def log(tmp_path: Path) -> Path:
    (tmp_path / "pyvirtualcam.py").write_text(PACKAGE)
    return tmp_path / "log"


def command(log: Path, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "decart_widget.cli", "camera", "test-pattern", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={
            **os.environ,
            "CAMERA_LOG": str(log),
            "PYTHONPATH": os.pathsep.join([str(log.parent), *filter(None, sys.path)]),
        },
    )


def notes(log: Path) -> Iterator[dict[str, Any]]:
    """What the camera noted, as it comes."""
    with log.open() as lines:
        while True:
            line = lines.readline()
            if line.endswith("\n"):
                yield json.loads(line)
            else:
                time.sleep(0.02)


def test_ctrl_c_ends_the_camera_and_the_bill(log: Path) -> None:
    options = ("--endpoint", "sandbox", "--transport", "webrtc", "--device", "/dev/video7")
    process = command(log, *options)
    assert process.stderr is not None
    said = process.stderr.readline()  # the camera has been opened then
    assert "as the camera /dev/video7; local effects, nothing is billed." in said
    assert "It ends after 600 s at the latest. Ctrl-C ends it." in said
    found = notes(log)
    assert next(found) == {"opened": [1280, 720, 30.0, "I420", "/dev/video7"]}
    for _ in range(20):
        shown = next(found)
        assert (shown["shape"], shown["dtype"]) == ([1080, 1280], "uint8")
    process.send_signal(signal.SIGINT)
    out, error = process.communicate(timeout=50)
    assert process.returncode == 0, error
    assert out.startswith("/dev/video7: ")
    assert "s billed, $0.00" in out
    assert json.loads(log.read_text().splitlines()[-1]) == {"closed": True}


def test_a_budget_ends_the_camera(log: Path) -> None:
    options = ("--endpoint", "sandbox", "--transport", "webrtc", "--budget", "1", "--quiet")
    process = command(log, *options)
    out, error = process.communicate(timeout=50)
    assert process.returncode == 0, error
    assert "1 s billed" in out
    assert error == ""
    assert json.loads(log.read_text().splitlines()[-1]) == {"closed": True}
