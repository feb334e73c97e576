"""Image files: what their headers say, and how they are made fit for the service."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from numpy.typing import NDArray

LARGEST_PIXELS: Final = 50_000_000
"""An image of few bytes can decode to gigabytes; 50 megapixels is any camera's picture."""

LONGEST_SIDE: Final = 1920
"""Pixels of what is sent, on the longer side: no model makes pictures larger than 1920x1080."""

THUMBNAIL: Final = 96
"""Pixels of a thumbnail, on the longer side."""

_ORIENTATION: Final = 0x0112
"""The tag that says how a camera was held (Exif 2.32, 4.6.4)."""


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


def fitted(encoded: bytes) -> bytes | None:
    """The file as it is to be sent: upright, at most 1920 pixels on a side, without Exif.

    A file that is all that already is returned as it is. Exif goes because it says where and with
    what a photograph was taken. None for what can't be decoded.
    """
    import cv2
    import numpy as np

    exif = exif_of(encoded)
    try:
        how = cv2.IMREAD_UNCHANGED if exif is None else cv2.IMREAD_COLOR
        picture: Any = cv2.imdecode(np.frombuffer(encoded, np.uint8), how)
    except cv2.error:
        return None
    if picture is None or not picture.size:
        return None
    longest = max(picture.shape[:2])
    if exif is None and longest <= LONGEST_SIDE:
        return encoded
    picture = shrunk(picture, LONGEST_SIDE)
    transparent = picture.ndim == 3 and picture.shape[2] == 4
    kind = (".png", []) if transparent else (".jpg", [cv2.IMWRITE_JPEG_QUALITY, 95])
    if picture.dtype != np.uint8:  # 16 bits a channel
        picture = (picture / 257).astype(np.uint8)
    good, made = cv2.imencode(kind[0], picture, kind[1])
    return bytes(made) if good else None


def shrunk(picture: NDArray[Any], longest: int) -> NDArray[Any]:
    """The picture, at most so many pixels on a side, its proportions kept."""
    import cv2
    import numpy as np

    scale = longest / max(picture.shape[:2])
    if scale >= 1:
        return picture
    size = [max(1, round(scale * side)) for side in picture.shape[1::-1]]
    return np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA))


def thumbnail(encoded: bytes) -> bytes:
    """A small JPEG of an image file, for a page to show; empty for what can't be decoded."""
    import cv2
    import numpy as np

    picture: Any = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
    if picture is None:
        return b""
    good, made = cv2.imencode(".jpg", shrunk(picture, THUMBNAIL), [cv2.IMWRITE_JPEG_QUALITY, 85])
    return bytes(made) if good else b""


def exif_of(encoded: bytes) -> int | None:
    """The orientation (1 to 8) that a JPEG's Exif states; None where it has no Exif.

    1 where the Exif says nothing of it, or makes no sense.
    """
    if encoded[:2] != b"\xff\xd8":
        return None
    at = 2
    try:
        while True:
            marker, length = struct.unpack_from(">HH", encoded, at)
            if marker == 0xFFE1 and encoded[at + 4 : at + 10] == b"Exif\0\0":
                return _orientation(encoded[at + 10 : at + 2 + length])
            if marker == 0xFFDA or marker < 0xFF00:  # the picture itself begins
                return None
            at += 2 + length
    except struct.error:
        return None


def _orientation(tiff: bytes) -> int:
    order = "<" if tiff[:2] == b"II" else ">"
    try:
        (first,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, first)
        for index in range(min(count, 64)):
            tag, _, _, value = struct.unpack_from(order + "HHIH", tiff, first + 2 + 12 * index)
            if tag == _ORIENTATION:
                return int(value) if 1 <= value <= 8 else 1
    except struct.error:
        pass
    return 1


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
