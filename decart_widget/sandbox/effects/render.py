"""Transforms decoded frames, on a worker thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

import numpy as np
from av.video.frame import PictureType, VideoFrame

from decart_widget.diagnostics.redaction import trace
from decart_widget.inputs.sources import marker
from decart_widget.sandbox.effects.picture import I420, Plane
from decart_widget.sandbox.effects.user_function import UserFunction

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.effect_state import EffectState

logger = logging.getLogger(__name__)

MAX_KINDS: Final = 20
"""Kinds (types) of errors that are reported; later ones are only counted."""

Transform = Callable[[Plane, str | None, Plane | None], Plane]
"""A user's effect: (frame, prompt, image) -> frame; all pictures (height, width, 3) uint8 RGB."""


class Renderer:
    """Transforms the frames of all sessions, and counts them.

    Args:
        transform: A user's own function in place of the effects.
        keeps_marker: Whether a number that a frame carries (`inputs.sources.marker`) is drawn into
            the transformed frame, too, so that any effect leaves it readable.

    Attributes:
        keeps_marker: As given.
        frames: Number of frames so far.
        seconds: Wall-clock seconds that they took in all.
        errors: How often ``transform`` or an effect raised, or ``transform`` took too long; the
            frame was then returned unchanged.
        last_error: The last exception, or None.
        watchers: Called with an error of each kind, once a session, on the thread that renders;
            they must not block.
    """

    def __init__(self, transform: Transform | None = None, *, keeps_marker: bool = False) -> None:
        self.keeps_marker = keeps_marker
        self._transform = None if transform is None else UserFunction(transform)
        self._kinds: set[str] = set()
        self.watchers: list[Callable[[BaseException], None]] = []
        self.frames = 0
        self.seconds = 0.0
        self.errors = 0
        self.last_error: BaseException | None = None

    def __call__(self, frame: VideoFrame, effect_state: EffectState) -> VideoFrame:
        """The transformed frame, with the same time stamp."""
        started = time.perf_counter()
        try:
            painted = self._paint(frame, effect_state)
        except BaseException as error:  # a user's function may even call sys.exit()
            self._note(error)
            painted = frame
        # A decoder sets the picture type of keyframes; an encoder would make a keyframe of it.
        painted.pict_type = PictureType.NONE
        self.frames += 1
        self.seconds += time.perf_counter() - started
        return painted

    def report_again(self) -> None:
        """Report errors of kinds that were reported before: another session begins."""
        self._kinds.clear()

    def close(self) -> None:
        """End the thread of a user's own function."""
        if self._transform is not None:
            self._transform.close()

    def warm_up(self, effect_state: EffectState, width: int, height: int) -> None:
        """Transform a black picture and discard it: some effects take 50 ms for their first one.

        A user's own function isn't called, as it may count its frames.

        Args:
            effect_state: The session's prompt and image.
            width: In pixels.
            height: In pixels.
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
        number = marker.read(picture.y) if self.keeps_marker else None
        painted = self._transformed(picture, effect_state)
        if number is not None:
            marker.write(painted.data, number)
        return to_frame(painted, frame)

    def _transformed(self, picture: I420, effect_state: EffectState) -> I420:
        if self._transform is None:
            return effect_state.paint(picture)
        output = self._transform(picture.rgb(), effect_state.prompt, effect_state.image)
        expected = (picture.height, picture.width, 3)
        if (
            not isinstance(output, np.ndarray)
            or output.shape != expected
            or output.dtype != np.uint8
        ):
            got = (
                f"{output.shape} {output.dtype}" if isinstance(output, np.ndarray) else type(output)
            )
            raise TypeError(f"the function must return a {expected} uint8 array, not {got}")
        return I420.from_rgb(output)

    def _note(self, error: BaseException) -> None:
        self.errors += 1
        self.last_error = error
        kind = type(error).__name__
        if kind in self._kinds or len(self._kinds) >= MAX_KINDS:  # not 30 times a second
            return
        self._kinds.add(kind)
        logger.warning("the transform failed; frames are sent unchanged\n%s", trace(error))
        for watcher in list(self.watchers):
            try:
                watcher(error)
            except Exception as failed:
                logger.error("an error could not be reported\n%s", trace(failed))


def to_picture(frame: VideoFrame) -> I420:
    """The planes of a frame of any pixel format; an odd last row or column is cut off."""
    if frame.width % 2 or frame.height % 2:
        return I420.from_rgb(frame.to_ndarray(format="rgb24"))
    if frame.format.name not in ("yuv420p", "yuvj420p"):
        frame = frame.reformat(format="yuv420p")
    return I420(frame.to_ndarray())


def to_frame(picture: I420, origin: VideoFrame) -> VideoFrame:
    """A video frame of ``picture`` with the time stamp of ``origin``."""
    frame = VideoFrame.from_ndarray(picture.data, format="yuv420p")
    frame.pts = origin.pts
    frame.time_base = origin.time_base
    return frame
