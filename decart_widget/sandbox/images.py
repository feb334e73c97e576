"""Reference images as they come over the wire, checked and made small."""

from __future__ import annotations

import base64
import binascii
import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

#: The service's limit on an image, in bytes.
LARGEST_BYTES = 10 * 1024 * 1024

#: An image of few bytes can still decode to gigabytes; 50 megapixels is any camera's picture.
LARGEST_PIXELS = 50_000_000

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
    longest = max(picture.shape[:2])
    if longest > KEPT_PIXELS:
        scale = KEPT_PIXELS / longest
        picture = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    rgb = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
    return rgb.astype(np.uint8, copy=False)


def stated_size(encoded: bytes) -> tuple[int, int] | None:
    """(width, height) that the header of a JPEG, PNG or WebP file states; None for anything else.

    Read before decoding, since a few kilobytes can state (and decode to) gigabytes.
    """
    try:
        if encoded[:8] == b"\x89PNG\r\n\x1a\n":
            width, height = struct.unpack_from(">II", encoded, 16)
        elif encoded[:2] == b"\xff\xd8":
            height, width = _jpeg_size(encoded)
        elif encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP":
            width, height = _webp_size(encoded)
        else:
            return None
    except struct.error:
        return None
    return width, height


def _jpeg_size(encoded: bytes) -> tuple[int, int]:
    """From the start-of-frame segment (ITU-T T.81, B.2.2): height first."""
    at = 2
    while True:
        marker, length = struct.unpack_from(">HH", encoded, at)
        if 0xFFC0 <= marker <= 0xFFCF and marker not in (0xFFC4, 0xFFC8, 0xFFCC):
            height, width = struct.unpack_from(">HH", encoded, at + 5)
            return height, width
        at += 2 + length


def _webp_size(encoded: bytes) -> tuple[int, int]:
    """From the first chunk (RFC 9649): extended, lossless or lossy."""
    kind = encoded[12:16]
    if kind == b"VP8X":
        flags_and_size = struct.unpack_from("<10B", encoded, 20)[4:]
        low = flags_and_size[0] | flags_and_size[1] << 8 | flags_and_size[2] << 16
        high = flags_and_size[3] | flags_and_size[4] << 8 | flags_and_size[5] << 16
        return low + 1, high + 1
    if kind == b"VP8L":
        (bits,) = struct.unpack_from("<I", encoded, 21)
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    width, height = struct.unpack_from("<HH", encoded, 26)
    return width & 0x3FFF, height & 0x3FFF
