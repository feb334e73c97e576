"""One frame through what a session asked for. Runs on a worker thread, never on the media loop."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from av.video.frame import PictureType, VideoFrame

from decart_widget.diagnostics.redaction import trace
from decart_widget.sandbox.effects.picture import I420, Plane

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.effect_state import EffectState

logger = logging.getLogger(__name__)

#: A user's own effect: (frame, prompt, image) -> frame, both pictures (height, width, 3) uint8 RGB.
Transform = Callable[[Plane, str | None, Plane | None], Plane]


class Renderer:
    """Turns decoded frames into transformed ones, and keeps count.

    Args:
        transform: A user's own function in place of the effects.

    Attributes:
        frames: How many went through.
        seconds: How long that took altogether, in seconds of wall clock.
        errors: How often ``transform`` (or an effect) failed; the frame then passed unchanged.
        last_error: What it raised last.
    """

    def __init__(self, transform: Transform | None = None) -> None:
        self._transform = transform
        self.frames = 0
        self.seconds = 0.0
        self.errors = 0
        self.last_error: Exception | None = None

    def __call__(self, frame: VideoFrame, effect_state: EffectState) -> VideoFrame:
        """The transformed frame, with the same time stamp."""
        started = time.perf_counter()
        try:
            painted = self._paint(frame, effect_state)
        except Exception as error:  # a user's function can raise anything; the picture goes on
            self._note(error)
            painted = frame
        # A decoder marks keyframes; an encoder would take the mark as an order for one.
        painted.pict_type = PictureType.NONE
        self.frames += 1
        self.seconds += time.perf_counter() - started
        return painted

    def warm_up(self, effect_state: EffectState, width: int, height: int) -> None:
        """Paint a black picture (size in pixels) for nobody: some effects' first one takes 50 ms.

        A user's own function isn't called: it may count its frames.
        """
        if self._transform is None and not effect_state.is_passthrough:
            frame = VideoFrame(width, height, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            effect_state.paint(to_picture(frame))

    def _paint(self, frame: VideoFrame, effect_state: EffectState) -> VideoFrame:
        if self._transform is None and effect_state.is_passthrough:
            return frame
        picture = to_picture(frame)
        if self._transform is None:
            return to_frame(effect_state.paint(picture), frame)
        shown = self._transform(picture.rgb(), effect_state.prompt, effect_state.image)
        expected = (picture.height, picture.width, 3)
        if not isinstance(shown, np.ndarray) or shown.shape != expected or shown.dtype != np.uint8:
            got = f"{shown.shape} {shown.dtype}" if isinstance(shown, np.ndarray) else type(shown)
            raise TypeError(f"transform must return a {expected} uint8 array, not {got}")
        return to_frame(I420.from_rgb(shown), frame)

    def _note(self, error: Exception) -> None:
        self.errors += 1
        if type(error) is not type(self.last_error):  # once a kind, not 30 times a second
            logger.warning("the transform failed; frames pass unchanged\n%s", trace(error))
        self.last_error = error


def to_picture(frame: VideoFrame) -> I420:
    """The planes of a frame of any pixel format; an odd last row or column is cut off."""
    if frame.width % 2 or frame.height % 2:
        return I420.from_rgb(frame.to_ndarray(format="rgb24"))
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuv420p")
    return I420(frame.to_ndarray())


def to_frame(picture: I420, origin: VideoFrame) -> VideoFrame:
    """A frame of ``picture`` with the time stamp of ``origin``."""
    frame = VideoFrame.from_ndarray(picture.data, format="yuv420p")
    frame.pts = origin.pts
    frame.time_base = origin.time_base
    return frame
