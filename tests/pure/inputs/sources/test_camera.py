from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import pytest

from decart_widget.diagnostics.redaction import redact
from decart_widget.errors import SourceError
from decart_widget.inputs.sources import camera_device
from decart_widget.inputs.sources.camera import Camera
from decart_widget.inputs.sources.camera_device import DeviceReader, found_cameras
from decart_widget.inputs.sources.opening import open_reader
from decart_widget.inputs.sources.reader import Target
from decart_widget.inputs.sources.webcam import Webcam

TARGET: Final = Target(64, 36, 30)

DEVICE: Final = "/dev/null"
"""A device that exists on every Linux, and that the fake camera doesn't open."""


class FakeCapture:
    """A ``cv2.VideoCapture`` of a camera with frames of blue, in BGR."""

    def __init__(self, device: Any, *, is_open: bool = True, frames: int = 10**9) -> None:
        self.device = device
        self.is_open = is_open
        self.left = frames
        self.properties: dict[int, float] = {}
        self.released = 0
        self.reads = threading.Event()

    def isOpened(self) -> bool:  # noqa: N802
        return self.is_open

    def read(self) -> tuple[bool, Any]:
        self.reads.set()
        self.left -= 1
        if self.left < 0:
            return False, None
        blue = np.zeros((48, 64, 3), np.uint8)
        blue[..., 0] = 255
        return True, blue

    def get(self, number: int) -> float:
        return self.properties.get(number, 0.0)

    def set(self, number: int, value: float) -> bool:
        self.properties[number] = value
        return True

    def release(self) -> None:
        self.released += 1


def opened(target: Target = TARGET, **options: Any) -> tuple[DeviceReader, FakeCapture]:
    made: list[FakeCapture] = []

    def opens(device: int | str) -> FakeCapture:
        made.append(FakeCapture(device, **options))
        return made[0]

    return DeviceReader(DEVICE, target, opens), made[0]


def test_a_camera_s_frames_come_in_rgb_with_rising_index_and_time() -> None:
    reader, capture = opened(Target(64, 36, 240))
    frames = [reader.read() for _ in range(3)]
    assert capture.device == DEVICE
    assert all(frame is not None for frame in frames)
    indices = [frame.index for frame in frames if frame]
    times = [frame.source_time for frame in frames if frame]
    assert indices == sorted(set(indices))
    assert times == sorted(times)
    assert frames[0] is not None
    assert frames[0].picture.shape == (54, 64)
    assert frames[0].picture[36, 10] > 200  # U of blue
    assert (reader.is_live, reader.duration_s, reader.frame_count) == (True, None, None)
    reader.close()


def test_a_camera_is_asked_for_the_model_s_size_and_rate() -> None:
    reader, capture = opened(Target(1280, 720, 25))
    assert capture.properties[cv2.CAP_PROP_FRAME_WIDTH] == 1280
    assert capture.properties[cv2.CAP_PROP_FRAME_HEIGHT] == 720
    assert reader.fps == 25
    reader.close()


def test_a_camera_that_stops_is_an_error_and_its_device_is_closed() -> None:
    reader, capture = opened(frames=1)
    reader.read()
    with pytest.raises(SourceError, match="has stopped"):
        reader.read()
    reader.close()
    reader.close()
    assert capture.released == 1
    assert reader.read() is None


def test_a_camera_without_any_frame_is_an_error() -> None:
    reader, _ = opened(frames=0)
    with pytest.raises(SourceError, match="gives no picture"):
        reader.read()
    reader.close()


def test_it_is_closed_while_another_thread_reads() -> None:
    reader, capture = opened()

    def read() -> None:
        while reader.read() is not None:
            pass

    thread = threading.Thread(target=read)
    thread.start()
    assert capture.reads.wait(30)
    reader.close()
    thread.join(30)
    assert not thread.is_alive()
    assert capture.released == 1


def test_a_camera_that_does_not_open_names_those_that_were_found(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, (index, name) in {
        0: ("0", "HD Webcam"),
        1: ("1", "HD Webcam"),
        10: ("0", "B"),
    }.items():
        folder = tmp_path / f"video{number}"
        folder.mkdir()
        (folder / "index").write_text(f"{index}\n")
        (folder / "name").write_text(f"{name}\n")
    (tmp_path / "video3").mkdir()
    monkeypatch.setattr(camera_device, "SYSFS", tmp_path)
    assert found_cameras() == ["/dev/video0 (HD Webcam)", "/dev/video10 (B)"]
    with pytest.raises(SourceError, match="can't be opened") as caught:
        opened(is_open=False)
    assert "/dev/video10 (B)" in caught.value.remedy
    monkeypatch.setattr(camera_device, "SYSFS", tmp_path / "none")
    with pytest.raises(SourceError) as caught:
        opened(is_open=False)
    assert caught.value.remedy


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="devices have paths on Linux")
def test_a_device_that_is_not_there_is_refused_without_opening_anything() -> None:
    with pytest.raises(SourceError, match="There is no /dev/video99"):
        Camera(99).check()
    with pytest.raises(SourceError, match="There is no /dev/videoX"):
        open_reader(Camera("/dev/videoX").describe(), TARGET)


@pytest.mark.parametrize(
    "value",
    [-1, 100, True, 1.5, None, "clip.mp4", "0", "ftp://a/b", "file:///etc/passwd", "rtsp://"],
)
def test_what_is_no_camera_is_refused(value: Any) -> None:
    with pytest.raises(SourceError) as caught:
        Camera(value)
    assert caught.value.remedy


@pytest.mark.parametrize(
    "url",
    [
        "rtsp://admin:hunter2-secret@camera.example:554/stream?token=abcdefgh1",
        "HTTP://admin:hunter2-secret@camera.example:554/mjpeg?token=abcdefgh1",
    ],
)
def test_no_text_has_the_secrets_of_a_url(url: str) -> None:
    camera = Camera(url)
    scheme = url.partition(":")[0].lower()
    assert camera.label == f"camera {scheme}://camera.example:554"
    texts = [repr(camera), str(camera), camera.label, redact(f"x {url}"), redact("hunter2-secret")]
    for text in texts:
        assert "hunter2" not in text
        assert "abcdefgh1" not in text
    assert json.loads(json.dumps(camera.describe())) == {"kind": "camera", "url": url}


@pytest.mark.parametrize(
    "url", ["rtsp://a b:secret-pass@c/", "http://u:secret-pass@[1/", "http://u:secret-pass@h:x/"]
)
def test_a_wrong_url_is_refused_without_quoting_it(url: str) -> None:
    with pytest.raises(SourceError) as caught:
        Camera(url)
    assert "secret-pass" not in str(caught.value)
    assert caught.value.__context__ is None


def test_the_page_s_camera_is_not_opened_here() -> None:
    Webcam().check()
    assert Webcam().describe() == {"kind": "webcam"}
    assert Webcam() == Webcam()
    assert "page" in Webcam().label
    with pytest.raises(SourceError, match="webcam"):
        open_reader(Webcam().describe(), TARGET)
