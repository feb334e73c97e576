"""Image files: how good ones are prepared for the service, and why bad ones are refused."""

from __future__ import annotations

import base64
import io
import struct
import sys
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageCms

from decart_widget.errors import InvalidImageError
from decart_widget.inputs import image_files
from decart_widget.inputs.image_files import (
    LONGEST_SIDE_PX,
    for_service,
    rgb_array,
    thumbnail,
)
from decart_widget.inputs.image_header import PictureError, image_format, read_header
from decart_widget.inputs.reference_image import load_image
from decart_widget.protocol.messages import ImageData
from tests.pure.inputs.image_bombs import HAS_AVIF


def sent(image: ImageData) -> np.ndarray:
    """The picture that goes to the service, RGB."""
    assert image.data is not None
    data = np.frombuffer(base64.b64decode(image.data), np.uint8)
    # As a service would that knows nothing of Exif.
    how = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    picture = cv2.imdecode(data, how)
    assert picture is not None
    return picture[:, :, ::-1]


def photograph(
    orientation: int | None, size: tuple[int, int] = (60, 40), format_: str = "JPEG"
) -> bytes:
    """A blue image whose left upper corner is red when it is seen upright."""
    upright = Image.new("RGB", size, (0, 0, 200))
    upright.paste((220, 0, 0), (0, 0, size[0] // 4, size[1] // 4))
    undo = {
        2: Image.Transpose.FLIP_LEFT_RIGHT,
        3: Image.Transpose.ROTATE_180,
        4: Image.Transpose.FLIP_TOP_BOTTOM,
        5: Image.Transpose.TRANSPOSE,
        6: Image.Transpose.ROTATE_90,
        7: Image.Transpose.TRANSVERSE,
        8: Image.Transpose.ROTATE_270,
    }
    stored = upright.transpose(undo[orientation]) if orientation in undo else upright
    file, exif = io.BytesIO(), Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
        exif[0x010F] = "A camera of somebody"
    tags = {} if orientation is None else {"exif": exif}
    stored.save(file, format_, quality=95, **tags)
    return file.getvalue()


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_sent_upright_and_without_exif(orientation: int, format_: str) -> None:
    data = photograph(orientation, format_=format_)
    assert b"somebody" in data
    image = load_image(data)
    picture = sent(image)
    assert picture.shape == (40, 60, 3)
    red, blue = picture[2, 2], picture[-3, -3]
    assert red[0] > 180
    assert red[2] < 60
    assert blue[2] > 160
    assert blue[0] < 60
    assert image.data is not None
    assert b"somebody" not in base64.b64decode(image.data)


def size_of(encoded: bytes) -> tuple[int, int]:
    header = read_header(encoded)
    return header.width, header.height


def test_a_large_image_is_scaled_down_and_keeps_its_proportions() -> None:
    picture = np.zeros((1500, 4000, 3), np.uint8)
    picture[:, :2000] = 255
    made = sent(load_image(picture))
    assert made.shape == (720, LONGEST_SIDE_PX, 3)
    assert made[:, :900].min() > 240
    assert made[:, 1000:].max() < 15


def test_transparency_survives() -> None:
    picture = np.zeros((2400, 1200, 4), np.uint8)
    made = for_service(bytes(cv2.imencode(".png", picture)[1]))
    assert made.startswith(b"\x89PNG")
    assert size_of(made) == (960, LONGEST_SIDE_PX)


def png_of(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header states this size."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        length, check = len(data), zlib.crc32(kind + data)
        return struct.pack(">I", length) + kind + data + struct.pack(">I", check)

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    rows = zlib.compress(bytes(1000), 9)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "empty"),
        (png_of(20_000, 10_000), "200 megapixels"),
        (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "is no image"),
        (b"just a text, renamed .jpg", "is no image"),
        (b"GIF89a" + bytes(40), "can't be decoded"),
        (b"BM" + bytes(60), "can't be decoded"),
        (b"RIFF" + bytes(4) + b"WEBPVP8X" + bytes(4), "can't be decoded"),
        (b"II*\0" + bytes(60), "can't be decoded"),
        (b"\xff\xd8\xff" + bytes(100), "can't be decoded"),
        (png_of(100, 100)[:60], "can't be decoded"),
    ],
    ids=[
        "0 bytes",
        "200 megapixels",
        "SVG",
        "text",
        "GIF",
        "BMP",
        "WebP",
        "TIFF",
        "damaged JPEG",
        "cut PNG",
    ],
)
def test_what_is_no_picture_is_refused_with_a_remedy(tmp_path: Path, data: bytes, why: str) -> None:
    path = tmp_path / "picture.jpg"
    path.write_bytes(data)
    for source in (data, path):
        with pytest.raises(InvalidImageError, match=why) as refused:
            load_image(source)
        assert refused.value.remedy


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_a_photograph_with_damaged_exif_is_sent_without_it() -> None:
    good = photograph(None)
    for junk in (b"", b"II*\0", b"MM\0*\0\0\0\x08\xff\xff", b"II*\0\xff\xff\xff\xff"):
        exif = b"Exif\0\0" + junk
        data = good[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + good[2:]
        image = load_image(data)
        assert sent(image).shape == (40, 60, 3)
        assert b"Exif" not in base64.b64decode(image.data or "")


FORMATS = ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", *(["AVIF"] if HAS_AVIF else [])]
"""Pillow's names of formats that are read."""

SECRET = b"the place of somebody"
"""Stands in a file's metadata; no image that is sent may contain it."""


def png_chunk(kind: bytes, data: bytes) -> bytes:
    check = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", check)


def jpeg_segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def with_metadata(format_: str) -> bytes:
    """A photograph with the text in every place that its format has for metadata."""
    file, exif = io.BytesIO(), Image.Exif()
    exif[0x010E] = SECRET.decode()
    exif.get_ifd(0x8769)[0x927C] = b"maker note: " + SECRET  # MakerNote
    options: dict[str, Any] = {"exif": exif} if format_ not in ("GIF", "BMP") else {}
    if format_ == "GIF":
        options["comment"] = SECRET
    if format_ == "TIFF":
        exif[700] = SECRET  # XMP
        exif[33723] = SECRET  # IPTC
    image = Image.new("RGB", (60, 40), (200, 30, 30))
    image.save(file, format_, **options)
    data = file.getvalue()
    if format_ == "JPEG":
        extra = [
            jpeg_segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + SECRET),
            jpeg_segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0" + SECRET),
            jpeg_segment(0xE2, b"MPF\0" + SECRET),
            jpeg_segment(0xEA, SECRET),
            jpeg_segment(0xFE, SECRET),
        ]
        data = data[:2] + b"".join(extra) + data[2:]
    if format_ == "PNG":
        extra = [
            png_chunk(b"tEXt", b"Comment\0" + SECRET),
            png_chunk(b"zTXt", b"Comment\0\0" + zlib.compress(SECRET)),
            png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + SECRET),
            png_chunk(b"prVt", SECRET),
        ]
        data = data[:33] + b"".join(extra) + data[33:]
    if format_ == "WEBP":
        data += b"XMP " + struct.pack("<I", len(SECRET) + 1) + SECRET + b"\0"
        data = b"RIFF" + struct.pack("<I", len(data) - 8) + data[8:]
    return data + SECRET  # such as the video of a "motion photo"


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("format_", FORMATS)
def test_no_metadata_is_sent_in_any_format(format_: str) -> None:
    data = with_metadata(format_)
    assert SECRET in data
    made = for_service(data)
    assert SECRET not in made
    with Image.open(io.BytesIO(made)) as image:
        assert image.size == (60, 40)
        assert set(image.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}
        red, green, _ = np.asarray(image.convert("RGB"))[20, 30]
        assert (red > 180, green < 60) == (True, True)


