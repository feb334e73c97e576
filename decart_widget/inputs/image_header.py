"""What the header of an image file states, and whether the image is small enough to decode.

A file of a few kilobytes can decode to gigabytes. So each file that comes from outside (a page, a
notebook, a network) is checked by its header first: an unknown format, an unreadable header, too
many pixels or too much memory are refused. Pillow's own limit (``DecompressionBombError``) isn't
enough, because it counts pixels only and applies at 179 megapixels.
"""

from __future__ import annotations

import importlib
import io
import struct
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from PIL import Image

LARGEST_PIXELS: Final = 50_000_000
"""Pixels of an image that is decoded. Most cameras make fewer."""

LARGEST_DECODED_BYTES: Final = 134_000_000
"""Bytes of memory that decoding one image may need: 7680x4320 pixels with 4 bytes each."""

SERVICE_FORMATS: Final = ("JPEG", "PNG", "WebP")
"""The formats that the service accepts."""

FORMATS: Final = (*SERVICE_FORMATS, "GIF", "AVIF", "HEIC", "TIFF", "BMP")
"""The formats that are read; others than the service's are converted."""

_SIGNATURES: Final[tuple[tuple[str, int, bytes], ...]] = (
    ("JPEG", 0, b"\xff\xd8\xff"),
    ("PNG", 0, b"\x89PNG\r\n\x1a\n"),
    ("WebP", 8, b"WEBP"),
    ("GIF", 0, b"GIF87a"),
    ("GIF", 0, b"GIF89a"),
    ("TIFF", 0, b"II*\0"),
    ("TIFF", 0, b"MM\0*"),
    ("BMP", 0, b"BM"),
)
"""Each format with the offset and the bytes that identify its files."""

