"""Reference images from clients: checked, decoded and scaled down."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Final

from decart_widget.inputs.image_files import rgb_array
from decart_widget.inputs.image_header import SERVICE_FORMATS, PictureError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LARGEST_BYTES: Final = 10 * 1024 * 1024
"""The service's limit for an image file."""

LONGEST_SIDE_PX: Final = 1280
"""The longer side that an image is scaled down to; only its colours are used."""


class ImageError(ValueError):
    """An image is refused; the text is the reason that the acknowledgement contains."""


def decode(image_data: object) -> NDArray[np.uint8]:
    """Decodes the image of a ``set_image`` message; call it on the decoder's thread.

    Args:
        image_data: The message's field: a JPEG, PNG or WebP file as base64, if it is correct.

    Returns:
        (height, width, 3) uint8 RGB, at most 1280 pixels on a side.

    Raises:
        ImageError: The field is no base64 or no image, or the image is too large to decode.
    """
    if not isinstance(image_data, str):
        raise ImageError("image_data must be base64 text")
    if image_data.startswith("data:"):
        raise ImageError("image_data must be raw base64, without a data: prefix")
    if len(image_data) > LARGEST_BYTES * 4 // 3 + 4:
        raise ImageError("The image is over 10 MB")
    try:
        encoded = base64.b64decode(image_data, validate=True)
    except (binascii.Error, ValueError):
        raise ImageError("image_data is not valid base64") from None
    try:
        return rgb_array(encoded, LONGEST_SIDE_PX, SERVICE_FORMATS)
    except PictureError as error:
        raise ImageError(f"The image {error}") from None
