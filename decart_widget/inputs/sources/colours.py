"""Converts the colours of pictures to what WebRTC's codecs are given: BT.601, limited range."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BT601: Final = (0.299, 0.114)
"""Shares of red and blue in luma (ITU-R BT.601)."""

BT709: Final = (0.2126, 0.0722)
"""Likewise (ITU-R BT.709)."""

SMPTE240M: Final = (0.212, 0.087)
"""Likewise (SMPTE 240M)."""

BT2020: Final = (0.2627, 0.0593)
"""Likewise (ITU-R BT.2020, non-constant luminance)."""

_MATRICES: Final = {1: BT709, 4: BT601, 5: BT601, 6: BT601, 7: SMPTE240M, 9: BT2020, 10: BT2020}
"""FFmpeg's ``AVColorSpace`` (ITU-T H.273) -> shares of red and blue."""

_HD_WIDTH_PX: Final = 1280
_HD_ABOVE_HEIGHT_PX: Final = 576
"""Size from which a video that doesn't say its matrix is taken for BT.709, as players do."""

_FULL_RANGE: Final = 2
"""FFmpeg's ``AVCOL_RANGE_JPEG``."""


@dataclass(frozen=True)
class Colours:
    """How planes encode colours.

    Attributes:
        shares: Of red and blue in luma.
        is_full_range: Whether luma and chroma use 0 to 255, not 16 to 235 and 240.
    """

    shares: tuple[float, float] = BT601
    is_full_range: bool = False


SENT: Final = Colours()
"""The colours of pictures that are sent."""


def colours_of(frame: Any) -> Colours:
    """Returns the colours of a decoded frame (PyAV).

    Args:
        frame: Its planes are Y, U and V. If it doesn't say its matrix, that follows from its size.
    """
    is_full = int(frame.color_range) == _FULL_RANGE or frame.format.name.startswith("yuvj")
    is_hd = frame.width >= _HD_WIDTH_PX or frame.height > _HD_ABOVE_HEIGHT_PX
    return Colours(_MATRICES.get(int(frame.colorspace), BT709 if is_hd else BT601), is_full)


def as_sent(
    y: NDArray[Any], u: NDArray[Any], v: NDArray[Any], colours: Colours
) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Converts planes to `SENT`; primaries and transfer function are left as they are.

    Args:
        y: ``(height, width)`` uint8.
        u: ``(height / 2, width / 2)`` uint8.
        v: Likewise.
        colours: What they are now.

    Returns:
        The planes in the same shapes; the same ones when there is nothing to convert.
    """
    if colours == SENT:
        return y, u, v
    import cv2

    luma, (from_u, from_v), chroma = _conversion(colours)
    black = 0 if colours.is_full_range else 16
    converted = [cv2.addWeighted(u, a, v, b, 128 - 128 * (a + b)) for a, b in chroma]
    # Luma changes with chroma, which has half its size: by less than 128 levels up or down.
    change = cv2.addWeighted(u, from_u, v, from_v, 128 - 128 * (from_u + from_v))
    change = cv2.resize(change, (y.shape[1], y.shape[0]), interpolation=cv2.INTER_LINEAR)
    y = cv2.addWeighted(y, luma, change, 1.0, 16 - black * luma - 128)
    return y, converted[0], converted[1]


@cache
def _conversion(
    colours: Colours,
) -> tuple[float, tuple[float, float], tuple[tuple[float, float], tuple[float, float]]]:
    """Returns the factors of a conversion to `SENT`.

    Returns:
        Luma's factor of luma; its factors of U and V; those of U, and those of V. (Chroma has none
        of luma, because grey stays grey.)
    """
    import numpy as np

    # Y, U and V -> R, G and B -> Y, U and V, without offsets.
    made = np.linalg.inv(_from_rgb(colours))
    factors = _from_rgb(SENT) @ made
    (luma, yu, yv), (_, uu, uv), (_, vu, vv) = factors.tolist()
    return luma, (yu, yv), ((uu, uv), (vu, vv))


def _from_rgb(colours: Colours) -> NDArray[np.float64]:
    """Returns the matrix from R, G and B (0 to 255) to Y, U and V, without offsets."""
    import numpy as np

    red, blue = colours.shares
    luma = np.array((red, 1 - red - blue, blue))
    u = (np.array((0, 0, 1)) - luma) / (2 - 2 * blue)
    v = (np.array((1, 0, 0)) - luma) / (2 - 2 * red)
    scales = (1.0, 1.0) if colours.is_full_range else (219 / 255, 224 / 255)
    return np.array((luma * scales[0], u * scales[1], v * scales[1]))


def i420_of_rgb(rgb: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Converts RGB to I420 in `SENT`.

    Args:
        rgb: ``(height, width, 3)`` uint8, contiguous; of even size.

    Returns:
        ``(height * 3 / 2, width)`` uint8. Chroma is the mean of four pixels; OpenCV's own is that
        of one, so that coloured edges would flicker.
    """
    import cv2

    height, width = rgb.shape[:2]
    picture: NDArray[Any] = cv2.cvtColor(rgb, cv2.COLOR_RGB2YUV_I420)
    # A linear resize to a half is the mean of four pixels.
    half = cv2.resize(rgb, (width // 2, height // 2), interpolation=cv2.INTER_LINEAR)
    half = cv2.cvtColor(half, cv2.COLOR_RGB2YCrCb)
    scale = 224 / 255
    flat = picture.reshape(-1)[width * height :].reshape(2, height // 2, width // 2)
    for plane, channel in zip(flat, (2, 1), strict=True):
        full = cv2.extractChannel(half, channel)
        cv2.convertScaleAbs(full, plane, scale, 128 - 128 * scale)
    return picture


def i420_of_grey(grey: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Converts grey to I420 in `SENT`.

    Args:
        grey: ``(height, width)`` uint8; of even size.

    Returns:
        ``(height * 3 / 2, width)`` uint8.
    """
    import cv2
    import numpy as np

    height, width = grey.shape
    picture = np.full((height * 3 // 2, width), 128, np.uint8)
    picture[:height] = cv2.convertScaleAbs(grey, alpha=219 / 255, beta=16)
    return picture
