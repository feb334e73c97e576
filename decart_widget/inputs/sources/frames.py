"""Frames that the caller's own code makes, as a source."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, Final

from decart_widget.errors import SourceError
from decart_widget.inputs.sources.arrays import CHANNELS, as_pixels, check_shape
from decart_widget.inputs.sources.checks import checked_fps
from decart_widget.inputs.sources.frames_reader import FramesReader
from decart_widget.inputs.sources.reader import FrameReader, Target
from decart_widget.inputs.sources.steps import (
    Step,
    of_array,
    of_async_iterable,
    of_callable,
    of_capture,
    of_iterable,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

DEFAULT_FPS: Final = 30.0
"""Frames/s of frames without times, unless the model takes fewer."""

_KINDS: Final = (
    "Give an iterable of pictures, an async iterable, a function that returns the next picture, "
    "one array (frames, height, width, 3), or a cv2.VideoCapture."
)
"""Remedy for other values."""

MAX_CAPTURE_FPS: Final = 240.0
"""Frames/s above which what a ``cv2.VideoCapture`` states is no rate."""


class Frames:
    """Frames that the caller's code makes; it runs on a thread of its own in this process.

    Each frame is an array, a tensor or a PIL image: ``(height, width, 3)`` RGB,
    ``(height, width, 4)`` RGBA, ``(height, width)`` grey, or with the channels first; uint8, or
    floats in 0..1. All sizes are cropped and scaled to the model's. An item may also be a tuple
    ``(seconds, frame)``, whose times rise; the first one is the begin.

    Args:
        frames: An iterable or async iterable of frames; a function, perhaps async, without
            arguments that returns the next frame, and None at the end; one array
            ``(frames, height, width, channels)``, channels also second, or
            ``(frames, height, width)``; or a ``cv2.VideoCapture``, whose frames are BGR.
        fps: Frames/s of frames without times; None: those that a ``cv2.VideoCapture`` states, else
            30. Where that is more than the model takes, those between are skipped, unless fps is
            None: then the frames are slower.
        loop: The event loop on which an async iterable or function runs; None: one of its own.

    Attributes:
        fps: As given.

    Raises:
        SourceError: This is no source of frames, or the first frame of a list or an array is none.
    """

    def __init__(
        self,
        frames: Iterable[Any] | AsyncIterable[Any] | Callable[[], Any] | Any,
        fps: float | None = None,
        *,
        loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.fps = checked_fps(fps)
        self._frames: Any = frames
        self._loop = loop
        self._array: NDArray[np.generic] | None = None
        self._kind = self._kind_of(frames)
        if self._kind == "array":
            self._array = _checked_array(frames)
            as_pixels(self._array[0], "The first frame")
        elif self._count() == 0:
            raise SourceError("There are no frames: the list is empty.", remedy=_KINDS)
        elif isinstance(frames, list | tuple) and not isinstance(frames[0], tuple):
            as_pixels(frames[0], "The first frame")

    @property
    def label(self) -> str:
        """What the source is, for people."""
        if self._kind == "capture":
            return "frames of a cv2.VideoCapture"
        name = getattr(self._frames, "__name__", type(self._frames).__name__)
        return f"frames of {name}"

    def check(self) -> None:
        """Does nothing: what is known without running the caller's code was checked already."""

    def describe(self) -> Mapping[str, Any]:
        """Returns what is known of the source, as JSON values; the worker doesn't open it."""
        return {
            "kind": "frames",
            "label": self.label,
            "fps": self._own_fps(),
            "frame_count": self._count(),
        }

    def reader(self, target: Target) -> FrameReader:
        """Returns a reader of the frames.

        An iterator (a generator for instance) goes on where it was; what can be iterated again
        begins anew.

        Args:
            target: The picture that is made of each frame.
        """
        return FramesReader(
            self._step(),
            target,
            label=self.label,
            fps=self._own_fps() or min(DEFAULT_FPS, target.fps),
            frame_count=self._count(),
        )

    def __repr__(self) -> str:
        return f"Frames({self.label.removeprefix('frames of ')}, fps={self.fps})"

    @staticmethod
    def _kind_of(frames: Any) -> str:
        if _is_capture(frames):
            return "capture"
        if hasattr(frames, "__aiter__"):
            return "async"
        if isinstance(frames, str | bytes | Mapping) or hasattr(frames, "getexif"):
            what = "a path" if isinstance(frames, str) else f"a {type(frames).__name__}"
            remedy = "Give VideoFile(path) for a file." if isinstance(frames, str) else _KINDS
            raise SourceError(f"Frames got {what}, not frames.", remedy=remedy)
        if hasattr(frames, "shape") and hasattr(frames, "ndim"):
            return "array"
        if hasattr(frames, "__iter__") or hasattr(frames, "__getitem__"):
            return "iterable"
        if callable(frames):
            if inspect.isasyncgenfunction(frames) or inspect.isgeneratorfunction(frames):
                raise SourceError(
                    f"{frames.__name__} is a generator function.",
                    remedy=f"Call it: Frames({frames.__name__}()).",
                )
            return "callable"
        raise SourceError(f"Frames got a {type(frames).__name__}, not frames.", remedy=_KINDS)

    def _step(self) -> Step:
        """Returns the function that gives one frame after another."""
        frames = self._frames
        if self._kind == "array":
            assert self._array is not None
            return of_array(self._array)
        if self._kind == "capture":
            return of_capture(frames)
        if self._kind == "async":
            return of_async_iterable(frames, self._loop)
        if self._kind == "callable":
            return of_callable(frames, self._loop)
        return of_iterable(frames)

    def _own_fps(self) -> float | None:
        if self.fps is None and self._kind == "capture":
            stated = float(self._frames.get(_CAP_PROP_FPS))
            return stated if 1 <= stated <= MAX_CAPTURE_FPS else None
        return self.fps

    def _count(self) -> int | None:
        if self._array is not None:
            return int(self._array.shape[0])
        if self._kind == "capture":
            stated = float(self._frames.get(_CAP_PROP_FRAME_COUNT))
            return int(stated) if 1 <= stated < 1e9 else None
        if self._kind == "iterable" and hasattr(self._frames, "__len__"):
            return len(self._frames)
        return None


