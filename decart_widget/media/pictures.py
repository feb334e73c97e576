"""Pictures that a page sends as files, made into arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

from decart_widget.errors import MediaError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


def to_array(data: bytes) -> NDArray[np.uint8]:
    """The picture in a PNG or JPEG file: ``(height, width, 3)`` uint8 RGB.

    Raises ``MediaError`` for what is none: any script in a page can send bytes.
    """
    import cv2
    import numpy as np

    try:
        picture = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    except cv2.error:
        picture = None
    if picture is None:
        raise MediaError("The page sent a picture that can't be read.", remedy="Ask again.")
    return np.ascontiguousarray(picture[:, :, ::-1], dtype=np.uint8)
