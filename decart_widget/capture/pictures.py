"""Decodes the picture files that pages send."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from decart_widget.errors import MediaError
from decart_widget.inputs.decoder_thread import decode
from decart_widget.inputs.image_header import PictureError, check_header, damaged, read_header

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

FORMATS: Final = ("PNG", "JPEG")
"""Formats of snapshots and of frames."""

BYTES_PER_PIXEL: Final = 6
"""Memory that OpenCV needs to decode a pixel: 3 bytes twice (measured, OpenCV 5.0)."""


async def to_array(data: bytes) -> NDArray[np.uint8]:
    """Decodes a PNG or JPEG file on the decoder's thread.

    Args:
        data: The file. It is not trusted, because any script in a page can send bytes.

    Returns:
        The picture as ``(height, width, 3)`` uint8 RGB.

    Raises:
        MediaError: The data can't be decoded as a picture, or is too large.
    """
    return await decode(_decode, data)


def _decode(data: bytes) -> NDArray[np.uint8]:
    import cv2
    import numpy as np

    try:
        check_header(read_header(data, FORMATS), BYTES_PER_PIXEL)
        try:
            # OpenCV, because it makes arrays directly: Pillow's images have to be copied.
            flags = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
            picture = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
        except cv2.error:
            picture = None
        if picture is None:
            raise damaged()
    except PictureError as error:
        raise MediaError(f"The page sent a picture that {error}.", remedy="Try again.") from None
    return np.asarray(picture, dtype=np.uint8)