_CAP_PROP_FPS: Final = 5
_CAP_PROP_FRAME_COUNT: Final = 7
"""Numbers of properties, as ``cv2`` has them, which isn't imported for that."""


def _is_capture(frames: Any) -> bool:
    """Returns whether this is a ``cv2.VideoCapture``, or something with its methods."""
    names = ("read", "grab", "retrieve", "isOpened", "get")
    if not all(callable(getattr(frames, name, None)) for name in names):
        return False
    if not frames.isOpened():
        raise SourceError(
            "The cv2.VideoCapture isn't open.",
            remedy="Check its path or index; isOpened() says whether it could be opened.",
        )
    return True


def _checked_array(array: Any) -> NDArray[Any]:
    """Returns frames in one array as NumPy's.

    Raises:
        SourceError: Its shape isn't that of several frames.
    """
    import numpy as np

    try:
        tensor = array.detach().cpu() if hasattr(array, "detach") else array
        frames = np.asarray(tensor) if hasattr(tensor, "__array__") else np.from_dlpack(tensor)
    except Exception as error:
        raise SourceError(
            f"The {type(array).__name__} can't be read as an array ({type(error).__name__}).",
            remedy="Copy it to the CPU and convert it to a NumPy array of uint8.",
        ) from error
    shape = frames.shape
    remedy = "Give one array (frames, height, width, 3), or a list of pictures."
    is_one = len(shape) == 2 or (
        len(shape) == 3 and (shape[0] in CHANNELS) != (shape[2] in CHANNELS)
    )
    if is_one and len(shape) > 1:
        raise SourceError(
            f"The array has the shape {shape}: that is one picture.",
            remedy=f"{remedy} For one picture: Frames([picture]); for grey ones: Frames(list(x)).",
        )
    if len(shape) not in (3, 4):
        raise SourceError(f"The array has the shape {shape}.", remedy=remedy)
    if shape[0] == 0:
        raise SourceError(f"The array has the shape {shape}: no frames.", remedy=remedy)
    check_shape(shape[1:], "A frame of the array")
    return frames
