"""Reference images: whatever the caller has, checked, in the form in which it is sent."""

from __future__ import annotations

import base64
import binascii
import io
import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote_to_bytes

from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import InvalidImageError
from decart_widget.inputs.decoder_thread import decode_blocking
from decart_widget.inputs.image_colours import check_range
from decart_widget.inputs.image_download import MAX_SOURCE_BYTES, download, is_url
from decart_widget.inputs.image_files import for_service, image_for_service
from decart_widget.inputs.image_header import PictureError
from decart_widget.protocol.messages import ImageData

_FILE_ID: Final = re.compile(r"file_[A-Za-z0-9_\-]{1,200}")
"""The id of an uploaded file, as the service's file API gives it."""

_SOURCES: Final = (
    "Give a path, bytes, a file opened for reading, an http(s) or data: URL, a file id, a PIL "
    "image, an array or a matplotlib figure."
)
"""Remedy for values of other types."""

_SHAPES: Final = "Give (height, width, 3) RGB, (height, width, 4) RGBA or (height, width) grey."
"""Remedy for arrays of other shapes."""


def load_image(source: Any) -> ImageData:
    """Makes a reference image of any of the types that callers may pass.

    A URL blocks for as long as its server takes, 15 s at most. The image is decoded on the thread
    of ``inputs.decoder_thread``.

    Args:
        source: A path, the bytes of an image file, a file object opened for reading bytes, an
            http(s) or ``data:`` URL, the id of an uploaded file (``file_…``), a PIL image, a
            matplotlib figure, or an array or tensor on the CPU of shape ``(height, width, 3)``
            (RGB), ``(height, width, 4)`` (RGBA) or ``(height, width)`` (grey): uint8, uint16
            (0..65535), bool, or float in 0..1. A tensor may also have its channels first.

    Returns:
        The image as it is sent: a JPEG or PNG file, upright, in sRGB, at most 1920 pixels on a
        side, at most 10 MB and without any metadata; or the id of an uploaded file.

    Raises:
        InvalidImageError: The source is no image, too large, or can't be read or downloaded.
        InvalidURLError: It is a URL that can't be used.
    """
    if isinstance(source, ImageData):
        return source  # it has been checked already
    if isinstance(source, str) and _FILE_ID.fullmatch(source):
        return ImageData(ref=source)
    if is_url(source):
        return _from_file(download(source), "the downloaded file")
    if isinstance(source, str) and source[:5].lower() == "data:":
        return _from_file(_from_data_url(source), "the data: URL")
    if isinstance(source, bytes | bytearray | memoryview):
        return _from_file(bytes(source), "the given bytes")
    if isinstance(source, str | os.PathLike):
        return _from_path(source)
    if _is_pil_image(source):
        return _prepared(image_for_service, source, is_lossless=source.format not in _LOSSY)
    if hasattr(source, "savefig"):
        return _from_file(_from_figure(source), "the figure")
    if hasattr(source, "__array__") or hasattr(source, "__dlpack__"):
        return _from_array(source)
    if hasattr(source, "read"):
        return _from_file(_from_file_object(source), "the file object")
    raise InvalidImageError(
        f"A {type(source).__name__} is no reference image.",
        remedy=_SOURCES,
    )


_LOSSY: Final = frozenset(("JPEG", "MPO", "WEBP", "AVIF", "HEIF"))
"""Pillow's names of formats whose pixels are sent as JPEG."""


def _prepared(function: Callable[..., bytes], *args: Any, **kwargs: Any) -> ImageData:
    """Returns the image that a function of ``image_files`` makes, on the decoder's thread.

    Raises:
        InvalidImageError: The image is refused.
    """
    try:
        file = decode_blocking(function, *args, **kwargs)
    except PictureError as error:
        raise InvalidImageError(f"The reference image {error}.", remedy=error.remedy) from None
    return ImageData(data=base64.b64encode(file).decode("ascii"))


def _from_file(encoded: bytes, what: str) -> ImageData:
    """Makes a reference image of a file's bytes; ``what`` is the file's name in errors.

    Raises:
        InvalidImageError: The bytes are no image that can be sent.
    """
    if not encoded:
        raise InvalidImageError(
            f"The reference image is empty ({what} has 0 bytes).", remedy="Choose another file."
        )
    if len(encoded) > MAX_SOURCE_BYTES:
        raise _too_large(what)
    return _prepared(for_service, encoded)


def _too_large(what: str) -> InvalidImageError:
    limit = f"{MAX_SOURCE_BYTES / 1e6:g} MB"
    return InvalidImageError(
        f"The reference image is too large: {what} has more than {limit}.",
        remedy=f"Make it smaller: at most {limit}.",
    )


def _from_path(source: str | os.PathLike[str]) -> ImageData:
    try:
        path = Path(os.fsdecode(source)).expanduser()
    except (RuntimeError, TypeError):
        raise InvalidImageError(
            "The image's path can't be resolved.", remedy="Give an absolute path."
        ) from None
    try:
        # Opened without blocking: opening a pipe would wait for its other end.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | _BINARY)
        with os.fdopen(descriptor, "rb") as file:
            is_regular = stat.S_ISREG(os.fstat(descriptor).st_mode)
            encoded = file.read(MAX_SOURCE_BYTES + 1) if is_regular else b""
    except OSError as error:
        raise InvalidImageError(
            f'The reference image "{shorten(str(path), 200)}" can\'t be read ({error.strerror}).',
            remedy=f"Check the path; the notebook runs in {_folder()}.",
        ) from None
    except ValueError:
        raise InvalidImageError(
            "The image's path has a null byte in it.", remedy="Give the file's bytes as bytes."
        ) from None
    if not is_regular:
        raise InvalidImageError(
            f'The reference image "{shorten(str(path), 200)}" is no regular file.',
            remedy="Give the path of an image file.",
        )
    return _from_file(encoded, f'"{path.name}"')


