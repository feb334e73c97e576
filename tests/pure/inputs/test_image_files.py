"""Reference images: what is made of the good ones, and why the bad ones are refused."""

from __future__ import annotations

import asyncio
import base64
import io
import socket
import struct
import zlib
from pathlib import Path
from typing import Any

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image

from decart_widget.errors import InvalidImageError, RequestRejectedError
from decart_widget.inputs.image_files import LONGEST_SIDE, exif_of, fitted, stated_size, thumbnail
from decart_widget.inputs.prompts import load_image
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


def photograph(orientation: int | None, size: tuple[int, int] = (60, 40)) -> bytes:
    """A JPEG whose left upper corner is red when it is seen upright; otherwise it is blue."""
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
    stored.save(file, "JPEG", quality=95, subsampling=0, **tags)
    return file.getvalue()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_photograph_is_sent_upright_and_without_what_it_says_of_its_maker(
    orientation: int,
) -> None:
    data = photograph(orientation)
    assert exif_of(data) == orientation
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


def test_a_file_that_is_fit_is_sent_as_it_is() -> None:
    data = photograph(None)
    assert exif_of(data) is None
    assert base64.b64decode(load_image(data).data or "") == data


def test_a_large_picture_is_made_smaller_and_keeps_its_proportions() -> None:
    picture = np.zeros((1500, 4000, 3), np.uint8)
    picture[:, :2000] = 255
    made = sent(load_image(picture))
    assert made.shape == (720, LONGEST_SIDE, 3)
    assert made[:, :900].min() > 240
    assert made[:, 1000:].max() < 15


def test_transparency_survives() -> None:
    picture = np.zeros((2400, 1200, 4), np.uint8)
    made = fitted(bytes(cv2.imencode(".png", picture)[1]))
    assert made is not None
    assert made.startswith(b"\x89PNG")
    assert stated_size(made) == (960, LONGEST_SIDE)


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


def test_exif_without_sense_is_no_obstacle() -> None:
    good = photograph(None)
    for junk in (b"", b"II*\0", b"MM\0*\0\0\0\x08\xff\xff", b"II*\0\xff\xff\xff\xff"):
        exif = b"Exif\0\0" + junk
        data = good[:2] + b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif + good[2:]
        assert exif_of(data) == 1
        assert sent(load_image(data)).shape == (40, 60, 3)


# --- redirects --------------------------------------------------------------------------------


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> dict[str, httpx.Response]:
    """Answers by URL, and names whose addresses are known."""
    answers: dict[str, httpx.Response] = {}
    transport = httpx.MockTransport(lambda request: answers[str(request.url)])

    def stream(method: str, url: str, **_: Any) -> Any:
        return httpx.Client(transport=transport).stream(method, url)

    known = {"example.org": "93.184.215.14", "cdn.example.org": "93.184.215.15"}

    def addresses(host: str, *_: Any) -> list[Any]:
        return [(2, 1, 6, "", (known.get(host, host), 0))]

    monkeypatch.setattr(httpx, "stream", stream)
    monkeypatch.setattr(socket, "getaddrinfo", addresses)
    return answers


def to(url: str) -> httpx.Response:
    return httpx.Response(302, headers={"location": url})


def test_a_redirect_is_followed(web: dict[str, httpx.Response]) -> None:
    web["https://example.org/a.jpg"] = to("https://cdn.example.org/b.jpg")
    web["https://cdn.example.org/b.jpg"] = httpx.Response(200, content=photograph(None))
    assert sent(load_image("https://example.org/a.jpg")).shape == (40, 60, 3)


@pytest.mark.parametrize(
    "inside",
    [
        "http://127.0.0.1:8888/api",
        "http://10.0.0.7/x",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/x",
    ],
)
def test_a_server_can_not_send_us_into_this_machine_or_network(
    web: dict[str, httpx.Response], inside: str
) -> None:
    web["https://example.org/a.jpg"] = to("https://cdn.example.org/b.jpg")
    web["https://cdn.example.org/b.jpg"] = to(inside)
    with pytest.raises(InvalidImageError, match="this machine or network"):
        load_image("https://example.org/a.jpg")


def test_a_redirect_to_another_scheme_is_refused(web: dict[str, httpx.Response]) -> None:
    web["https://example.org/a.jpg"] = to("file:///etc/passwd")
    with pytest.raises(ValueError, match='begins with "file:"'):
        load_image("https://example.org/a.jpg")


# --- what a page gives ------------------------------------------------------------------------


class Pages:
    """A widget that applies images, and pages that are told."""

    def __init__(self) -> None:
        self.applied: list[ImageData | None] = []
        self.told: list[tuple[str, str, bytes | None]] = []
        self.refuses = False
        self.upload = ImageUpload(self.apply, self.tell)

    async def apply(self, image: ImageData | None) -> None:
        if self.refuses:
            raise RequestRejectedError("Not this image.")
        self.applied.append(image)
        self.upload.show(image)

    def tell(self, message: dict[str, Any], data: bytes | None) -> None:
        self.told.append((message["state"], message["text"], data))

    def give(self, number: int, total: int, data: bytes | None = None) -> None:
        self.upload.receive({"type": "image", "id": number, "total": total, "data": data})

    async def until_told(self, state: str) -> tuple[str, str, bytes | None]:
        async with asyncio.timeout(10):
            while not any(told[0] == state for told in self.told):
                await asyncio.sleep(0.005)
        return next(told for told in self.told if told[0] == state)


async def test_a_file_comes_in_pieces_is_applied_and_shown_small() -> None:
    pages, data = Pages(), photograph(6)
    for at in range(0, len(data), 300):
        pages.give(1, len(data), data[at : at + 300])
    _, _, small = await pages.until_told("set")
    assert len(pages.applied) == 1
    assert small is not None
    assert stated_size(small) == (60, 40)
    pages.give(2, 0)
    await pages.until_told("none")
    assert pages.applied[-1] is None


async def test_what_is_wrong_is_told_and_changes_nothing() -> None:
    pages = Pages()
    pages.give(1, 4, b"text")
    assert "is no image" in (await pages.until_told("failed"))[1]
    pages.told.clear()
    pages.give(2, 20_000_000, b"x")
    assert "20.0 MB" in (await pages.until_told("failed"))[1]
    pages.told.clear()
    pages.refuses = True
    data = photograph(None)
    pages.give(3, len(data), data)
    assert "Not this image." in (await pages.until_told("failed"))[1]
    assert pages.applied == []


async def test_the_newest_upload_wins_and_nonsense_is_dropped() -> None:
    pages, old, new = Pages(), photograph(None), photograph(3)
    pages.give(5, len(old), old[:100])
    pages.give(7, len(new), new[:100])
    pages.give(9, len(new), new[:100])
    pages.give(5, len(old), old[100:])  # let go of: two are under way at most
    pages.give(7, len(new), new)  # more than it said
    pages.give(9, len(new), new[100:])
    await pages.until_told("set")
    assert len(pages.applied) == 1


def test_what_can_not_be_decoded_has_no_small_picture() -> None:
    assert thumbnail(b"\xff\xd8\xff" + bytes(40)) == b""
