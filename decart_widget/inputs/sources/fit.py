"""Makes any picture the one that the service is sent: cropped, scaled, turned, mirrored, I420.

The crop is the page's (``js/src/capture/shape.ts``); ``tests/vectors/crops.json`` holds both to it.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from decart_widget.inputs.sources.colours import (
    as_sent,
    colours_of,
    i420_of_grey,
    i420_of_rgb,
)
from decart_widget.inputs.sources.reader import Target

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

EQUAL_WITHIN: Final = 0.02
"""Difference of proportions that isn't worth a crop: 704 and 720 lines count as equal."""


class Part(NamedTuple):
    """A part of a picture, in pixels; all even.

    Attributes:
        x: Its left edge.
        y: Its upper edge.
        width: Its width.
        height: Its height.
    """

    x: int
    y: int
    width: int
    height: int


class Turn(NamedTuple):
    """How a picture is turned before it is shown: first by quarters, then mirrored.

    Attributes:
        quarters: Quarter turns clockwise, 0 to 3.
        is_mirrored: Whether left and right are swapped afterwards.
    """

    quarters: int = 0
    is_mirrored: bool = False


UPRIGHT: Final = Turn()
"""A picture that is shown as it is."""


def crop(width: float, height: float, shape_width: float, shape_height: float) -> Part:
    """Returns the largest part in the middle of a picture that has the shape's proportions.

    Args:
        width: Of the picture, in pixels.
        height: Likewise.
        shape_width: Of the shape.
        shape_height: Likewise.
    """
    ratio = shape_width / shape_height
    fits = abs(width / height / ratio - 1) < EQUAL_WITHIN
    part_width = _even(width if fits or width / height < ratio else height * ratio)
    part_height = _even(height if fits or width / height > ratio else width / ratio)
    return Part(
        _even((width - part_width) / 2 + 2) - 2,
        _even((height - part_height) / 2 + 2) - 2,
        part_width,
        part_height,
    )


def _even(length: float) -> int:
    return max(2, math.floor(length / 2) * 2)


Planes = tuple["NDArray[Any]", "NDArray[Any]", "NDArray[Any]"]
"""Y, U and V of a picture; U and V have half its size."""


class Fitter:
    """Makes pictures of any size those of a target; used by one thread.

    Args:
        target: What is made.
    """

    def __init__(self, target: Target) -> None:
        self._target = target
        self._reformatter: Any = None

    def frame(self, frame: Any, turn: Turn = UPRIGHT, *, stretch: float = 1.0) -> NDArray[np.uint8]:
        """Returns a decoded frame (PyAV) as the picture that is sent.

        Args:
            frame: Of any pixel format, matrix and range. Transparent parts become black.
            turn: How it is shown.
            stretch: Width of a pixel divided by its height.

        Returns:
            ``(height * 3 / 2, width)`` uint8, I420, of the target's size; contiguous.
        """
        pixels = frame.format
        has_alpha = any(component.is_alpha for component in pixels.components)
        if pixels.is_rgb or pixels.has_palette or has_alpha:
            rgba = self._reformat(frame, "rgba").to_ndarray()
            return self.picture(flattened(rgba), turn, stretch=stretch)
        if len(pixels.components) < 3:
            return self.picture(self._reformat(frame, "gray").to_ndarray(), turn, stretch=stretch)
        size, part = self._geometry(frame.width, frame.height, turn, stretch)
        colours = colours_of(frame)
        is_whole = part == (0, 0, frame.width, frame.height)
        # Formats of that name are those with full range, of which FFmpeg would make limited range.
        planar = "yuvj420p" if pixels.name.startswith("yuvj") else "yuv420p"
        if is_whole and size != part[2:]:
            frame = self._reformat(frame, planar, size)
            return self._finished(as_sent(*_planes_of_frame(frame), colours), turn)
        if pixels.name != planar:
            frame = self._reformat(frame, planar)
        planes = _planes_of_frame(frame)
        if not is_whole:
            planes = _cut(planes, part)
        if part[2:] != size:
            planes = self._scaled(planes, size)
        return self._finished(as_sent(*planes, colours), turn)

    def picture(
        self, pixels: NDArray[np.uint8], turn: Turn = UPRIGHT, *, stretch: float = 1.0
    ) -> NDArray[np.uint8]:
        """Returns an RGB or grey picture as the picture that is sent.

        Args:
            pixels: ``(height, width, 3)`` RGB or ``(height, width)`` grey, uint8, 0 to 255.
            turn: How it is shown.
            stretch: Width of a pixel divided by its height.

        Returns:
            As `frame`; it shares no memory with ``pixels``.
        """
        import cv2
        import numpy as np

        size, part = self._geometry(pixels.shape[1], pixels.shape[0], turn, stretch)
        pixels = pixels[part.y : part.y + part.height, part.x : part.x + part.width]
        pixels = np.ascontiguousarray(pixels)
        if size[0] * size[1] > part.width * part.height:
            # Enlarged before chroma is halved, which keeps its detail.
            pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_CUBIC)  # type: ignore[assignment]
        converted = (i420_of_grey if pixels.ndim == 2 else i420_of_rgb)(pixels)
        planes = planes_of(converted)
        if pixels.shape[:2] != size[::-1]:
            planes = self._scaled(planes, size)
        elif turn == UPRIGHT and not self._target.mirror:
            return converted
        return self._finished(planes, turn)

    def _geometry(
        self, width: int, height: int, turn: Turn, stretch: float
    ) -> tuple[tuple[int, int], Part]:
        """Returns the size to which a stored picture is scaled, and the part of it that is used."""
        target, is_turned = self._target, turn.quarters % 2 == 1
        shown = (height, width * stretch) if is_turned else (width * stretch, height)
        size = target.width, target.height
        is_portrait = target.orientation == "portrait" or (
            target.orientation == "auto" and shown[0] < shown[1]
        )
        if is_portrait:
            size = size[::-1]
        part = crop(shown[0], shown[1], size[0], size[1])
        if is_turned:
            size, part = size[::-1], Part(part.y, part.x, part.height, part.width)
        if stretch != 1:
            part = part._replace(
                x=max(0, _even(part.x / stretch + 2) - 2), width=_even(part.width / stretch)
            )
        return size, part

    def _reformat(self, frame: Any, pixels: str, size: tuple[int, int] | None = None) -> Any:
        """Returns a frame in another pixel format and size, its matrix and range kept."""
        from av.video.reformatter import VideoReformatter

        if self._reformatter is None:
            self._reformatter = VideoReformatter()
        width, height = size or (frame.width, frame.height)
        is_smaller = width * height < frame.width * frame.height
        return self._reformatter.reformat(
            frame,
            width,
            height,
            pixels,
            # A filter as wide as the pixels that become one; for more pixels, a sharp one.
            interpolation="AREA" if is_smaller else "BICUBIC",
        )

    def _scaled(self, planes: Planes, size: tuple[int, int]) -> Planes:
        from av.video.frame import VideoFrame

        frame = VideoFrame.from_ndarray(_joined(planes), format="yuv420p")
        return _planes_of_frame(self._reformat(frame, "yuv420p", size))

    def _finished(self, planes: Planes, turn: Turn) -> NDArray[np.uint8]:
        import cv2

        turned = list(planes)
        if turn.quarters:
            codes = cv2.ROTATE_90_CLOCKWISE, cv2.ROTATE_180, cv2.ROTATE_90_COUNTERCLOCKWISE
            turned = [cv2.rotate(plane, codes[turn.quarters - 1]) for plane in turned]
        if turn.is_mirrored != self._target.mirror:
            turned = [cv2.flip(plane, 1) for plane in turned]
        return _joined((turned[0], turned[1], turned[2]))


