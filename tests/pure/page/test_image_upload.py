"""Reference images that pages upload: in parts, from several pages, and what pages are shown."""

from __future__ import annotations

import asyncio
import io
import threading
from typing import Any

import numpy as np
import pytest
from PIL import Image

from decart_widget.errors import RequestRejectedError
from decart_widget.inputs.decoder_thread import THREAD_NAME
from decart_widget.inputs.image_files import thumbnail
from decart_widget.inputs.image_header import read_header
from decart_widget.inputs.reference_image import load_image
from decart_widget.page import image_preview, image_upload
from decart_widget.page.image_preview import ImagePreview
from decart_widget.page.image_upload import ImageUpload
from decart_widget.protocol.messages import ImageData


def picture(colour: str = "red", size: tuple[int, int] = (60, 40)) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, "PNG")
    return file.getvalue() + bytes(1000)


class Pages:
    """A widget that applies images, and the messages that its pages receive."""

    def __init__(self) -> None:
        self.applied: list[ImageData | None] = []
        self.messages: list[tuple[str, str, bytes | None]] = []
        self.refuses = False
        self.preview = ImagePreview(self.tell)
        self.upload = ImageUpload(self.apply, self.preview)

    async def apply(self, image: ImageData | None) -> None:
        self.preview.show(image)
        if self.refuses:
            raise RequestRejectedError("Not this image.")
        self.applied.append(image)

    def tell(self, message: dict[str, Any], buffers: list[bytes] | None = None, /) -> None:
        self.messages.append((message["state"], message["text"], buffers[0] if buffers else None))

    def give(
        self, number: int, total: int, data: bytes | None = None, at: int = 0, page: str = "a"
    ) -> None:
        message = {"type": "image", "page_id": page, "id": number, "at": at, "total": total}
        self.upload.receive({**message, "data": data})

    async def until_sent(self, state: str) -> tuple[str, str, bytes | None]:
        async with asyncio.timeout(10):
            while not any(sent[0] == state for sent in self.messages):
                await asyncio.sleep(0.005)
        return next(sent for sent in self.messages if sent[0] == state)


async def test_a_file_arrives_in_pieces_is_applied_and_shown_small() -> None:
    pages, data = Pages(), picture(size=(300, 200))
    for at in range(0, len(data), 300):
        pages.give(1, len(data), data[at : at + 300], at)
    _, _, small = await pages.until_sent("set")
    assert len(pages.applied) == 1
    assert small is not None
    assert read_header(small)[1:3] == (96, 64)
    pages.give(2, 0)
    await pages.until_sent("none")
    assert pages.applied[-1] is None


async def test_a_refused_upload_is_reported_and_changes_nothing() -> None:
    pages = Pages()
    pages.give(1, 4, b"text")
    assert "is no image" in (await pages.until_sent("failed"))[1]
    pages.messages.clear()
    pages.give(2, 70_000_000, b"x")
    assert "70.0 MB" in (await pages.until_sent("failed"))[1]
    pages.messages.clear()
    pages.refuses = True
    data = picture()
    pages.give(3, len(data), data)
    assert "Not this image." in (await pages.until_sent("failed"))[1]
    assert pages.messages[-1][0] == "failed", "the reason stays: nothing is sent after it"
    assert pages.applied == []


@pytest.mark.parametrize(
    ("first", "second"),
    [(("a", 900), ("b", 1)), (("a", 1), ("a", 1)), (("a", 5), ("a", 2))],
    ids=["a second page", "a reloaded page", "a page that counts anew"],
)
async def test_each_upload_is_applied_whatever_its_number(
    first: tuple[str, int], second: tuple[str, int]
) -> None:
    pages, data = Pages(), picture()
    for count, (page, number) in enumerate((first, second), 1):
        pages.messages.clear()
        pages.give(number, len(data), data, page=page)
        async with asyncio.timeout(10):
            while len(pages.applied) < count:
                await asyncio.sleep(0.005)


async def test_the_newest_upload_wins_and_parts_of_others_are_dropped() -> None:
    pages, old, new = Pages(), picture("red"), picture("blue")
    pages.give(1, len(old), old[:100], page="a")
    pages.give(1, len(new), new[:100], page="b")
    pages.give(1, len(old), old[100:], 100, page="a")
    pages.give(1, len(new), new[100:], 100, page="b")
    await pages.until_sent("set")
    assert len(pages.applied) == 1
    image = Image.open(io.BytesIO(pages.messages[-1][2] or b""))
    red, _, blue = np.asarray(image)[20, 20]
    assert blue > red


@pytest.mark.parametrize(
    ("at", "data"),
    [(50, b"x"), (200, b"x"), (100, b""), (100, bytes(2000))],
    ids=["again", "a gap", "nothing", "too much"],
)
async def test_an_upload_with_a_part_that_does_not_fit_fails(at: int, data: bytes) -> None:
    pages = Pages()
    pages.give(1, 1000, bytes(100))
    pages.give(1, 1000, data, at)
    assert "Choose it again" in (await pages.until_sent("failed"))[1]


async def test_an_upload_that_stops_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_upload, "PATIENCE_S", 0.01)
    pages = Pages()
    pages.give(1, 1000, bytes(100))
    assert "did not arrive" in (await pages.until_sent("failed"))[1]


async def test_uploads_and_thumbnails_are_decoded_on_the_decoder_s_thread(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads = []

    def on_which_thread(function: Any) -> Any:
        def call(*args: Any) -> Any:
            threads.append(threading.current_thread().name)
            return function(*args)

        return call

    monkeypatch.setattr(image_upload, "load_image", on_which_thread(load_image))
    monkeypatch.setattr(image_preview, "thumbnail", on_which_thread(thumbnail))
    pages, data = Pages(), picture()
    pages.give(1, len(data), data)
    await pages.until_sent("set")
    pages.preview.send_again()
    assert [state for state, _, _ in pages.messages] == ["set", "set"]
    assert len(threads) == 2, "a thumbnail is made once"
    assert all(name.startswith(THREAD_NAME) for name in threads)
