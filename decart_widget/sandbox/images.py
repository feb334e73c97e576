"""Reference images as they come over the wire, checked and made small."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING

from decart_widget.inputs.image_files import LARGEST_PIXELS, shrunk, stated_size

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The service's limit on an image, in bytes.
LARGEST_BYTES = 10 * 1024 * 1024

#: What is kept of it, on the longer side: its colours need no more.
KEPT_PIXELS = 1280


class ImageError(ValueError):
    """The text says what is wrong with the image; it goes into the acknowledgement."""


def decode(image_data: object) -> NDArray[np.uint8]:
    """The image in ``image_data`` as (height, width, 3) uint8 RGB, at most 1280 on a side.

    Raises:
        ImageError: It is no raw base64, no image, over 10 MB or over 50 megapixels.
    """
    import cv2
    import numpy as np

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
    size = stated_size(encoded)
    if size is None:
        raise ImageError("The image is not JPEG, PNG or WebP")
    if size[0] * size[1] > LARGEST_PIXELS:
        raise ImageError("The image has over 50 megapixels")
    try:
        picture = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        picture = None
    if picture is None:
        raise ImageError("The image can't be decoded: it is cut off or damaged")
    rgb = cv2.cvtColor(shrunk(picture, KEPT_PIXELS), cv2.COLOR_BGR2RGB)
    return rgb.astype(np.uint8, copy=False)
