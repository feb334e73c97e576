"""Colours of images: modes and values as 8 bits a channel, and colour profiles as sRGB."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any

from decart_widget.inputs.image_header import PictureError

if TYPE_CHECKING:
    from PIL import Image


class Levels:
    """The range of values of an image with more than 8 bits a channel.

    Args:
        image: The loaded image.

    Attributes:
        highest: The value of white; None for an image with 8 bits a channel.

    Raises:
        PictureError: The image's values don't lie in the range.
    """

    def __init__(self, image: Image.Image) -> None:
        self.highest: float | None = None
        if not image.mode.startswith(("I", "F")):
            return
        extrema: Any = image.getextrema()
        low, high = extrema
        self.highest = check_range(low, high, is_float=image.mode == "F")


def check_range(low: float, high: float, *, is_float: bool) -> float:
    """Returns the value of white for images with more than 8 bits a channel.

    Args:
        low: The lowest value in the image.
        high: The highest value.
        is_float: Whether the values are floats, which must lie in 0..1; else they have 16 bits.

    Raises:
        PictureError: The values lie outside, or 16-bit values look like 8-bit ones.
    """
    if is_float:
        if 0 <= low <= high <= 1:
            return 1.0
        remedy = "Scale the values to 0..1."
        if 0 <= low <= high <= 255:
            remedy = "Divide by 255, or convert to uint8."
        elif -1 <= low <= high <= 1:
            remedy = "Scale them to 0..1: (x + 1) / 2."
        raise PictureError("has float values outside 0..1", remedy)
    if not 0 <= low <= high <= 65_535:
        raise PictureError("has values outside 0..65535", "Scale them to uint8 (0..255).")
    if 0 < high <= 255:
        raise PictureError(
            f"has 16 bits a value, but none above {high:g}, and would be black",
            "Convert 8-bit values to uint8; multiply dark 16-bit ones.",
        )
    return 65_535.0


def in_bytes(image: Image.Image, levels: Levels, *, has_alpha: bool) -> Image.Image:
    """Converts an image, or a band of one, to 8 bits a channel.

    Args:
        image: The image or band, in any mode of Pillow.
        levels: The range of values of the whole image.
        has_alpha: Whether the whole image has transparency.

    Returns:
        The image in mode L, RGB, RGBA, CMYK or LAB; the same one if it is in such a mode already.

    Raises:
        PictureError: Its mode is unknown, or it has values that are no numbers.
    """
    if levels.highest is not None:
        # Here, because the first import of NumPy stops all other threads for 0.1 s.
        import numpy as np
        from PIL import Image

        values = np.asarray(image)
        if values.dtype.kind == "f" and not np.isfinite(values).all():
            raise PictureError("has values that are no numbers", "Replace NaN and infinity.")
        return Image.fromarray((values * (255 / levels.highest)).round().astype(np.uint8))
    if has_alpha:
        # Pillow converts premultiplied alpha only to the same mode without.
        straight = {"La": "LA", "RGBa": "RGBA"}.get(image.mode, image.mode)
        return image.convert(straight).convert("RGBA")
    if image.mode in ("L", "RGB", "CMYK", "LAB"):
        return image
    try:
        return image.convert("L" if image.mode == "1" else "RGB")
    except ValueError:
        raise PictureError(
            f"has Pillow's mode \"{image.mode}\", which can't be converted to RGB",
            "Convert it to RGB.",
        ) from None


def in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Converts a small image's colours to sRGB; a profile that can't be used is ignored.

    Args:
        image: In mode L, RGB, RGBA, CMYK or LAB.
        profile: An ICC profile; None if there is none.

    Returns:
        The image in mode L or RGB, or in RGBA if it has transparency.
    """
    colours = image.convert("RGB") if image.mode == "RGBA" else image
    made = _profiled(colours, profile)
    if made is None:
        made = colours if colours.mode in ("L", "RGB") else _unprofiled(colours)
    if image.mode == "RGBA":
        made = made.convert("RGB")
        made.putalpha(image.getchannel("A"))
    return made


def _profiled(image: Image.Image, profile: bytes | None) -> Image.Image | None:
    """Returns an image converted to sRGB by its profile; None if that isn't possible."""
    if not profile:
        return None
    try:
        from PIL import ImageCms

        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        space = source.profile.xcolor_space.strip()
        mode = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "Lab": "LAB"}[space]
        if mode != image.mode:
            if image.mode not in ("L", "RGB") or mode not in ("L", "RGB"):
                return None
            image = image.convert(mode)
        target = ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    except Exception:  # a Pillow without Little CMS, or a profile that it can't use
        return None


def _unprofiled(image: Image.Image) -> Image.Image:
    """Returns an image of mode CMYK or LAB as RGB."""
    if image.mode != "LAB":
        return image.convert("RGB")
    from PIL import ImageCms

    source, target = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    made = ImageCms.profileToProfile(image, source, target, outputMode="RGB")
    assert made is not None
    return made
