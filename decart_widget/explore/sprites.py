"""Sprites: the moments of one cell side by side in one JPEG.

A page shows a moment by moving the sprite, so that all cells of a sheet are at the same moment
without seeking in videos.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final, cast

from decart_widget.errors import InvalidOptionError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MOMENTS: Final = 16
"""Moments of a sprite at most: over a clip of 3 s about five a second."""

AREA: Final = 320 * 180
"""Pixels of one moment: what a cell of a sheet shows, on a screen of twice the density too."""

LARGE_AREA: Final = 640 * 360
"""Pixels of one moment where one cell is looked at by itself."""

QUALITY: Final = 82
"""JPEG's quality, in per cent: no blocks that an eye could take for the model's work."""

MAX_WIDTH: Final = 16_000
"""Pixels of a sprite side by side: browsers draw nothing wider than 16,384."""


def spread(count: int, limit: int = MOMENTS) -> tuple[int, ...]:
    """Chooses moments that stand evenly apart, the first and the last among them.

    Args:
        count: How many there are.
        limit: How many are wanted at most.

    Returns:
        Their positions, ascending; all of them where there are no more than ``limit``.
    """
    if count <= limit:
        return tuple(range(count))
    if limit == 1:
        return (count // 2,)
    return tuple(round(i * (count - 1) / (limit - 1)) for i in range(limit))


def moment_size(width: int, height: int, area: int = AREA) -> tuple[int, int]:
    """Returns the size of a sprite's moment: the picture's shape, never more than its own size.

    Args:
        width: The picture's, in pixels.
        height: The picture's, in pixels.
        area: Pixels that the moment shall have.

    Returns:
        Width and height in pixels.
    """
    scale = min(1.0, math.sqrt(area / (width * height)))
    return max(1, round(width * scale)), max(1, round(height * scale))


def sprite(
    frames: Sequence[NDArray[np.uint8]],
    *,
    area: int = AREA,
    quality: int = QUALITY,
    limit: int = MOMENTS,
) -> bytes:
    """Draws frames side by side.

    Args:
        frames: uint8 RGB arrays ``(height, width, 3)`` of one size; of more than ``limit`` those
            that ``spread`` chooses.
        area: Pixels of one moment.
        quality: JPEG's quality, 1 to 100.
        limit: Moments at most.

    Returns:
        A JPEG of as many moments in one row.

    Raises:
        InvalidOptionError: There are no frames.
    """
    import cv2
    import numpy as np

    chosen = spread(len(frames), limit)
    if not chosen:
        raise InvalidOptionError(
            "A sprite needs a frame.", remedy="Give the frames of a cell that is done."
        )
    height, width = frames[chosen[0]].shape[:2]
    size = moment_size(width, height, area)
    if size[0] * len(chosen) > MAX_WIDTH:
        widest = MAX_WIDTH // len(chosen)
        size = widest, max(1, round(widest * height / width))
    row: Any = np.empty((size[1], size[0] * len(chosen), 3), np.uint8)
    for place, index in enumerate(chosen):
        moment = cv2.resize(frames[index], size, interpolation=cv2.INTER_AREA)
        row[:, place * size[0] : (place + 1) * size[0]] = moment
    _, data = cv2.imencode(
        ".jpg",
        cv2.cvtColor(row, cv2.COLOR_RGB2BGR),
        [cv2.IMWRITE_JPEG_QUALITY, quality, cv2.IMWRITE_JPEG_OPTIMIZE, 1],
    )
    return data.tobytes()


def shrunk(data: bytes, count: int, *, area: int, quality: int = QUALITY) -> bytes:
    """Makes a sprite smaller.

    Args:
        data: The JPEG.
        count: How many moments it has.
        area: Pixels that a moment shall have at most.
        quality: JPEG's quality, 1 to 100.

    Returns:
        A JPEG of the same moments.

    Raises:
        InvalidOptionError: The bytes are no such sprite.
    """
    frames = [moment(data, index, count) for index in range(count)]
    return sprite(frames, area=area, quality=quality, limit=count)


def moment(data: bytes, index: int, count: int) -> NDArray[np.uint8]:
    """Takes one moment out of a sprite.

    Args:
        data: The JPEG.
        index: The moment, from 0.
        count: How many moments it has.

    Returns:
        The picture: uint8 RGB ``(height, width, 3)``.

    Raises:
        InvalidOptionError: The bytes are no picture, or it has fewer moments.
    """
    import cv2
    import numpy as np

    row: Any = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) if data else None
    if row is None or not 0 <= index < count or row.shape[1] < count:
        raise InvalidOptionError(
            "The bytes are no sprite with that moment.",
            remedy="Run the sweep again: cells whose files are damaged are run once more.",
        )
    width = row.shape[1] // count
    picture: Any = cv2.cvtColor(row[:, index * width : (index + 1) * width], cv2.COLOR_BGR2RGB)
    return cast("NDArray[np.uint8]", picture)
