"""Pictures that callers have as arrays, tensors or PIL images, as uint8 arrays of RGB or grey."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from decart_widget.errors import SourceError
from decart_widget.inputs.sources.checks import MAX_PIXELS
from decart_widget.inputs.sources.containers import SMALLEST_PX
from decart_widget.inputs.sources.fit import flattened

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ARRAY_METHODS: Final = ("__array__", "__array_interface__", "__dlpack__")
"""Names by which NumPy recognises what it can convert."""

CHANNELS: Final = (1, 3, 4)
"""Channels that a picture may have: grey, RGB, RGBA."""

_SHAPES: Final = (
    "Give (height, width, 3) RGB, (height, width, 4) RGBA, (height, width) grey, or the same with "
    "the channels first."
)
"""Remedy for arrays of other shapes."""


def as_pixels(value: Any, what: str = "The frame") -> NDArray[np.uint8]:
    """Returns one picture as an array.

    The channels are where the length is 1, 3 or 4: last, ``(height, width, channels)``, or first,
    ``(channels, height, width)``. An array where both are is refused. Values are uint8, bool, or
    floats in 0..1, or uint16, whose white is 65535. Transparent parts become black.

    Args:
        value: An array (``__array__`` or ``__dlpack__``), a tensor on any device that has
            ``detach`` and ``cpu``, or a PIL image.
        what: What it is called in errors.

    Returns:
        ``(height, width, 3)`` RGB or ``(height, width)`` grey, uint8; may share memory with
        ``value``.

    Raises:
        SourceError: It is no picture; the message says its shape, type or range.
    """
    import numpy as np

    array = _as_array(value, what)
    shape = check_shape(array.shape, what)
    if 0 in array.shape:
        raise SourceError(f"{what} has the shape {array.shape}, so no pixels.", remedy=_SHAPES)
    array = _in_bytes(array, what)
    if shape == "first":
        array = np.moveaxis(array, 0, -1)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    elif array.ndim == 3 and array.shape[2] == 4:
        return flattened(np.ascontiguousarray(array))
    return array


def check_shape(shape: tuple[int, ...], what: str) -> str:
    """Returns where the channels of a picture are: ``"first"``, ``"last"``, or ``""`` for grey.

    Args:
        shape: Of the array.
        what: What it is called in errors.

    Raises:
        SourceError: A picture has no such shape.
    """
    place = ""
    if len(shape) == 3:
        first, last = shape[0] in CHANNELS, shape[2] in CHANNELS
        if first and last:
            raise SourceError(
                f"{what} has the shape {shape}, which may have its channels first or last.",
                remedy="Give (height, width, 3), with more than 4 rows and columns.",
            )
        place = "first" if first else "last" if last else "none"
    if place == "none" or len(shape) not in (2, 3):
        raise SourceError(f"{what} has the shape {shape}, which is no picture.", remedy=_SHAPES)
    height, width = shape[1:] if place == "first" else shape[:2]
    if 0 < min(height, width) < SMALLEST_PX or height * width > MAX_PIXELS:
        raise SourceError(
            f"{what} has {width}x{height} pixels (shape {shape}).",
            remedy=f"Give {SMALLEST_PX} pixels on each side at least, and at most "
            f"{MAX_PIXELS / 1e6:g} megapixels.",
        )
    return place


def _as_array(value: Any, what: str) -> NDArray[Any]:
    """Returns any array, tensor or PIL image as a NumPy array.

    Raises:
        SourceError: It can't be converted.
    """
    import numpy as np

    if isinstance(value, np.ndarray):
        return value
    if isinstance(value, str | bytes | None) or not (
        any(hasattr(value, name) for name in ARRAY_METHODS)
    ):
        raise SourceError(
            f"{what} is a {type(value).__name__}.",
            remedy="Give each frame as an array or a PIL image; a file goes into VideoFile(...).",
        )
    try:
        if hasattr(value, "getexif") and hasattr(value, "convert"):
            # A PIL image; palettes and other modes have no channels of RGB.
            has_alpha = getattr(value, "has_transparency_data", False)
            mode = "L" if value.mode in ("1", "L") else "RGBA" if has_alpha else "RGB"
            return np.asarray(value if value.mode == mode else value.convert(mode))
        # A tensor of PyTorch may need a gradient or be on a GPU.
        tensor = value.detach().cpu() if hasattr(value, "detach") else value
        return np.asarray(tensor) if hasattr(tensor, "__array__") else np.from_dlpack(tensor)
    except Exception as error:  # whatever a library's conversion raises
        raise SourceError(
            f"{what} is a {type(value).__name__} that can't be read as an array "
            f"({type(error).__name__}).",
            remedy="Copy it to the CPU and convert it to a NumPy array of uint8.",
        ) from error


def _in_bytes(array: NDArray[Any], what: str) -> NDArray[np.uint8]:
    """Returns an array's values as uint8, 0 to 255.

    Raises:
        SourceError: They have another type, or are out of range.
    """
    import numpy as np

    if array.dtype == np.uint8:
        return array
    if array.dtype.kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint16:
        low, high = int(array.min()), int(array.max())
        if 0 < high <= 255:
            raise SourceError(
                f"{what} is uint16 with values {low} to {high}, which would be black.",
                remedy="Convert 8-bit values to uint8: x.astype('uint8').",
            )
        return (array >> 8).astype(np.uint8)
    if array.dtype.kind != "f":
        raise SourceError(
            f"{what} has the type {array.dtype} (shape {array.shape}).",
            remedy="Give uint8 (0..255) or floats in 0..1.",
        )
    lowest, highest = float(array.min()), float(array.max())
    if not (0 <= lowest <= highest <= 1):  # neither for NaN
        remedy = "Scale the values to 0..1."
        if not (lowest == lowest and highest == highest):
            remedy = "Replace the NaN, for instance with numpy.nan_to_num."
        elif lowest >= 0 and 1 < highest <= 255:
            remedy = "Divide by 255, or convert to uint8: x.astype('uint8')."
        elif lowest >= -1 and highest <= 1:
            remedy = "Scale them to 0..1: (x + 1) / 2, or x.clip(0, 1) if they only exceed it."
        raise SourceError(
            f"{what} has float values from {lowest:g} to {highest:g}, not in 0..1.", remedy=remedy
        )
    import cv2

    rows = np.ascontiguousarray(array, np.float32).reshape(array.shape[0], -1)
    scaled: NDArray[Any] = cv2.convertScaleAbs(rows, alpha=255)
    return scaled.reshape(array.shape)
