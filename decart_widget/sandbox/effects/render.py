"""Transforms decoded frames, on a worker thread."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, Final

from av.video.frame import PictureType, VideoFrame

from decart_widget.diagnostics.redaction import trace
from decart_widget.inputs.sources import marker
from decart_widget.sandbox.effects.picture import I420
from decart_widget.sandbox.own.interface import Transform
from decart_widget.sandbox.own.own_model import OwnModel
from decart_widget.sandbox.own.pickles import PickledModel

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.effect_state import EffectState
    from decart_widget.sandbox.own.batches import Batches

logger = logging.getLogger(__name__)

MAX_KINDS: Final = 20
"""Kinds (types) of errors that are reported; later ones are only counted."""


class Renderer:
    """Transforms the frames of all sessions, and counts them.

    Args:
        transform: A user's own function or model in place of the effects.
        keeps_marker: Whether a number that a frame carries (`inputs.sources.marker`) is drawn into
            the transformed frame, too, so that any effect leaves it readable.
        process: Whether ``transform`` runs in a process of its own.

    Raises:
        InvalidTransformError: ``transform`` can't be called with frames.

    Attributes:
        model: The user's model, or None.
        batches: Puts frames together for a model that takes several at once; None for others.
        keeps_marker: As given.
        frames: Number of frames so far.
        seconds: Wall-clock seconds that they took in all.
        errors: How often ``transform`` or an effect raised, or ``transform`` took too long; the
            frame was then returned unchanged.
        last_error: The last exception, or None.
        watchers: Called with an error of each kind, once a session, on the thread that renders;
            they must not block.
    """

    def __init__(
        self,
        transform: Transform | PickledModel | None = None,
        *,
        keeps_marker: bool = False,
        process: bool = False,
    ) -> None:
        self.keeps_marker = keeps_marker
        self.model = None if transform is None else OwnModel(transform, process=process)
        self.batches: Batches | None = None
        self._kinds: set[str] = set()
        self.watchers: list[Callable[[BaseException], None]] = []
        self.frames = 0
        self.seconds = 0.0
        self.errors = 0
        self.last_error: BaseException | None = None

    def __call__(self, frame: VideoFrame, effect_state: EffectState) -> VideoFrame:
        """The transformed frame, with the same time stamp."""
        return self.render([(frame, effect_state)])[0]

    def render(self, frames: Sequence[tuple[VideoFrame, EffectState]]) -> list[VideoFrame]:
        """The transformed frames, in their order, with the same time stamps.

        Args:
            frames: Each with its session's state. Several only for a model that takes batches: then
                of one size, and with the same conditions (`OwnModel.conditions`).
        """
        started = time.perf_counter()
        try:
            painted = self._paint(frames)
        except BaseException as error:  # a user's function may even call sys.exit()
            self._note(error)
            painted = [frame for frame, _ in frames]
        for frame in painted:
            # A decoder sets the picture type of keyframes; an encoder would make a keyframe of it.
            frame.pict_type = PictureType.NONE
        self.frames += len(painted)
        self.seconds += time.perf_counter() - started
        return painted

    def begin(self, effect_state: EffectState) -> Future[None] | None:
        """Have a user's model start a session's prompt state; None without a model."""
        return None if self.model is None else self.model.begin(effect_state)

    def note(self, error: BaseException) -> None:
        """Count an error of a user's model that came before any frame, and report it."""
        self._note(error)

    def stats(self) -> dict[str, Any]:
        """Frames, errors and milliseconds per frame; ``model``: figures of a user's model."""
        return {
            "frames": self.frames,
            "transform_ms": 1000 * self.seconds / self.frames if self.frames else 0.0,
            "transform_errors": self.errors,
            "model": None if self.model is None else self.model.stats(),
        }

    def report_again(self) -> None:
        """Report errors of kinds that were reported before: another session begins."""
        self._kinds.clear()

    def close(self) -> None:
        """End the threads of a user's own model."""
        if self.model is not None:
            self.model.close()

    def warm_up(self, effect_state: EffectState, width: int, height: int) -> None:
        """Transform a black picture and discard it: some effects take 50 ms for their first one.

        A user's own function isn't called, as it may count its frames.

        Args:
            effect_state: The session's prompt and image.
            width: In pixels.
            height: In pixels.
        """
        if self.model is None and not effect_state.is_passthrough:
            frame = VideoFrame(width, height, "yuv420p")
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            effect_state.paint(to_picture(frame))

    def _paint(self, frames: Sequence[tuple[VideoFrame, EffectState]]) -> list[VideoFrame]:
        effect_state = frames[0][1]
        if self.model is None and effect_state.is_passthrough:
            return [frame for frame, _ in frames]
        pictures = [to_picture(frame) for frame, _ in frames]
        if self.model is None:
            painted = [effect_state.paint(picture) for picture in pictures]
        else:
            rgb = self.model.paint([picture.rgb() for picture in pictures], effect_state)
            painted = [I420.from_rgb(picture) for picture in rgb]
        for before, after in zip(pictures, painted, strict=True):
            number = marker.read(before.y) if self.keeps_marker else None
            if number is not None:
                marker.write(after.data, number)
        return [
            to_frame(picture, frame) for picture, (frame, _) in zip(painted, frames, strict=True)
        ]

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
