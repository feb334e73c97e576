"""Image files and PIL images: decoded, and prepared for the service.

What is sent is always encoded anew, from the pixels alone: upright, in sRGB, with 8 bits a channel
and at most 1920 pixels on a side. So no metadata leaves the machine, whatever the format: neither
Exif, XMP or IPTC, nor comments, text chunks, thumbnails or data appended to the file.

Call these functions on the decoder's thread (``inputs.decoder_thread``).
"""

from __future__ import annotations

import io
from collections.abc import Collection
from typing import TYPE_CHECKING, Any, Final

from decart_widget.inputs.image_colours import Levels, in_bytes, in_srgb
from decart_widget.inputs.image_header import (
    FORMATS,
    Header,
    PictureError,
    check_header,
    damaged,
    open_file,
    read_header,
    webp_chunks,
)

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image

MAX_SENT_BYTES: Final = 10_000_000
"""Bytes of the file that is sent (the service's limit)."""

LONGEST_SIDE_PX: Final = 1920
"""Longer side of what is sent; no model makes pictures larger than 1920x1080."""

THUMBNAIL_PX: Final = 96
"""Longer side of a thumbnail."""

_BAND_PIXELS: Final = 1_000_000
"""Pixels that are converted at once, so that a large image is never held twice."""

_LOSSLESS: Final = frozenset(("PNG", "GIF", "TIFF", "BMP"))
"""Formats whose pixels are sent as PNG when the image isn't scaled."""

_JPEG_QUALITIES: Final = (95, 85, 75)
"""Qualities (1 to 100) of a JPEG that is sent: the first whose file isn't too large."""

_SMALLER: Final = 0.75
"""Factor by which an image is scaled while its file is too large at every quality."""

_PNG_LEVEL: Final = 1
"""zlib's level (1 to 9): a fifth of the time of the default, with files a tenth larger."""

_THUMBNAIL_QUALITY: Final = 85
"""Quality (1 to 100) of a thumbnail."""


def for_service(encoded: bytes) -> bytes:
    """Prepares an image file for the service.

    Args:
        encoded: The file, in any of ``FORMATS``. Of an animated one, the first frame is used.

    Returns:
        A PNG file if the image has transparency, or if its format is lossless and it needs no
        scaling; else a JPEG file. It has at most 10 MB.

    Raises:
        PictureError: The file is no image, is too large to decode, or is damaged.
    """
    header = read_header(encoded)
    image, profile = _decoded(encoded, header, LONGEST_SIDE_PX)
    return _prepared_file(image, profile, is_lossless=header.format in _LOSSLESS)


def image_for_service(image: Image.Image, *, is_lossless: bool) -> bytes:
    """Prepares a PIL image for the service; the image itself isn't changed.

    Args:
        image: In any mode; its Exif orientation and colour profile are applied.
        is_lossless: Whether it should be sent as PNG if it needs no scaling.

    Returns:
        As ``for_service``.

    Raises:
        PictureError: The image has too many pixels, values out of range, or can't be loaded.
    """
    check_header(Header("PIL image", *image.size, image.mode))
    _load(image)
    return _prepared_file(image, image.info.get("icc_profile"), is_lossless=is_lossless)


def thumbnail(encoded: bytes) -> bytes:
    """Makes a small JPEG of an image file, for a page to show.

    Args:
        encoded: The file.

    Returns:
        The JPEG, at most 96 pixels on a side; empty when the file can't be decoded.
    """
    try:
        image = _decoded(encoded, read_header(encoded), THUMBNAIL_PX)[0]
        return _jpeg(_shrunk(image, THUMBNAIL_PX).convert("RGB"), _THUMBNAIL_QUALITY)
    except PictureError:
        return b""


def rgb_array(
    encoded: bytes, longest_px: int, formats: Collection[str] = FORMATS
) -> NDArray[np.uint8]:
    """Decodes an image file.

    Args:
        encoded: The file.
        longest_px: Pixels that the longer side is scaled down to; a smaller image is kept.
        formats: The formats that are accepted.

    Returns:
        The upright image, shape (height, width, 3), uint8, RGB.

    Raises:
        PictureError: The file is no image, is too large to decode, or is damaged.
    """
    import numpy as np

    image, profile = _decoded(encoded, read_header(encoded, formats), longest_px)
    upright = _upright(_shrunk(image, longest_px), image)
    return np.asarray(in_srgb(upright, profile).convert("RGB"))


