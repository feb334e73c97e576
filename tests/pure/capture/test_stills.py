"""Stills requested by the kernel from a scripted page."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

import numpy as np
import pytest

from decart_widget.capture.pictures import to_array
from decart_widget.capture.snapshot import snapshot
from decart_widget.capture.taps import MAX_TAPS
from decart_widget.errors import MediaError
from tests.pure.capture.scripted_page import Page, png


async def test_a_still_comes_in_pieces_and_is_an_rgb_array(page: Page) -> None:
    data = png()

    def send_picture(_request: Any) -> None:
        page.piece(data[:20], last=False)
        page.piece(data[20:])

    page.on_tap = send_picture
    picture = await snapshot(page.taps, "output")
    assert picture.shape == (4, 6, 3)
    assert picture.dtype == np.uint8
    assert tuple(picture[0, 0]) == (200, 0, 0)
    assert len(page.taps) == 0


@pytest.mark.parametrize("bad", [b"", b"junk", b"\x89PNG\r\n\x1a\n" + bytes(40)])
async def test_data_that_is_no_picture_raises_an_error(page: Page, bad: bytes) -> None:
    page.on_tap = lambda _request: page.piece(bad)
    with pytest.raises(MediaError, match="page sent a picture that"):
        await snapshot(page.taps, "output")


async def test_pictures_are_decoded_on_one_thread_each_into_a_separate_array() -> None:
    values = list(range(0, 240, 20))
    pictures = await asyncio.gather(*(to_array(png(value)) for value in values))
    assert [int(picture[0, 0, 0]) for picture in pictures] == values
    assert sum(thread.name.startswith("decart-pictures") for thread in threading.enumerate()) == 1


async def test_a_page_that_can_not_take_the_picture_reports_the_reason(page: Page) -> None:
    page.on_tap = lambda _request: page.say("failed", reason="unsupported")
    with pytest.raises(MediaError, match="browser can't"):
        await snapshot(page.taps, "input")


async def test_the_end_of_a_session_ends_waiting_snapshots(page: Page) -> None:
    page.on_tap = lambda _request: page.taps.end_all()
    with pytest.raises(MediaError, match="ended before"):
        await snapshot(page.taps, "output")


async def test_taps_are_limited_and_pieces_of_unknown_taps_are_ignored(page: Page) -> None:
    waits = [asyncio.ensure_future(snapshot(page.taps, "output")) for _ in range(MAX_TAPS)]
    await asyncio.sleep(0)
    with pytest.raises(MediaError, match="open already"):
        await snapshot(page.taps, "output")
    page.piece(b"x", number=99)
    page.taps.receive({"type": "piece", "id": 1, "last": True, "detail": None})  # without bytes
    page.taps.end_all()
    outcomes = await asyncio.gather(*waits, return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {MediaError}


async def test_a_page_that_was_reloaded_is_asked_again(page: Page) -> None:
    wait = asyncio.ensure_future(snapshot(page.taps, "output"))
    await asyncio.sleep(0)
    page.taps.ask_again()
    assert [what for what, _ in page.calls] == ["tap", "tap"]
    page.piece(b"half of", last=False)
    page.say("began")  # from the new page: the old one's pieces are dropped
    page.piece(png())
    assert (await wait).shape == (4, 6, 3)