@pytest.mark.filterwarnings("ignore:Image appears to be a malformed MPO")
def test_no_metadata_of_a_pil_image_is_sent() -> None:
    for format_ in ("JPEG", "PNG", "WEBP"):
        with Image.open(io.BytesIO(with_metadata(format_))) as image:
            made = base64.b64decode(load_image(image).data or "")
        assert SECRET not in made
        assert b"Exif" not in made


def test_a_png_states_its_exif_after_the_picture_too() -> None:
    data = photograph(6, format_="PNG")
    at = data.index(b"eXIf") - 4
    end = at + 12 + int.from_bytes(data[at : at + 4], "big")
    exif, iend = data[at:end], data[-12:]
    made = for_service(data[:at] + data[end:-12] + exif + iend)
    assert b"somebody" not in made
    assert size_of(made) == (60, 40)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_pil_image_is_sent_upright(orientation: int, format_: str) -> None:
    with Image.open(io.BytesIO(photograph(orientation, format_=format_))) as image:
        image.load()
        pixels = image.tobytes()
        picture = sent(load_image(image))
        assert image.tobytes() == pixels, "the caller's image is as it was"
    assert picture.shape == (40, 60, 3)
    assert picture[2, 2, 0] > 180
    assert picture[-3, -3, 2] > 160


def adobe_rgb() -> bytes:
    """A profile whose primaries are wider than those of sRGB: sRGB's with red and blue swapped."""
    profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    at = profile.index(b"rXYZ"), profile.index(b"bXYZ")
    profile[at[0] : at[0] + 4], profile[at[1] : at[1] + 4] = b"bXYZ", b"rXYZ"
    return bytes(profile)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_a_colour_profile_is_applied_and_dropped(format_: str) -> None:
    file = io.BytesIO()
    red = Image.new("RGB", (60, 40), (255, 0, 0))
    red.save(file, format_, icc_profile=adobe_rgb())
    for source in (file.getvalue(), Image.open(file)):
        made = base64.b64decode(load_image(source).data or "")
        assert b"mntrRGB" not in made, "no profile is sent"
        seen = np.asarray(Image.open(io.BytesIO(made)).convert("RGB"))[20, 30]
        assert seen[2] > 200 > 60 > seen[0], f"red is blue in this profile, but {seen} was sent"