def _decoded(encoded: bytes, header: Header, longest_px: int) -> tuple[Image.Image, bytes | None]:
    """Returns a file's first frame and its colour profile.

    Args:
        encoded: The file.
        header: Its header.
        longest_px: The longer side that is needed; a JPEG is decoded at a half, a quarter or an
            eighth of its size if that is larger.

    Raises:
        PictureError: The image is too large to decode, or is damaged.
    """
    if header.format == "WebP":
        check_header(header)
        return _decoded_webp(encoded)
    scale = 1
    try:
        image: Any = open_file(encoded, header.format)
        profile = image.info.get("icc_profile")
        if header.format == "JPEG":
            smaller = longest_px / max(longest_px, *image.size)
            image.draft(image.mode, tuple(max(1, round(side * smaller)) for side in image.size))
            scale = max(1, header.width // image.width)
    except PictureError:
        raise
    except Exception:  # what Pillow raises for damaged files is not documented, and varies
        raise damaged() from None
    check_header(header, scale=scale)
    _load(image)
    return image, profile


def _load(image: Image.Image) -> None:
    """Decodes a file that Pillow has opened.

    Raises:
        PictureError: It is damaged.
    """
    try:
        image.load()
    except Exception:  # what Pillow raises for damaged files is not documented, and varies
        raise damaged() from None


def _decoded_webp(encoded: bytes) -> tuple[Image.Image, bytes | None]:
    """Decodes a WebP file's first frame with OpenCV.

    Pillow needs twice the memory (16 bytes per pixel), and holds the interpreter's lock meanwhile:
    no other thread runs for a quarter of a second with 12 megapixels (measured).

    Raises:
        PictureError: It is damaged.
    """
    import numpy as np

    data = np.frombuffer(encoded, np.uint8)
    # After NumPy: the first import of each stops all other threads, together for more than 0.1 s.
    import cv2
    from PIL import Image

    try:
        pixels = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
    except cv2.error:
        pixels = None
    if pixels is None:
        raise damaged()
    code = cv2.COLOR_BGRA2RGBA if pixels.shape[2] == 4 else cv2.COLOR_BGR2RGB
    image = Image.fromarray(cv2.cvtColor(pixels, code, dst=pixels))
    chunks = dict(webp_chunks(encoded))
    exif = chunks.get(b"EXIF", b"").removeprefix(b"Exif\0\0")
    if exif:
        image.info["exif"] = b"Exif\0\0" + exif
    return image, chunks.get(b"ICCP")


def _prepared_file(image: Image.Image, profile: bytes | None, *, is_lossless: bool) -> bytes:
    """Returns a loaded image as the file that is sent."""
    is_scaled = max(image.size) > LONGEST_SIDE_PX
    made = _upright(_shrunk(image, LONGEST_SIDE_PX), image)
    made = in_srgb(made, profile)
    if made.mode == "RGBA" and made.getchannel("A").getextrema() == (255, 255):
        made = made.convert("RGB")  # nothing is transparent
    has_alpha = made.mode == "RGBA"
    while True:
        if has_alpha or (is_lossless and not is_scaled):
            file = _png(made)
            if len(file) <= MAX_SENT_BYTES:
                return file
        if not has_alpha:
            for quality in _JPEG_QUALITIES:
                file = _jpeg(made, quality)
                if len(file) <= MAX_SENT_BYTES:
                    return file
        is_scaled = True
        width, height = (max(1, round(side * _SMALLER)) for side in made.size)
        made = made.resize((width, height))


def _shrunk(image: Image.Image, longest_px: int) -> Image.Image:
    """Returns an image with 8 bits a channel, at most ``longest_px`` on a side.

    The mode is L, RGB, RGBA, CMYK or LAB. A large image is converted and averaged band by band.

    Raises:
        PictureError: Its values are out of range, or its mode is unknown.
    """
    from PIL import Image

    levels = Levels(image)
    has_alpha = image.has_transparency_data and levels.highest is None
    factor = max(image.size) // longest_px
    if factor < 2:
        made = in_bytes(image, levels, has_alpha=has_alpha)
    else:
        width, height = image.size
        rows = factor * max(1, _BAND_PIXELS // (width * factor))
        made = Image.new("L", (1, 1))
        for top in range(0, height, rows):
            band = image.crop((0, top, width, min(height, top + rows)))
            band = in_bytes(band, levels, has_alpha=has_alpha).reduce(factor)
            if top == 0:
                made = Image.new(band.mode, (band.width, -(-height // factor)))
            made.paste(band, (0, top // factor))
    scale = min(1, longest_px / max(image.size))
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return made.resize(size, Image.Resampling.BICUBIC) if size != made.size else made.copy()


def _upright(image: Image.Image, tagged: Image.Image) -> Image.Image:
    """Turns an image upright, by the Exif orientation of another (Exif 2.32, 4.6.4).

    ``PIL.ImageOps.exif_transpose`` isn't used because it also rewrites the Exif, which is dropped
    here, and which fails for some damaged ones.
    """
    from PIL import ExifTags
    from PIL.Image import Transpose

    try:
        orientation = tagged.getexif().get(ExifTags.Base.Orientation, 1)
    except Exception:  # damaged Exif
        return image
    transposition = {
        2: Transpose.FLIP_LEFT_RIGHT,
        3: Transpose.ROTATE_180,
        4: Transpose.FLIP_TOP_BOTTOM,
        5: Transpose.TRANSPOSE,
        6: Transpose.ROTATE_270,
        7: Transpose.TRANSVERSE,
        8: Transpose.ROTATE_90,
    }.get(orientation)
    return image if transposition is None else image.transpose(transposition)


def _png(image: Image.Image) -> bytes:
    return _saved(image, "PNG", compress_level=_PNG_LEVEL)


def _jpeg(image: Image.Image, quality: int) -> bytes:
    # Without subsampling: coloured edges stay sharp.
    return _saved(image, "JPEG", quality=quality, subsampling=0)


def _saved(image: Image.Image, format_: str, **options: int) -> bytes:
    image.info.clear()  # a format's writer may copy metadata from it into the file
    file = io.BytesIO()
    image.save(file, format_, **options)
    return file.getvalue()
