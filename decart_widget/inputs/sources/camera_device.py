"""Cameras of this machine, by OpenCV."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol

from decart_widget.errors import SourceError
from decart_widget.inputs.sources.live_reader import LiveReader
from decart_widget.inputs.sources.reader import Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SYSFS: Final = Path("/sys/class/video4linux")
"""Where Linux lists the devices of video."""

MAX_CAMERA_FPS: Final = 240.0
"""Frames/s above which what a camera states is no rate."""


class Capture(Protocol):
    """What is used of a ``cv2.VideoCapture``."""

    def isOpened(self) -> bool:  # noqa: N802
        """Returns whether it is open."""

    def read(self) -> tuple[bool, Any]:
        """Returns whether there is a next frame, and the frame: BGR or grey."""

    def get(self, propId: int) -> float:  # noqa: N803
        """Returns a property."""

    def set(self, propId: int, value: float) -> bool:  # noqa: N803
        """Sets a property; returns whether it exists."""

    def release(self) -> None:
        """Closes it."""


OpenCapture = Callable[["int | str"], Capture]
"""Opens a device by its index or path."""


def open_capture(device: int | str) -> Capture:
    """Opens a camera with the system's own interface.

    Args:
        device: Its index, or its path on Linux.
    """
    import cv2

    # Named, because OpenCV would try to read a path as a file.
    backends = {"linux": cv2.CAP_V4L2, "darwin": cv2.CAP_AVFOUNDATION, "win32": cv2.CAP_DSHOW}
    return cv2.VideoCapture(device, backends.get(sys.platform, cv2.CAP_ANY))


class DeviceReader(LiveReader):
    """Reads a camera of this machine.

    Args:
        device: Its index, or its path on Linux.
        target: The picture that is made of each frame; the camera is asked for its size and rate.
        opens: Opens it.

    Raises:
        SourceError: It doesn't open.
    """

    def __init__(
        self, device: int | str, target: Target, opens: OpenCapture = open_capture
    ) -> None:
        super().__init__(device_label(device), target)
        check_device(device)
        import cv2

        self._capture: Capture | None = None
        capture = opens(device)
        if not capture.isOpened():
            capture.release()
            raise _not_opened(self.label)
        self._capture = capture
        # Cameras give 1280x720 at 30 frames/s over USB 2 as JPEG only. What a camera doesn't know
        # it ignores; its pictures are cropped and scaled anyhow.
        for name, value in (
            (cv2.CAP_PROP_FOURCC, float(cv2.VideoWriter.fourcc(*"MJPG"))),
            (cv2.CAP_PROP_FRAME_WIDTH, target.width),
            (cv2.CAP_PROP_FRAME_HEIGHT, target.height),
            (cv2.CAP_PROP_FPS, target.fps),
            (cv2.CAP_PROP_BUFFERSIZE, 1),
        ):
            capture.set(name, value)
        stated = float(capture.get(cv2.CAP_PROP_FPS))
        self.fps = min(stated, target.fps) if 1 <= stated <= MAX_CAMERA_FPS else None

    def _next(self) -> NDArray[np.uint8] | None:
        assert self._capture is not None
        is_read, frame = self._capture.read()
        if not is_read or frame is None:
            if self._closed:
                return None
            raise SourceError(
                f"{self.label} {'gives no picture' if self._index < 0 else 'has stopped'}.",
                remedy="Check that it is plugged in and that no other program uses it.",
            )
        if not self._is_taken():
            return None
        if frame.ndim == 3:
            import cv2

            frame = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
        return self._fitter.picture(frame)

    def _free(self) -> None:
        capture, self._capture = self._capture, None
        if capture is not None:
            capture.release()
        self._closed = True


def device_label(device: int | str) -> str:
    """Returns what a camera is called, for people."""
    return f"camera {device}"


def check_device(device: int | str) -> None:
    """Checks what can be known of a device without turning it on (on Linux).

    Args:
        device: Its index or path.

    Raises:
        SourceError: There is none, or this user may not open it.
    """
    if not sys.platform.startswith("linux"):
        return
    path = f"/dev/video{device}" if isinstance(device, int) else device
    if not Path(path).exists():
        raise _not_opened(device_label(device), f"There is no {path}.")
    if not os.access(path, os.R_OK | os.W_OK):
        raise SourceError(
            f"This user may not open {path}.",
            remedy='Add the user to the group "video", then log in again.',
        )


def found_cameras() -> list[str]:
    """Returns the cameras that Linux lists: path and name; nothing on other systems."""
    cameras = []
    for folder in sorted(SYSFS.glob("video*"), key=lambda f: (len(f.name), f.name)):
        try:
            # Further devices of a camera, such as that of its metadata, have a higher index.
            if (folder / "index").read_text().strip() == "0":
                cameras.append(f"/dev/{folder.name} ({(folder / 'name').read_text().strip()})")
        except OSError:
            continue
    return cameras


def _not_opened(label: str, reason: str = "") -> SourceError:
    found = found_cameras()
    if found:
        remedy = f"Found: {', '.join(found)}. Close other programs that use it."
    elif sys.platform.startswith("linux"):
        remedy = "No camera was found on this machine: plug one in, or give a URL or a VideoFile."
    else:
        remedy = "Allow this program to use the camera, close other programs that do, or give "
        remedy += "another index."
    text = f"{label[0].upper()}{label[1:]} can't be opened."
    return SourceError(f"{text} {reason}".strip(), remedy=remedy)
