"""Reference images: whatever the caller has, checked, in the form in which it is sent."""

from __future__ import annotations

import base64
import ipaddress
import os
import re
import socket
import time
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import InvalidImageError, InvalidURLError
from decart_widget.inputs.image_files import (
    FORMATS,
    LARGEST_PIXELS,
    fitted,
    image_format,
    stated_size,
)
from decart_widget.protocol.messages import ImageData

MAX_IMAGE_BYTES: Final = 10_000_000
"""Bytes of a reference image's file (the service's limit)."""

DOWNLOAD_TIMEOUT_S: Final = 15.0
"""Seconds that a download may take."""

MAX_REDIRECTS: Final = 5
"""Redirects that a download follows."""

_FILE_ID: Final = re.compile(r"file_[A-Za-z0-9_\-]{1,200}")
"""The id of an uploaded file, as the service's file API gives it."""

_URL: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*://")
"""How a URL with an authority begins (RFC 3986)."""

_JPEG_QUALITY: Final = 92
"""Quality (1 to 100) of an array that is too large as PNG."""


def is_url(source: object) -> bool:
    """Returns whether an image source has to be downloaded."""
    return isinstance(source, str) and _URL.match(source) is not None


def check_image_url(url: str) -> str:
    """Checks an image's URL.

    Args:
        url: The URL.

    Returns:
        Its host.

    Raises:
        InvalidURLError: It isn't http(s), or names no host.
    """
    remedy = "Give an http(s) URL, or a path for a file on this machine."
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise InvalidURLError("The image's URL can't be read.", remedy=remedy) from None
    if parts.scheme not in ("http", "https"):
        raise InvalidURLError(
            f'The image\'s URL begins with "{parts.scheme}:"; http and https are understood.',
            remedy=remedy,
        )
    if not host:
        raise InvalidURLError("The image's URL names no host.", remedy=remedy)
    return host


def load_image(source: Any) -> ImageData:
    """Makes a reference image of any of the types that callers may pass.

    A URL blocks for as long as its server takes, 15 s at most.

    Args:
        source: A path, the bytes of an image file, an http(s) URL, the id of an uploaded file
            (``file_…``), a PIL image, or an array of shape ``(height, width, 3)`` (RGB),
            ``(height, width, 4)`` (RGBA) or ``(height, width)`` (grey), uint8 or float in 0..1.

    Returns:
        The image as it is sent: a JPEG, PNG or WebP file, upright, at most 1920 pixels on a side
        and without Exif; or the id of an uploaded file.

    Raises:
        InvalidImageError: The source is no image, too large, or can't be read or downloaded.
        InvalidURLError: It is a URL that can't be used.
    """
    if isinstance(source, ImageData):
        return source  # it has been checked already
    if isinstance(source, str) and _FILE_ID.fullmatch(source):
        return ImageData(ref=source)
    if is_url(source):
        return _encode(_download(source), "the downloaded file")
    if isinstance(source, bytes | bytearray | memoryview):
        return _encode(bytes(source), "the given bytes")
    if isinstance(source, str | os.PathLike):
        return _encode(_read(Path(source)), f'"{Path(source).name}"')
    if hasattr(source, "__array__") or hasattr(source, "__array_interface__"):
        return _encode(_from_array(source), "the array")
    raise InvalidImageError(
        f"A {type(source).__name__} is no reference image.",
        remedy="Give a path, bytes, an http(s) URL, a file id, a PIL image or an RGB array.",
    )


def _encode(data: bytes, what: str) -> ImageData:
    """Makes a reference image of a file's bytes; ``what`` is the file's name in errors.

    Raises:
        InvalidImageError: The bytes are no image that the service accepts.
    """
    if not data:
        raise InvalidImageError(
            f"The reference image is empty ({what} has 0 bytes).", remedy="Choose another file."
        )
    if len(data) > MAX_IMAGE_BYTES:
        raise InvalidImageError(
            f"The reference image has {len(data) / 1e6:.1f} MB.",
            remedy=f"Make it smaller: at most {MAX_IMAGE_BYTES / 1e6:g} MB.",
        )
    if image_format(data) is None:
        raise InvalidImageError(
            f"The reference image is no image: {what} is not {FORMATS}.",
            remedy=f"Give a {FORMATS} file.",
        )
    size = stated_size(data)
    if size is not None and size[0] * size[1] > LARGEST_PIXELS:
        raise InvalidImageError(
            f"The reference image has {size[0] * size[1] / 1e6:.0f} megapixels.",
            remedy=f"Make it smaller: at most {LARGEST_PIXELS / 1e6:g} megapixels.",
        )
    sent = fitted(data)
    if sent is None:
        raise InvalidImageError(
            f"The reference image can't be decoded: {what} is damaged or too large.",
            remedy="Save it again as JPEG or PNG.",
        )
    return ImageData(data=base64.b64encode(sent).decode("ascii"))


