"""Room media and viewers through a real kernel, with LiveKit's own client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from tests.kernel.fake_page import KernelPage, WidgetPage
from tests.loopback.camera_peer import colourfulness
from tests.loopback.room_camera import RoomCamera

MAKE = """
import warnings; warnings.simplefilter('ignore')
from decart_widget import DecartViewer, DecartWidget
w = DecartWidget(prompt='greyscale', transport='livekit')
"""


@pytest.fixture
async def kernel() -> AsyncIterator[KernelPage]:
    page = await KernelPage().open()
    try:
        yield page
    finally:
        await page.close()


@asynccontextmanager
async def generating(kernel: KernelPage) -> AsyncIterator[WidgetPage]:
    """The page of a session in a room, in the state *generating*."""
    await kernel.run(MAKE)
    page = WidgetPage(kernel, camera=RoomCamera())
    try:
        await page.hello()
        page.say("start")
        await page.until(connection_state="generating")
        yield page
    finally:
        await page.close()


@asynccontextmanager
async def viewing(kernel: KernelPage, name: str) -> AsyncIterator[WidgetPage]:
    """A page that shows the viewer made last."""
    page = WidgetPage(kernel, name, camera=RoomCamera(has_camera=False), kind="DecartViewer")
    try:
        await page.hello()
        page.say("start")
        yield page
    finally:
        await page.close()


def grey(picture: object) -> bool:
    return colourfulness(picture) < 8  # type: ignore[arg-type]


async def test_a_room_shows_the_transformed_picture_and_no_token_in_a_trait(
    kernel: KernelPage,
) -> None:
    async with generating(kernel) as page:
        assert grey(await page.camera.picture_that(lambda p: p.shape == (720, 1280, 3)))
        page.say("apply", prompt="invert", enrich=True)
        await page.until(applied_prompt="invert")
        await page.camera.picture_that(lambda p: colourfulness(p) > 60)
        token = page.camera.rooms[0].token
        await kernel.run("print(w.get_state(), repr(w), w.error)")
        assert token not in kernel.printed
        assert token not in str(kernel.state)


async def test_a_viewer_shows_the_running_session_in_several_pages(kernel: KernelPage) -> None:
    async with generating(kernel) as page:
        await kernel.run("v = DecartViewer(w.subscribe_token)")
        async with viewing(kernel, "viewer-1") as first, viewing(kernel, "viewer-2") as second:
            for viewer in (first, second):
                assert grey(await viewer.camera.picture_that(lambda _: True))
                await viewer.until(connection_state="generating", endpoint=first.traits["endpoint"])
            assert first.camera.rooms[0].token != second.camera.rooms[0].token
        page.say("stop", attempt=1)
        await page.until(connection_state="disconnected")
        printed = await kernel.run("print(w.subscribe_token)")
        assert printed.strip() == "None"


async def test_a_viewer_of_a_session_that_has_ended_shows_session_over(kernel: KernelPage) -> None:
    async with generating(kernel) as page:
        await kernel.run("token = w.subscribe_token")
        page.say("stop", attempt=1)
        await page.until(connection_state="disconnected")
    await kernel.run("v = DecartViewer(token)")
    async with viewing(kernel, "viewer-1") as viewer:
        await viewer.until(connection_state="error")
        assert viewer.traits["error"]["code"] == "session-over"