_BINARY: Final[int] = getattr(os, "O_BINARY", 0)
"""Windows' flag for files that are not text; 0 elsewhere."""


def _folder() -> str:
    try:
        return str(Path.cwd())
    except OSError:  # it was deleted
        return "a folder that does not exist any more"


def _from_data_url(url: str) -> bytes:
    """Returns the data of a ``data:`` URL (RFC 2397).

    Raises:
        InvalidImageError: It isn't well-formed.
    """
    head, comma, data = url.partition(",")
    remedy = 'Give "data:image/png;base64," and the file as base64, or the file as bytes.'
    if len(url) > MAX_SOURCE_BYTES * 4 // 3 + 1000:
        raise _too_large("the data: URL")
    if not comma:
        raise InvalidImageError("The data: URL has no comma in it.", remedy=remedy)
    raw = unquote_to_bytes(data)
    if not head.lower().endswith(";base64"):
        return raw
    try:
        return base64.b64decode(b"".join(raw.split()), validate=True)
    except binascii.Error:
        raise InvalidImageError("The data: URL is not valid base64.", remedy=remedy) from None


def _from_file_object(source: Any) -> bytes:
    """Reads a file object from where it is.

    Raises:
        InvalidImageError: It can't be read, is at its end, or returns text.
    """
    try:
        encoded = source.read(MAX_SOURCE_BYTES + 1)
    except Exception as error:  # of whatever class the object belongs to
        raise InvalidImageError(
            f"The {type(source).__name__} can't be read ({type(error).__name__}).",
            remedy="Open the file for reading, as bytes, or give its path.",
        ) from None
    if not isinstance(encoded, bytes | bytearray | memoryview):
        raise InvalidImageError(
            f"The {type(source).__name__} returns {type(encoded).__name__} instead of bytes.",
            remedy='Open the file as bytes: open(path, "rb").',
        )
    if not encoded:
        raise InvalidImageError(
            "The reference image is empty (the file object is at its end).",
            remedy="Call seek(0) on it, or give the file's path.",
        )
    return bytes(encoded)


def _from_figure(figure: Any) -> bytes:
    """Draws a matplotlib figure, or what has its ``savefig``, as a PNG file.

    Raises:
        InvalidImageError: It can't be drawn.
    """
    file = io.BytesIO()
    try:
        figure.savefig(file, format="png")
    except Exception as error:  # whatever drawing raises
        raise InvalidImageError(
            f"The {type(figure).__name__} can't be drawn ({type(error).__name__}).",
            remedy='Call its savefig("picture.png") to see why, and give the file\'s path.',
        ) from None
    return file.getvalue()


def _is_pil_image(source: object) -> bool:
    """Returns whether a source is a PIL image; doesn't import Pillow for others."""
    if not (hasattr(source, "mode") and hasattr(source, "getexif")):
        return False
    from PIL import Image

    return isinstance(source, Image.Image)


def _from_array(source: Any) -> ImageData:
    """Makes a reference image of an array or tensor.

    Raises:
        InvalidImageError: It has another shape, type or range, or can't be read.
    """
    import numpy as np

    try:
        # A tensor of PyTorch may need a gradient or be on a GPU.
        tensor = source.detach().cpu() if hasattr(source, "detach") else source
        is_array = hasattr(tensor, "__array__")
        array = np.asarray(tensor) if is_array else np.from_dlpack(tensor)
    except Exception as error:  # whatever a library's conversion raises
        raise InvalidImageError(
            f"The {type(source).__name__} can't be read as an array ({type(error).__name__}).",
            remedy="Copy it to the CPU and convert it to a NumPy array of uint8.",
        ) from None
    if not isinstance(source, np.ndarray) and array.ndim == 3:
        first, _, last = array.shape
        if first in (1, 3, 4) and last not in (1, 3, 4):
            array = np.moveaxis(array, 0, -1)  # channels first, as PyTorch has them
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)):
        raise InvalidImageError(f"An array of shape {array.shape} is no picture.", remedy=_SHAPES)
    if 0 in array.shape:
        raise InvalidImageError("The array has no pixels.", remedy="Check its shape.")
    return _prepared(_array_for_service, array)


def _array_for_service(array: Any) -> bytes:
    """Returns an array as the file that is sent; see ``image_for_service``.

    Raises:
        PictureError: It has another type, or values out of range.
    """
    import numpy as np
    from PIL import Image

    kind = array.dtype.kind
    if kind == "b":
        array = array.astype(np.uint8) * 255
    elif array.dtype == np.uint16 or kind == "f":
        if kind == "f" and not np.isfinite(array).all():
            raise PictureError("has values that are no numbers", "Replace NaN and infinity.")
        white = check_range(float(array.min()), float(array.max()), is_float=kind == "f")
        array = (array * np.float32(255 / white)).round().astype(np.uint8)
    elif array.dtype != np.uint8:
        raise PictureError(f"is an array of {array.dtype}", "Convert it to uint8 (0..255).")
    return image_for_service(Image.fromarray(np.ascontiguousarray(array)), is_lossless=True)