def _read(path: Path) -> bytes:
    try:
        size = path.stat().st_size
        if size <= MAX_IMAGE_BYTES:
            return path.read_bytes()
    except OSError as error:
        raise InvalidImageError(
            f'The reference image "{shorten(str(path), 200)}" can\'t be read ({error.strerror}).',
            remedy=f"Check the path; the notebook runs in {Path.cwd()}.",
        ) from None
    except ValueError:
        raise InvalidImageError(
            "The image's path has a null byte in it.", remedy="Give the file's bytes as bytes."
        ) from None
    raise InvalidImageError(
        f'"{path.name}" has {size / 1e6:.1f} MB.',
        remedy=f"Make it smaller: at most {MAX_IMAGE_BYTES / 1e6:g} MB.",
    )


def _download(url: str) -> bytes:
    import httpx

    shown = check_image_url(url)  # only the host: the rest of the URL may hold a signature
    received = bytearray()
    deadline = time.monotonic() + DOWNLOAD_TIMEOUT_S
    failure = ""
    try:
        for _ in range(MAX_REDIRECTS + 1):
            with httpx.stream("GET", url, timeout=DOWNLOAD_TIMEOUT_S) as response:
                if response.has_redirect_location:
                    url = str(response.url.join(response.headers["location"]))
                    _check_redirect(shown, check_image_url(url))
                    continue
                failure = "" if response.status_code == 200 else f"HTTP {response.status_code}"
                if failure:
                    break
                for chunk in response.iter_bytes():
                    received += chunk
                    if len(received) > MAX_IMAGE_BYTES:
                        break
                    if time.monotonic() > deadline:  # httpx limits each read, not their sum
                        failure = f"not complete after {DOWNLOAD_TIMEOUT_S:g} s"
                        break
                break
        else:
            failure = f"over {MAX_REDIRECTS} redirects"
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        failure = type(error).__name__
    if failure:
        raise InvalidImageError(
            f"The reference image can't be fetched from {shown} ({failure}).",
            remedy="Open the URL in a browser to see whether it is public.",
        )
    return bytes(received)


def _check_redirect(first: str, host: str) -> None:
    """Prevents a server from redirecting the download into this machine or network (SSRF).

    A URL of a private host that the notebook itself names may redirect to private hosts.

    Args:
        first: The host of the notebook's URL.
        host: The host to which a server redirects.

    Raises:
        InvalidImageError: The redirect leads from a public host to a private one.
    """
    if host != first and _is_private(host) and not _is_private(first):
        raise InvalidImageError(
            f"{first} redirects to an address of this machine or network.",
            remedy="Open the URL in a browser, save the image, and give its path.",
        )


def _is_private(host: str) -> bool:
    """Returns whether any address of a host isn't global; True for a host without an address."""
    try:
        found = {info[4][0] for info in socket.getaddrinfo(host, None)}
    except OSError:
        return True
    return any(not ipaddress.ip_address(str(one).split("%")[0]).is_global for one in found)


def _from_array(source: Any) -> bytes:
    import cv2
    import numpy as np

    if hasattr(source, "mode") and hasattr(source, "convert"):
        # The array of a PIL image may hold palette indices or CMYK: convert it to colours first.
        transparent = "A" in source.mode or "transparency" in source.info
        source = source.convert("RGBA" if transparent else "RGB")
    array = np.asarray(source)
    if (array.ndim == 3 and array.shape[2] not in (1, 3, 4)) or array.ndim not in (2, 3):
        raise InvalidImageError(
            f"An array of shape {array.shape} is no picture.",
            remedy="Give (height, width, 3) RGB, (height, width, 4) RGBA or (height, width) grey.",
        )
    if 0 in array.shape:
        raise InvalidImageError("The array has no pixels.", remedy="Check its shape.")
    if array.dtype.kind == "f":
        if not np.isfinite(array).all() or array.min() < 0 or array.max() > 1:
            raise InvalidImageError(
                "A float array must lie in 0..1.", remedy="Scale it, or convert it to uint8."
            )
        array = (array * 255).round().astype(np.uint8)
    elif array.dtype != np.uint8:
        raise InvalidImageError(
            f"An array of {array.dtype} is no picture.", remedy="Convert it to uint8 (0..255)."
        )
    if array.ndim == 3 and array.shape[2] > 1:
        code = cv2.COLOR_RGB2BGR if array.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
        array = cv2.cvtColor(np.ascontiguousarray(array), code)
    # PNG keeps the exact values; a photograph that is too large as PNG becomes a JPEG.
    for suffix, options in ((".png", []), (".jpg", [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY])):
        good, encoded = cv2.imencode(suffix, array, options)
        if good and len(encoded) <= MAX_IMAGE_BYTES:
            return bytes(encoded)
    raise InvalidImageError(
        f"An image of {array.shape[1]}x{array.shape[0]} pixels is too large.",
        remedy=f"Make it smaller: at most {MAX_IMAGE_BYTES / 1e6:g} MB as JPEG.",
    )