_BRANDS: Final[tuple[tuple[str, frozenset[bytes]], ...]] = (
    ("AVIF", frozenset((b"avif", b"avis"))),
    ("HEIC", frozenset((b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"))),
)
"""Brands of ISO base media files that hold images (ISO/IEC 23008-12; AV1 Image File Format)."""

_PLUGINS: Final = {
    "JPEG": ("PIL.JpegImagePlugin", "JpegImageFile", ""),
    "PNG": ("PIL.PngImagePlugin", "PngImageFile", ""),
    "GIF": ("PIL.GifImagePlugin", "GifImageFile", ""),
    "TIFF": ("PIL.TiffImagePlugin", "TiffImageFile", ""),
    "BMP": ("PIL.BmpImagePlugin", "BmpImageFile", ""),
    "AVIF": (
        "PIL.AvifImagePlugin",
        "AvifImageFile",
        "Install Pillow 11.3 or later (%pip install -U pillow), or save the picture as JPEG.",
    ),
    "HEIC": (
        "pillow_heif",
        "HeifImageFile",
        "Install pillow-heif (%pip install pillow-heif), or save the picture as JPEG.",
    ),
}
"""Per format: module and class that read its files, and the remedy where the module is missing."""

_KEPT_PNG_CHUNKS: Final = frozenset((b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND", b"iCCP", b"eXIf"))
"""PNG chunks that are passed to the decoder: the picture, its colours and its orientation.

The others hold texts, which may be compressed and decode to 64 MB, or further frames (APNG).
"""

_MAX_WEBP_CHUNKS: Final = 1000
"""Chunks of a WebP file that are looked at; an animation has one for each frame."""

_BYTES_PER_PIXEL: Final = {"1": 1, "L": 1, "P": 1, "I;16": 2, "I;16B": 2, "I;16L": 2}
"""Bytes in which Pillow stores a pixel, by mode; 4 in every other mode."""

_DECODER_BYTES_PER_PIXEL: Final = {"WebP": 8, "AVIF": 10, "HEIC": 10}
"""Bytes per pixel that decoders of their own need altogether (measured with 12 megapixels)."""


class PictureError(ValueError):
    """A picture is refused before it is decoded, or can't be decoded.

    Args:
        reason: The rest of a sentence that begins with the picture, such as "is damaged".
        remedy: What to do next.

    Attributes:
        remedy: What to do next.
    """

    def __init__(self, reason: str, remedy: str) -> None:
        super().__init__(reason)
        self.remedy = remedy


class Header(NamedTuple):
    """What a file states about its image.

    Attributes:
        format: One of ``FORMATS``.
        width: In pixels, as stored, before the Exif orientation is applied.
        height: In pixels, likewise.
        mode: Pillow's mode of the decoded image.
        buffered_bytes: Memory that the decoder needs besides the image, at any output size: libjpeg
            keeps all coefficients of a JPEG file with several scans.
    """

    format: str
    width: int
    height: int
    mode: str = "RGB"
    buffered_bytes: int = 0


def listed(formats: Collection[str]) -> str:
    """Returns names as text: ``"JPEG, PNG or WebP"``."""
    *first, last = formats
    return f"{', '.join(first)} or {last}"


def image_format(encoded: bytes) -> str | None:
    """Returns one of ``FORMATS`` by the file's signature, else None."""
    for name, offset, signature in _SIGNATURES:
        if encoded[offset : offset + len(signature)] == signature:
            return name
    if encoded[4:8] == b"ftyp":
        box = encoded[8 : min(int.from_bytes(encoded[:4], "big"), 256)]
        brands = {box[at : at + 4] for at in range(0, len(box), 4)}
        for name, known in _BRANDS:
            if brands & known:
                return name
    return None


def read_header(encoded: bytes, formats: Collection[str] = FORMATS) -> Header:
    """Reads a file's header, without decoding the image.

    Args:
        encoded: The file.
        formats: The formats that are accepted.

    Returns:
        The header.

    Raises:
        PictureError: The file has another format, or a header that can't be read.
    """
    name = image_format(encoded)
    if name is None or name not in formats:
        raise PictureError(f"is no image: not {listed(formats)}", f"Give a {listed(formats)} file.")
    try:
        if name == "WebP":
            return Header(name, *_webp_size(encoded))
        image = open_file(encoded, name)
        buffered = _coefficient_bytes(image, encoded) if name == "JPEG" else 0
        return Header(name, *image.size, image.mode, buffered)
    except PictureError:
        raise
    except Exception:  # what Pillow raises for damaged files is not documented, and varies
        raise damaged() from None


def damaged() -> PictureError:
    """The error of a file that can't be decoded."""
    return PictureError(
        "can't be decoded: it is cut off or damaged", "Save it again as JPEG or PNG."
    )


def check_header(header: Header, bytes_per_pixel: int | None = None, scale: int = 1) -> None:
    """Checks that an image is small enough to decode.

    Args:
        header: What its file states.
        bytes_per_pixel: Bytes that the decoder needs for each pixel; None for Pillow's.
        scale: The divisor of width and height with which the decoder makes the image.

    Raises:
        PictureError: It has too many pixels, or needs too much memory.
    """
    pixels = header.width * header.height
    if not pixels:
        raise damaged()
    if pixels > LARGEST_PIXELS:
        raise PictureError(
            f"has {pixels / 1e6:.0f} megapixels, more than {LARGEST_PIXELS / 1e6:g} megapixels",
            f"Make it smaller: at most {LARGEST_PIXELS / 1e6:g} megapixels.",
        )
    if bytes_per_pixel is None:
        bytes_per_pixel = _BYTES_PER_PIXEL.get(header.mode, 4)
        bytes_per_pixel = _DECODER_BYTES_PER_PIXEL.get(header.format, bytes_per_pixel)
        if header.format == "TIFF":
            bytes_per_pixel *= 2  # libtiff holds a strip, which may be the whole image
    needed = pixels // scale**2 * bytes_per_pixel + header.buffered_bytes
    if needed > LARGEST_DECODED_BYTES:
        raise PictureError(
            f"has {header.width}x{header.height} pixels, which need {needed / 1e6:.0f} MB as "
            f"{header.format}, more than {LARGEST_DECODED_BYTES / 1e6:.0f} MB",
            "Make it smaller, or save it as a baseline JPEG with 8 bits per channel.",
        )


def open_file(encoded: bytes, name: str) -> Image.Image:
    """Opens an image file with Pillow, which reads its header.

    The formats' own classes are used because ``PIL.Image.open`` also warns of large images, which
    ``check_header`` refuses.

    Args:
        encoded: The file.
        name: Its format, one of ``FORMATS`` except WebP.

    Raises:
        PictureError: This Pillow can't read the format.
        Exception: The file is damaged.
    """
    file = io.BytesIO(_without_texts(encoded) if name == "PNG" else encoded)
    module, class_name, remedy = _PLUGINS[name]
    try:
        plugin = importlib.import_module(module)
        if not getattr(plugin, "SUPPORTED", True):
            raise ImportError
        image: Image.Image = getattr(plugin, class_name)(file)
    except ImportError:
        raise PictureError(f"is {name}, which Pillow can't read here", remedy) from None
    return image


def _coefficient_bytes(image: Any, encoded: bytes) -> int:
    """Returns the memory in which libjpeg keeps the coefficients of a file with several scans.

    Args:
        image: The opened file; Pillow has read it up to the end of the first scan's header.
        encoded: The file.
    """
    parts = image.layer  # per component: id, horizontal and vertical sampling, quantisation table
    # SOS (ITU-T T.81, B.2.3): marker, length, number of components, two bytes for each, three more.
    scan = encoded[: image.fp.tell()][-(8 + 2 * len(parts)) :]
    is_single = scan[:2] == b"\xff\xda" and scan[4] == len(parts)
    if is_single and not image.info.get("progressive"):
        return 0
    most = max(h for _, h, _, _ in parts) * max(v for _, _, v, _ in parts)
    samples: int = sum(h * v for _, h, v, _ in parts) * image.width * image.height // max(1, most)
    return 2 * samples


def _without_texts(encoded: bytes) -> bytes:
    """Returns a PNG file with only the chunks of ``_KEPT_PNG_CHUNKS``."""
    view, at = memoryview(encoded), 8
    kept = [view[:8]]
    while at + 12 <= len(encoded):
        length, kind = struct.unpack_from(">I4s", encoded, at)
        if kind in _KEPT_PNG_CHUNKS:
            kept.append(view[at : at + 12 + length])
        at += 12 + length
        if kind == b"IEND":
            break
    return b"".join(kept)


def webp_chunks(encoded: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields the chunks of a WebP file (RFC 9649): each one's name and its first bytes.

    Yields:
        The name, and the whole data of a chunk; 32 bytes of one that holds pictures.
    """
    at = 12
    for _ in range(_MAX_WEBP_CHUNKS):
        if at + 8 > len(encoded):
            return
        kind, length = struct.unpack_from("<4sI", encoded, at)
        is_picture = kind in (b"VP8 ", b"VP8L", b"ANMF", b"ALPH")
        yield kind, encoded[at + 8 : at + 8 + (min(length, 32) if is_picture else length)]
        at += 8 + length + length % 2


def _webp_size(encoded: bytes) -> tuple[int, int]:
    """Returns the largest size that any chunk of a WebP file states.

    ``PIL.WebPImagePlugin`` isn't used, because it allocates the image when it opens the file.

    Raises:
        PictureError: No chunk states one.
    """
    sizes = []
    for kind, data in webp_chunks(encoded):
        if kind in (b"VP8X", b"ANMF"):
            # Each 24 bits, minus one: after flags and reserved bytes, or after x and y.
            at = 4 if kind == b"VP8X" else 6
            width, height = data[at : at + 3], data[at + 3 : at + 6]
            if len(height) == 3:
                size = (int.from_bytes(width, "little") + 1, int.from_bytes(height, "little") + 1)
                sizes.append(size)
        elif kind == b"VP8 " and data[3:6] == b"\x9d\x01\x2a" and len(data) >= 10:
            sizes.append(tuple(side & 0x3FFF for side in struct.unpack_from("<HH", data, 6)))
        elif kind == b"VP8L" and data[:1] == b"\x2f" and len(data) >= 5:
            bits = int.from_bytes(data[1:5], "little")
            sizes.append(((bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1))
    if not sizes:
        raise damaged()
    return max(size[0] for size in sizes), max(size[1] for size in sizes)
