"""``run_camera``: a source through a model, into a camera that other programs can open."""

from __future__ import annotations

import sys
import threading
import warnings
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from decart_widget.diagnostics.hidden_arguments import hides_arguments
from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import VirtualCameraError
from decart_widget.headless.transform import Progress, limit_words, price_words

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.engine.received import ReceivedFrame
    from decart_widget.headless.session import Session

BUDGET_S: Final = 600.0
"""Seconds after which it ends, unless a budget is given: a camera is easily forgotten."""

DEVICE_REMEDY: Final = (
    "Linux: install v4l2loopback-dkms, then `sudo modprobe v4l2loopback exclusive_caps=1 "
    "card_label=Decart`. macOS and Windows: install OBS Studio, start its virtual camera once, and "
    "stop it."
)
"""What makes a device."""


@dataclass(frozen=True)
class CameraRun:
    """What a virtual camera has shown.

    Attributes:
        device: Its name.
        frames: Transformed frames that it has shown.
        skipped: Frames that came back and gave way to newer ones.
        billed_s: Seconds that were billed.
        cost: US dollars; None where no price is known.
    """

    device: str
    frames: int
    skipped: int
    billed_s: float
    cost: float | None


@hides_arguments
def run_camera(
    source: Any = 0,
    *,
    prompt: str | None = None,
    device: str | None = None,
    budget: float | str | None = None,
    progress: bool = True,
    **session: Any,
) -> CameraRun:
    """Sends a source through a model and shows the result in a virtual camera.

    It runs until Ctrl-C, the end of the source, or the end of the budget, which also end the
    billing. What it may cost is said first. Until the first transformed frame, and so before the
    bill begins, the camera shows nothing.

    Args:
        source: As in ``Session``; 0 is the first camera.
        prompt: What the picture is to become; None leaves the picture alone.
        device: Of the virtual camera, such as ``"/dev/video2"``; None: the first one that is free.
        budget: Seconds after which it ends, or US dollars as in ``"$1"``; None for 600 seconds.
        progress: Whether the seconds and the sum are shown on standard error.
        **session: Further arguments of ``Session``, such as ``model``, ``image`` or ``endpoint``.

    Returns:
        What was shown, and what it cost.

    Raises:
        VirtualCameraError: There is no virtual camera on this machine; nothing is billed.
        ConfigurationError: An argument is invalid; nothing is billed.
        DecartError: The session failed.
    """
    from decart_widget.headless.session import Session
    from decart_widget.inputs.sources.choice import as_source
    from decart_widget.runtime.destination import SandboxWarning

    chosen = as_source(source)
    budget = BUDGET_S if budget is None else budget
    with warnings.catch_warnings():
        if progress:  # the announcement says it
            warnings.simplefilter("ignore", SandboxWarning)
        made = Session(prompt=prompt, source=chosen, budget=budget, **session)
    with closing(made):
        model = made.settings.model
        fps = float(made.settings.video.max_framerate)
        with closing(opened(model.width, model.height, fps, device)) as camera:
            if progress:
                price, limit = price_words(made, None), limit_words(made)
                sys.stderr.write(
                    f"{made.model}: {chosen.label} as the camera {camera.device}; {price}.{limit} "
                    "Ctrl-C ends it.\n"
                )
            with Progress(made, None, is_shown=progress) as bar:
                return _run(made, camera, bar)


def opened(width: int, height: int, fps: float, device: str | None) -> Any:
    """Opens a virtual camera for I420 pictures.

    Args:
        width: In pixels.
        height: In pixels.
        fps: Frames/s.
        device: As in `run_camera`.

    Returns:
        A ``pyvirtualcam.Camera``.

    Raises:
        VirtualCameraError: The package is missing, or there is no device that is free.
    """
    try:
        import pyvirtualcam  # type: ignore[import-not-found, import-untyped, unused-ignore]
    except ImportError:
        raise VirtualCameraError(
            "A virtual camera needs the package pyvirtualcam, which is not installed.",
            remedy="Install it: pip install 'decart-widget[camera]'",
        ) from None
    try:
        return pyvirtualcam.Camera(
            width, height, fps, fmt=pyvirtualcam.PixelFormat.I420, device=device
        )
    except (RuntimeError, ValueError) as error:
        raise VirtualCameraError(
            f"No virtual camera can be opened: {shorten(' '.join(str(error).split()), 300)}",
            remedy=DEVICE_REMEDY,
        ) from None


def _run(session: Session, camera: Any, bar: Progress) -> CameraRun:
    newest = Newest(camera.width, camera.height)
    session.media.add_sink(newest)
    shown = 0
    try:
        session.connect_or_raise()
        # The end of its budget is no error either.
        over = session.wait()
        picture = None
        while not over.done():
            # The rate is kept where frames are missing: the last one is shown again.
            if (new := newest.take()) is not None:
                picture, shown = new, shown + 1
                bar.advance(1)
            if picture is not None:
                camera.send(picture)
            camera.sleep_until_next_frame()
        over.result(None)
    except KeyboardInterrupt:
        pass  # the usual end
    finally:
        session.media.remove_sink(newest)
        session.disconnect().result()
    return CameraRun(camera.device, shown, newest.skipped, session.generation_tick, session.cost)


class Newest:
    """A sink that keeps the newest frame, in the camera's size.

    Args:
        width: In pixels.
        height: In pixels.

    Attributes:
        skipped: Frames that gave way to newer ones.
    """

    def __init__(self, width: int, height: int) -> None:
        self.skipped = 0
        self._size = (width, height)
        self._lock = threading.Lock()
        self._frame: ReceivedFrame | None = None

    def frame(self, frame: ReceivedFrame) -> None:
        """Keeps a frame; on a thread of the engine."""
        with self._lock:
            self.skipped += self._frame is not None
            self._frame = frame

    def lost(self, indices: Sequence[int]) -> None:
        """A frame that never came back isn't missed."""

    def source_ended(self) -> None:
        """The session ends by itself."""

    def take(self) -> NDArray[np.uint8] | None:
        """The newest frame, if it is new: ``(height * 3 / 2, width)`` uint8 I420."""
        with self._lock:
            frame, self._frame = self._frame, None
        return None if frame is None else fitted(frame.picture, *self._size)


def fitted(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """A picture in a camera's size, whole and centred on black.

    Args:
        picture: ``(h * 3 / 2, w)`` uint8 I420.
        width: Of the result, in pixels; even.
        height: The same.

    Returns:
        ``(height * 3 / 2, width)`` uint8 I420.
    """
    rows, columns = picture.shape
    if (rows, columns) == (height * 3 // 2, width):
        return picture
    import cv2
    import numpy as np

    rgb = cv2.cvtColor(picture, cv2.COLOR_YUV2RGB_I420)
    scale = min(width / columns, height / (rows * 2 // 3))
    inner = (min(width, round(columns * scale)), min(height, round(rows * 2 // 3 * scale)))
    canvas = np.zeros((height, width, 3), np.uint8)
    left, top = (width - inner[0]) // 2, (height - inner[1]) // 2
    canvas[top : top + inner[1], left : left + inner[0]] = cv2.resize(
        rgb, inner, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    )
    return np.asarray(cv2.cvtColor(canvas, cv2.COLOR_RGB2YUV_I420), np.uint8)
