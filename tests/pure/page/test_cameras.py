"""Requests for another camera or source: each fails for its own reasons only."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from decart_widget.errors import DecartError, MediaError
from decart_widget.page.cameras import SOURCE_TROUBLES, SWITCH_TROUBLES, Cameras
from decart_widget.page.refusals import TROUBLES
from decart_widget.widgets.source_choice import PAGE_SOURCES


class Page:
    """The owner's page: records the number of the newest request, and sends messages."""

    def __init__(self) -> None:
        self.request: int | None = None
        self.complaints: list[DecartError] = []
        self.cameras = Cameras(
            self, lambda _values: None, lambda _traits: None, self.complaints.append
        )

    def switch_camera(self, request: int) -> None:
        self.request = request

    def sends(self, camera: str | None, request: int | None = None, source: str = "camera") -> None:
        sent: dict[str, Any] | None = None
        if camera is not None:
            sent = {"source": source, "id": camera, "label": f"camera {camera}"}
        self.cameras.changed({"cameras": [], "camera": sent, "request": request})

    async def switching(self) -> asyncio.Task[str]:
        task = asyncio.ensure_future(self.cameras.switch())
        await asyncio.sleep(0)
        return task


@pytest.mark.parametrize("code", sorted(TROUBLES))
async def test_a_switch_that_reaches_another_camera_has_succeeded(code: str) -> None:
    page = Page()
    page.sends("front")
    switching = await page.switching()
    page.cameras.failed(code)
    page.sends("back", page.request)
    assert await switching == "camera back"
    assert [error.code for error in page.complaints] == [code]


@pytest.mark.parametrize("code", sorted(SWITCH_TROUBLES))
async def test_a_switch_that_does_not_reach_another_camera_raises_why(code: str) -> None:
    page = Page()
    page.sends("front")
    switching = await page.switching()
    page.cameras.failed(code)
    page.cameras.failed("microphone-failed")
    page.sends("front", page.request)
    with pytest.raises(MediaError) as caught:
        await switching
    assert caught.value.code == code


@pytest.mark.parametrize("code", sorted(set(TROUBLES) - SWITCH_TROUBLES))
async def test_what_fails_besides_a_switch_is_not_its_error(code: str) -> None:
    page = Page()
    page.sends("a pattern", source="test-pattern")
    switching = await page.switching()
    page.cameras.failed(code)
    page.sends("", page.request)  # a browser that names no cameras
    assert await switching == "camera "


async def test_a_failure_before_a_switch_is_not_its_error() -> None:
    page = Page()
    page.sends("front")
    page.cameras.failed("camera-failed")
    switching = await page.switching()
    page.sends("front", page.request)
    assert await switching == "camera front"


@pytest.mark.parametrize("source", sorted(SOURCE_TROUBLES))
@pytest.mark.parametrize("code", sorted(TROUBLES))
async def test_replacing_the_source_fails_for_that_source_s_reasons_only(
    source: str, code: str
) -> None:
    page = Page()
    replacing = asyncio.ensure_future(page.cameras.replace(source))
    await asyncio.sleep(0)
    page.cameras.failed(code)
    if code in SOURCE_TROUBLES[source]:
        with pytest.raises(MediaError) as caught:
            await replacing
        assert caught.value.code == code
    else:
        page.sends("next", source=source)
        assert await replacing == "camera next"


def test_each_source_has_its_reasons() -> None:
    assert set(SOURCE_TROUBLES) == set(PAGE_SOURCES)
    assert set().union(*SOURCE_TROUBLES.values()) | SWITCH_TROUBLES <= set(TROUBLES)
