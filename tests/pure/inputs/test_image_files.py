"""Image files: how good ones are prepared for the service, and why bad ones are refused."""

from __future__ import annotations

import asyncio
import base64
import io
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from decart_widget.errors import InvalidImageError, RequestRejectedError
from decart_widget.inputs.image_files import (
    LONGEST_SIDE_PX,
    fitted,
    image_format,
    rgb_array,
    stated_size,
    thumbnail,
)
from decart_widget.inputs.reference_image import load_image
from decart_widget.page.image_preview import ImagePreview
from decart_widget.page.image_upload import ImageUpload
from decart_widget.protocol.messages import ImageData


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


@pytest.mark.parametrize("format_", ["JPEG", "PNG", "WEBP"])
def test_a_small_file_without_metadata_is_sent_unchanged(format_: str) -> None:
    data = photograph(None, format_=format_)
    assert base64.b64decode(load_image(data).data or "") == data


def test_a_large_image_is_scaled_down_and_keeps_its_proportions() -> None:
    picture = np.zeros((1500, 4000, 3), np.uint8)
    picture[:, :2000] = 255
    made = sent(load_image(picture))
    assert made.shape == (720, LONGEST_SIDE_PX, 3)
    assert made[:, :900].min() > 240
    assert made[:, 1000:].max() < 15


def test_transparency_survives() -> None:
    picture = np.zeros((2400, 1200, 4), np.uint8)
    made = fitted(bytes(cv2.imencode(".png", picture)[1]))
    assert made is not None
    assert made.startswith(b"\x89PNG")
    assert stated_size(made) == (960, LONGEST_SIDE_PX)


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
        (b"GIF89a" + bytes(40), "is no image"),
        (b"BM" + bytes(60), "is no image"),
        (b"\xff\xd8\xff" + bytes(100), "can't be decoded"),
        (png_of(100, 100)[:60], "can't be decoded"),
    ],
    ids=["0 bytes", "200 megapixels", "SVG", "text", "GIF", "BMP", "damaged JPEG", "cut PNG"],
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


def test_xmp_is_removed_as_well() -> None:
    file = io.BytesIO()
    Image.new("RGB", (8, 8)).save(file, "JPEG", xmp=b"<x:xmpmeta>the place of somebody</x:xmpmeta>")
    assert b"somebody" in file.getvalue()
    made = fitted(file.getvalue())
    assert made is not None
    assert b"somebody" not in made
    assert stated_size(made) == (8, 8)


def test_a_png_states_its_exif_after_the_picture_too() -> None:
    data = photograph(6, format_="PNG")
    at = data.index(b"eXIf") - 4
    end = at + 12 + int.from_bytes(data[at : at + 4], "big")
    exif, iend = data[at:end], data[-12:]
    made = fitted(data[:at] + data[end:-12] + exif + iend)
    assert made is not None
    assert b"somebody" not in made
    assert stated_size(made) == (60, 40)


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
    assert picture is not None
    assert picture.shape == (10, 1000, 3)
    assert abs(float(picture.mean()) - 128) < 3
    made = fitted(file.getvalue())
    assert made is not None
    assert image_format(made) == ("PNG" if mode in ("LA", "RGBA") else "JPEG")
    assert stated_size(made) == (LONGEST_SIDE_PX, 19)


def test_a_webp_file_that_states_the_largest_size_is_never_decoded() -> None:
    data = bytearray(photograph(1, format_="WEBP"))
    data[24:30] = (16_382).to_bytes(3, "little") * 2  # width and height minus one, in VP8X
    # Pillow 13 refuses such a size at once; older versions find that the frame contradicts it.
    assert stated_size(bytes(data)) in ((16_383, 16_383), None)
    with pytest.raises(InvalidImageError, match=r"268 megapixels|can't be decoded"):
        load_image(bytes(data))


@pytest.mark.filterwarnings("ignore")
@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.data())
def test_damaged_files_raise_nothing_but_refusals(format_: str, data: st.DataObject) -> None:
    damaged = bytearray(photograph(6, format_=format_))
    for _ in range(data.draw(st.integers(1, 8))):
        at = data.draw(st.integers(4, len(damaged) - 1))
        damaged[at] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(0, len(damaged)))])
    size = stated_size(cut)
    if size is None or size[0] * size[1] < 1_000_000:
        fitted(cut)
        thumbnail(cut)


# --- uploads from a page ----------------------------------------------------------------------


class Pages:
    """A widget that applies images, and the messages that its pages receive."""

    def __init__(self) -> None:
        self.applied: list[ImageData | None] = []
        self.messages: list[tuple[str, str, bytes | None]] = []
        self.refuses = False
        self.preview = ImagePreview(self.tell)
        self.upload = ImageUpload(self.apply, self.preview)

    async def apply(self, image: ImageData | None) -> None:
        if self.refuses:
            raise RequestRejectedError("Not this image.")
        self.applied.append(image)
        self.preview.show(image)

    def tell(self, message: dict[str, Any], buffers: list[bytes] | None = None, /) -> None:
        self.messages.append((message["state"], message["text"], buffers[0] if buffers else None))

    def give(self, number: int, total: int, data: bytes | None = None) -> None:
        self.upload.receive({"type": "image", "id": number, "total": total, "data": data})

    async def until_sent(self, state: str) -> tuple[str, str, bytes | None]:
        async with asyncio.timeout(10):
            while not any(sent[0] == state for sent in self.messages):
                await asyncio.sleep(0.005)
        return next(sent for sent in self.messages if sent[0] == state)


async def test_a_file_arrives_in_pieces_is_applied_and_shown_small() -> None:
    pages, data = Pages(), photograph(6)
    for at in range(0, len(data), 300):
        pages.give(1, len(data), data[at : at + 300])
    _, _, small = await pages.until_sent("set")
    assert len(pages.applied) == 1
    assert small is not None
    assert stated_size(small) == (60, 40)
    pages.give(2, 0)
    await pages.until_sent("none")
    assert pages.applied[-1] is None


async def test_a_refused_upload_is_reported_and_changes_nothing() -> None:
    pages = Pages()
    pages.give(1, 4, b"text")
    assert "is no image" in (await pages.until_sent("failed"))[1]
    pages.messages.clear()
    pages.give(2, 20_000_000, b"x")
    assert "20.0 MB" in (await pages.until_sent("failed"))[1]
    pages.messages.clear()
    pages.refuses = True
    data = photograph(None)
    pages.give(3, len(data), data)
    assert "Not this image." in (await pages.until_sent("failed"))[1]
    assert pages.applied == []


async def test_the_newest_upload_wins_and_malformed_pieces_are_dropped() -> None:
    pages, old, new = Pages(), photograph(None), photograph(3)
    pages.give(5, len(old), old[:100])
    pages.give(7, len(new), new[:100])
    pages.give(9, len(new), new[:100])
    pages.give(5, len(old), old[100:])  # dropped: at most two are under way
    pages.give(7, len(new), new)  # more than it said
    pages.give(9, len(new), new[100:])
    await pages.until_sent("set")
    assert len(pages.applied) == 1


def test_a_file_that_can_not_be_decoded_has_no_thumbnail() -> None:
    assert thumbnail(b"\xff\xd8\xff" + bytes(40)) == b""
