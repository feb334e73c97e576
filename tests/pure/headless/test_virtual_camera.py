"""The virtual camera: which frame it shows, in which size, and what is said where there is none."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import cv2
import numpy as np
import pytest

from decart_widget.cli import main, parser
from decart_widget.errors import VirtualCameraError
from decart_widget.headless.virtual_camera import Newest, fitted, opened


def i420(level: int, width: int, height: int) -> Any:
    rgb = np.full((height, width, 3), level, np.uint8)
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)


def grey(picture: Any) -> Any:
    return cv2.cvtColor(picture, cv2.COLOR_YUV2RGB_I420).mean(axis=2)


def received(level: int) -> Any:
    return SimpleNamespace(picture=i420(level, 64, 36))


def test_the_newest_frame_is_shown_and_the_others_are_counted() -> None:
    newest = Newest(64, 36)
    assert newest.take() is None
    for level in (10, 20, 30):
        newest.frame(received(level))
    picture = newest.take()
    assert picture is not None
    assert grey(picture).mean() == pytest.approx(30, abs=2)
    assert newest.take() is None
    assert newest.skipped == 2


def test_a_frame_of_the_cameras_size_is_not_touched() -> None:
    picture = i420(100, 64, 36)
    assert fitted(picture, 64, 36) is picture


@pytest.mark.parametrize("size", [(32, 18), (128, 72), (36, 64), (100, 36)])
def test_a_frame_of_another_size_is_whole_and_centred(size: tuple[int, int]) -> None:
    shown = grey(fitted(i420(200, *size), 64, 36))
    assert shown.shape == (36, 64)
    bright = np.argwhere(shown > 100)
    top, left = bright.min(axis=0)
    bottom, right = bright.max(axis=0)
    assert abs(top - (35 - bottom)) <= 2
    assert abs(left - (63 - right)) <= 2
    assert (right - left + 1) / (bottom - top + 1) == pytest.approx(size[0] / size[1], rel=0.15)
    assert (top <= 1) or (left <= 1), "it fills the camera in one direction"


def test_without_the_package_the_error_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "pyvirtualcam", None)
    with pytest.raises(VirtualCameraError) as raised:
        opened(64, 36, 30.0, None)
    assert "pip install 'decart-widget[camera]'" in raised.value.remedy


def test_without_a_device_the_error_says_how_to_make_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    package = ModuleType("pyvirtualcam")

    def camera(*_: Any, **__: Any) -> None:
        raise RuntimeError("'v4l2loopback' backend: No device found.\n'obs' backend: not installed")

    vars(package).update(Camera=camera, PixelFormat=SimpleNamespace(I420="I420"))
    monkeypatch.setitem(sys.modules, "pyvirtualcam", package)
    assert main(["camera", "test-pattern", "--endpoint", "sandbox", "--quiet"]) == 1
    said = capsys.readouterr().err
    assert "No virtual camera can be opened: 'v4l2loopback' backend: No device found." in said
    assert "modprobe v4l2loopback" in said
    assert "OBS Studio" in said


def test_the_command_takes_a_camera_and_the_options_of_a_session() -> None:
    options = parser().parse_args(["camera", "--prompt", "anime", "--budget", "$2"])
    assert (options.source, options.prompt, options.budget) == ("0", "anime", "$2")
    assert options.device is None