def test_a_profile_of_transparent_grey_and_cmyk_images_is_applied_or_ignored() -> None:
    for mode in ("L", "LA", "RGBA", "P", "CMYK"):
        file = io.BytesIO()
        image = Image.new("RGB", (60, 40), (255, 0, 0)).convert(mode)
        if mode in ("LA", "RGBA"):
            image.putalpha(100)
        image.save(file, "TIFF" if mode == "CMYK" else "PNG", icc_profile=adobe_rgb())
        made = Image.open(io.BytesIO(for_service(file.getvalue())))
        assert made.mode == ("RGBA" if mode in ("LA", "RGBA") else "RGB")
    assert made.size == (60, 40)


def test_a_damaged_profile_is_ignored() -> None:
    file = io.BytesIO()
    Image.new("RGB", (60, 40), (200, 0, 0)).save(file, "PNG", icc_profile=b"no profile" * 20)
    assert sent(load_image(file.getvalue()))[20, 30].tolist() == [200, 0, 0]


def test_the_first_frame_of_an_animated_file_is_sent() -> None:
    frames = [Image.new("RGB", (60, 40), colour) for colour in ("red", "blue", "lime")]
    for format_ in set(FORMATS) - {"JPEG", "BMP"}:
        file = io.BytesIO()
        options: dict[str, Any] = {} if format_ == "TIFF" else {"duration": 100}
        frames[0].save(file, format_, save_all=True, append_images=frames[1:], **options)
        red, _, blue = sent(load_image(file.getvalue()))[20, 30].tolist()
        assert red > 200, format_
        assert blue < 60, format_


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
def test_an_image_over_the_service_s_limit_is_made_smaller(
    mode: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 30_000
    monkeypatch.setattr(image_files, "MAX_SENT_BYTES", limit)
    channels = len(mode)
    noise = np.random.default_rng(1).integers(0, 255, (300, 300, channels), np.uint8)
    file = io.BytesIO()
    Image.fromarray(noise).save(file, "PNG")
    assert len(file.getvalue()) > 4 * limit
    made = for_service(file.getvalue())
    assert len(made) <= limit
    assert image_format(made) == ("PNG" if mode == "RGBA" else "JPEG"), "transparency is kept"
    assert min(size_of(made)) > 50


def test_a_large_photograph_of_more_than_10_mb_is_taken() -> None:
    data = photograph(None, (4000, 3000))
    assert size_of(for_service(data + bytes(11_000_000))) == (1920, 1440)


def test_heic_without_its_reader_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    data = struct.pack(">I", 24) + b"ftypheic" + bytes(4) + b"mif1heic" + bytes(60)
    with pytest.raises(InvalidImageError, match="HEIC") as refused:
        load_image(data)
    assert "pillow-heif" in (refused.value.remedy or "")


def test_heic_is_read_where_its_reader_is_installed() -> None:
    heif = pytest.importorskip("pillow_heif")
    file = io.BytesIO()
    heif.from_pillow(Image.new("RGB", (64, 48), (200, 30, 30))).save(file)
    assert sent(load_image(file.getvalue())).shape == (48, 64, 3)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGBA", "I;16", "CMYK"])
def test_images_of_every_mode_are_scaled_down(mode: str) -> None:
    grey = np.full((40, 4000), 128, np.uint8)
    if mode == "I;16":
        image = Image.fromarray(grey.astype(np.uint16) * 257)
    else:
        image = Image.fromarray(grey).convert(mode)
    file = io.BytesIO()
    image.save(file, "JPEG" if mode == "CMYK" else "PNG")
    picture = rgb_array(file.getvalue(), 1000)
    assert picture.shape == (10, 1000, 3)
    assert abs(float(picture.mean()) - 128) < 3
    made = for_service(file.getvalue())
    assert image_format(made) == "JPEG", "opaque, and scaled"
    assert size_of(made) == (LONGEST_SIDE_PX, 19)


def test_a_webp_file_that_states_the_largest_size_is_never_decoded() -> None:
    data = bytearray(photograph(1, format_="WEBP"))
    data[24:30] = (16_382).to_bytes(3, "little") * 2  # width and height minus one, in VP8X
    with pytest.raises(InvalidImageError, match="268 megapixels"):
        load_image(bytes(data))


@pytest.mark.filterwarnings("ignore")
@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.data())
def test_damaged_files_raise_nothing_but_refusals(format_: str, data: st.DataObject) -> None:
    damaged = bytearray(photograph(6, format_=format_))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(4, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    thumbnail(cut)
    with suppress(PictureError):
        for_service(cut)


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "GIF", "TIFF"])
def test_8_bit_pictures_need_no_numpy(monkeypatch: pytest.MonkeyPatch, format_: str) -> None:
    """Its first import blocks the event loop."""
    monkeypatch.setitem(sys.modules, "numpy", None)
    assert for_service(photograph(None, (40, 30), format_))


def test_a_file_that_can_not_be_decoded_has_no_thumbnail() -> None:
    assert thumbnail(b"\xff\xd8\xff" + bytes(40)) == b""