def flattened(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Returns RGB of RGBA on black.

    Args:
        rgba: ``(height, width, 4)`` uint8, not premultiplied.
    """
    import cv2

    rgb: NDArray[Any] = cv2.cvtColor(rgba, cv2.COLOR_RGBA2RGB)
    alpha = cv2.extractChannel(rgba, 3)
    if alpha.min() == 255:
        return rgb
    return cv2.multiply(rgb, cv2.cvtColor(alpha, cv2.COLOR_GRAY2RGB), scale=1 / 255)  # type: ignore[return-value]


def planes_of(picture: NDArray[np.uint8]) -> Planes:
    """Returns views of the planes of an I420 picture.

    Args:
        picture: ``(height * 3 / 2, width)``, contiguous.
    """
    width, height = picture.shape[1], picture.shape[0] * 2 // 3
    u, v = picture.reshape(-1)[width * height :].reshape(2, height // 2, width // 2)
    return picture[:height], u, v


def _planes_of_frame(frame: Any) -> Planes:
    """Returns views of the planes of a yuv420p frame, which keep it alive."""
    import numpy as np

    sizes = ((frame.height, frame.width), *(((frame.height + 1) // 2, (frame.width + 1) // 2),) * 2)
    y, u, v = (
        np.frombuffer(plane, np.uint8).reshape(-1, plane.line_size)[:height, :width]
        for plane, (height, width) in zip(frame.planes, sizes, strict=True)
    )
    return y, u, v


def _cut(planes: Planes, part: Part) -> Planes:
    y, u, v = planes
    x, top, width, height = part
    half = _span(top // 2, height // 2), _span(x // 2, width // 2)
    return y[_span(top, height), _span(x, width)], u[half], v[half]


def _span(begin: int, length: int) -> slice:
    """Returns the indices of ``length`` lines or columns."""
    return slice(begin, begin + length)


def _joined(planes: Planes) -> NDArray[np.uint8]:
    """Returns planes of even size as one I420 picture."""
    import numpy as np

    height, width = planes[0].shape
    picture = np.empty((height * 3 // 2, width), np.uint8)
    for into, plane in zip(planes_of(picture), planes, strict=True):
        into[:] = plane
    return picture
