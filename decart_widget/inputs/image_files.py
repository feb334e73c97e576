"""JPEG, PNG and WebP files: what their headers state, and how they are prepared for the service."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

LARGEST_PIXELS: Final = 50_000_000
"""Pixels of an image; a file of a few kilobytes can decode to gigabytes. Cameras make fewer."""

LONGEST_SIDE_PX: Final = 1920
"""Longer side of what is sent; no model makes pictures larger than 1920x1080."""

THUMBNAIL_PX: Final = 96
"""Longer side of a thumbnail."""

FORMATS: Final = "JPEG, PNG or WebP"
"""The formats that the service accepts, for messages."""

_SIGNATURES: Final[tuple[tuple[str, int, bytes], ...]] = (
    ("JPEG", 0, b"\xff\xd8\xff"),
    ("PNG", 0, b"\x89PNG\r\n\x1a\n"),
    ("WebP", 8, b"WEBP"),
)
"""Each format with the offset and the bytes that identify its files."""

_LARGEST_WEBP_SIDE_PX: Final = 16_383
"""A WebP file states its width and height in 14 bits (RFC 9649)."""

_METADATA: Final = frozenset(("exif", "xmp", "Raw profile type exif", "XML:com.adobe.xmp"))
"""Pillow's names of metadata that can say where, when and with what a photograph was taken."""

_JPEG_QUALITY: Final = 95
"""Quality (1 to 100) of a JPEG that is sent."""

_THUMBNAIL_QUALITY: Final = 85
"""Quality (1 to 100) of a thumbnail."""


def image_format(encoded: bytes) -> str | None:
    """Returns ``"JPEG"``, ``"PNG"`` or ``"WebP"`` by the file's signature, else None."""
    for name, offset, signature in _SIGNATURES:
        if encoded[offset : offset + len(signature)] == signature:
            return name
    return None


def stated_size(encoded: bytes) -> tuple[int, int] | None:
    """Reads an image's size from the file's header, without decoding the image.

    Check it before decoding: a few kilobytes can state, and decode to, gigabytes.

    Args:
        encoded: The file.

    Returns:
        (width, height) in pixels; None for a file whose header can't be read. A WebP file that
        states more pixels than Pillow accepts counts as one of the largest possible size.
    """
    from PIL.Image import DecompressionBombError

    try:
        return _open(encoded).size
    except DecompressionBombError:
        return _LARGEST_WEBP_SIDE_PX, _LARGEST_WEBP_SIDE_PX
    except Exception:  # what Pillow raises for damaged files is not documented, and varies
        return None


def fitted(encoded: bytes) -> bytes | None:
    """Prepares an image file for the service: upright, at most 1920 pixels on a side, no Exif.

    Args:
        encoded: The file. Check its ``stated_size`` before.

    Returns:
        The same bytes when the file is like this already, else a new file: PNG if the image has
        transparency, else JPEG. None when the file can't be decoded.
    """
    image = _decoded(encoded)
    if image is None:
        return None
    if not _METADATA.intersection(image.info) and max(image.size) <= LONGEST_SIDE_PX:
        return encoded
    made = _prepared(image, LONGEST_SIDE_PX)
    return _saved(made, "PNG") if made.mode == "RGBA" else _saved(made, "JPEG", _JPEG_QUALITY)


def thumbnail(encoded: bytes) -> bytes:
    """Makes a small JPEG of an image file, for a page to show.

    Args:
        encoded: The file. Check its ``stated_size`` before.

    Returns:
        The JPEG, at most 96 pixels on a side; empty when the file can't be decoded.
    """
    image = _decoded(encoded)
    if image is None:
        return b""
    return _saved(_prepared(image, THUMBNAIL_PX).convert("RGB"), "JPEG", _THUMBNAIL_QUALITY)


def rgb_array(encoded: bytes, longest_px: int) -> NDArray[np.uint8] | None:
    """Decodes an image file.

    Args:
        encoded: The file. Check its ``stated_size`` before.
        longest_px: Pixels that the longer side is scaled down to; a smaller image is kept.

    Returns:
        The upright image, shape (height, width, 3), uint8, RGB; None when it can't be decoded.
    """
    import numpy as np

    image = _decoded(encoded)
    return None if image is None else np.asarray(_prepared(image, longest_px).convert("RGB"))


def _open(encoded: bytes) -> Image.Image:
    """Reads a file's header.

    The formats' own classes are used because ``PIL.Image.open`` also warns of large images, which
    ``stated_size`` is there to detect.

    Raises:
        ValueError: The file has another format.
        Exception: The file is damaged.
    """
    from PIL.JpegImagePlugin import JpegImageFile
    from PIL.PngImagePlugin import PngImageFile
    from PIL.WebPImagePlugin import WebPImageFile

    file = io.BytesIO(encoded)
    match image_format(encoded):
        case "JPEG":
            return JpegImageFile(file)
        case "PNG":
            return PngImageFile(file)
        case "WebP":
            return WebPImageFile(file)
    raise ValueError("not an image")


def _decoded(encoded: bytes) -> Image.Image | None:
    try:
        image = _open(encoded)
        image.load()
    except Exception:  # what Pillow raises for damaged files is not documented, and varies
        return None
    return image


def _prepared(image: Image.Image, longest_px: int) -> Image.Image:
    """Returns the image upright, in mode RGB or RGBA, at most ``longest_px`` on a side."""
    import numpy as np
    from PIL import Image

    transposition = _transposition(image)
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode.startswith("I"):  # grey with 16 bits a pixel; Pillow itself scales colours down
        image = Image.fromarray((np.asarray(image) // 257).astype(np.uint8))
    image = image.convert(mode)
    image.thumbnail((longest_px, longest_px), Image.Resampling.BICUBIC, reducing_gap=3.0)
    return image if transposition is None else image.transpose(transposition)


def _transposition(image: Image.Image) -> Image.Transpose | None:
    """Returns what turns the image upright, by its Exif orientation (Exif 2.32, 4.6.4).

    ``PIL.ImageOps.exif_transpose`` isn't used because it also rewrites the Exif, which is dropped
    here, and which fails for some damaged ones.
    """
    from PIL import ExifTags
    from PIL.Image import Transpose

    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged Exif
        return None
    return {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)


def _saved(image: Image.Image, format_: str, quality: int = 100) -> bytes:
    image.info.clear()  # a format's writer may copy metadata from it into the file
    file = io.BytesIO()
    image.save(file, format_, quality=quality)
    return file.getvalue()
