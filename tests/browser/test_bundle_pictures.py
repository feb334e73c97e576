"""A session that runs in the kernel, shown by the bundle with the browser's own decoders.

The pictures are those that the engine's worker encodes: received ones are red, sent ones blue.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from functools import cache
from typing import Any, Final

import numpy as np
import pytest
import pytest_asyncio
from playwright.async_api import Page, expect

from decart_widget.engine.view_encoders import view_encoder
from tests.browser.bundle_host import UNTRUSTED, Host, opened

CHUNKS: Final = ["main", "capture", "tools", "take", "kernel"]
STATE: Final = {"engine": "kernel", "source": "clip.mp4", "endpoint": "sandbox"}
WIDTH_PX, HEIGHT_PX = 640, 360
V_PLANE, U_PLANE = 1, 0
"""Of the planes after the first one, the one that makes a picture red, and the one for blue."""


@cache
def clip(codec: str, plane: int) -> list[dict[str, Any]]:
    """Thirty encoded pictures of one colour, in which a light bar moves."""
    encoder = view_encoder(codec)
    pictures = []
    for number in range(30):
        picture = np.full((HEIGHT_PX * 3 // 2, WIDTH_PX), 128, np.uint8)
        picture[:HEIGHT_PX] = 60
        picture[:HEIGHT_PX, 20 * number : 20 * number + 60] = 180
        chroma = picture[HEIGHT_PX:].reshape(2, -1)
        chroma[plane] = 220
        encoded = encoder.encode(picture, key=number == 0, limit=1_000_000)
        assert encoded is not None
        about = {"codec": codec, "key": encoded.key, "config": encoded.config}
        size = {"width": WIDTH_PX, "height": HEIGHT_PX}
        pictures.append({**about, **size, "data": base64.b64encode(encoded.data).decode()})
    return pictures


async def mounted(host: Host, codec: str = "h264", **options: Any) -> None:
    clips = {"output": clip(codec, V_PLANE), "input": clip(codec, U_PLANE)}
    kernel = {"transport": "kernel", "clips": clips}
    await host.mount(STATE, chunks=CHUNKS, kernel=kernel, **options)


@pytest_asyncio.fixture(loop_scope="session")
async def host(page: Page) -> AsyncIterator[Host]:
    async with opened(page) as host:
        yield host


def is_red(colour: list[int]) -> bool:
    return colour[0] > colour[2] + 60


def is_blue(colour: list[int]) -> bool:
    return colour[2] > colour[0] + 60


async def test_the_kernels_pictures_are_shown_without_a_camera(host: Host) -> None:
    await mounted(host)
    await expect(host.view().locator(".dw-poster p")).to_contain_text("Start sends clip.mp4")
    await host.start()
    await host.revealed()
    assert is_red(await host.colour())
    await host.until("h.kernel.engine.sent.output > 20")
    assert await host.cameras() == []
    assert (await host.run("h.kernel.engine.sent.input")) == 0
    stats = await host.run("document.querySelector('.decart-widget').decart.stats()")
    assert stats["transport"] == "kernel"
    assert (stats["width"], stats["height"]) == (WIDTH_PX, HEIGHT_PX)
    assert stats["codec"] == "H264"
    shown = await host.sent("shown")
    assert [one["number"] for one in shown] == list(range(len(shown)))


async def test_a_page_without_tls_gets_them_as_jpeg_on_a_canvas(page: Page) -> None:
    async with opened(page, UNTRUSTED) as host:
        await mounted(host, "jpeg")
        await host.start()
        await host.revealed()
        assert is_red(await host.colour())
        await host.until("h.kernel.engine.sent.output > 20")
        assert (await host.sent("watch"))[0]["codecs"] == ["jpeg"]


async def test_compare_shows_what_the_kernel_sends_and_asks_for_it_only_then(host: Host) -> None:
    await mounted(host)
    await host.start()
    await host.revealed()
    await host.view().locator(".dw-wipe").click()
    await host.until("h.kernel.engine.sent.input > 10")
    await host.until("document.querySelector('.dw-compare canvas').width > 300")
    colour = await host.run("colour(document.querySelector('.dw-compare canvas'))")
    assert is_blue(colour)
    assert is_red(await host.colour())
    await host.view().locator(".dw-wipe").click()
    assert (await host.sent("watch"))[-1]["streams"] == ["output"]


async def test_nothing_is_sent_for_a_view_that_nobody_sees(host: Host) -> None:
    await mounted(host)
    await host.start()
    await host.revealed()
    await host.run("void (document.getElementById('views').style.marginTop = '5000px')")
    await host.until("h.model.last('watch').streams.length === 0")
    assert await host.run("Object.keys(h.kernel.engine.views)") == []
    await host.run("void (document.getElementById('views').style.marginTop = '0')")
    await host.until("h.model.last('watch').streams.length === 1")
    before = await host.run("h.kernel.engine.sent.output")
    await host.until(f"h.kernel.engine.sent.output > {before + 5}")
    assert await host.view().get_attribute("data-revealed") == "true"


async def test_a_damaged_picture_is_followed_by_a_keyframe(host: Host) -> None:
    await mounted(host)
    await host.start()
    await host.revealed()
    await host.run("""(() => {
      const { clips } = h.kernel.engine;
      h.whole = clips.output;
      clips.output = h.whole.map((one) => ({ ...one, data: btoa("no picture at all"), key: true }));
      h.kernel.engine.views.output.clip = clips.output;
    })()""")
    await host.until("h.model.count('watch') >= 2")
    await host.run("void (h.kernel.engine.clips.output = h.whole)")
    await host.until("h.kernel.engine.views.output.clip === h.whole")
    decoded = "(await document.querySelector('.decart-widget').decart.stats()).framesDecoded"
    before = await host.run(f"(async () => {decoded})()")
    await host.until(f"(async () => {decoded} > {before + 5})()")
    assert is_red(await host.colour())


async def test_after_a_reconnect_the_next_attempts_pictures_are_shown(host: Host) -> None:
    await mounted(host)
    await host.start()
    await host.revealed()
    await host.run("void h.model.update({ connection_state: 'reconnecting' })")
    await host.run("h.kernel.end('reconnecting', true)")
    await expect(host.view().locator(".dw-still")).to_be_visible()
    assert is_red(await host.run("colour(document.querySelector('canvas.dw-still'))"))
    await host.run("h.kernel.prepare()")
    await host.revealed()
    assert await host.run("h.kernel.engine.attempt") == 2
    await host.until("h.kernel.engine.sent.output > 5")


async def test_a_snapshot_is_a_picture_of_the_output(host: Host) -> None:
    await mounted(host)
    await host.start()
    await host.revealed()
    async with host.page.expect_download() as download:
        await host.view().locator(".dw-snapshot").click()
    path = await (await download.value).path()
    watched = await host.sent("watch")
    assert [one["width"] > 0 for one in watched] == [True, False, True], "it is of full size"
    import cv2

    picture = cv2.imread(str(path))
    assert picture is not None
    assert picture.shape == (HEIGHT_PX, WIDTH_PX, 3)
    blue, _, red = picture.mean(axis=(0, 1))
    assert red > blue + 60


async def test_the_end_of_the_source_is_no_error(host: Host) -> None:
    await mounted(host)
    await host.start()
    await host.revealed()
    await host.run("h.kernel.end('ended')")
    await host.run("void h.model.update({ connection_state: 'disconnected' })")
    words = host.view().locator(".dw-poster p")
    await expect(words).to_have_text(
        "The end of clip.mp4. Nothing is sent or billed. Start sends clip.mp4 again."
    )
    await expect(host.view().locator(".dw-notice")).to_be_hidden()


@pytest.mark.parametrize("views", [2])
async def test_several_views_of_a_page_share_the_pictures(host: Host, views: int) -> None:
    await mounted(host, views=views)
    await host.start()
    for index in range(views):
        await host.revealed(index)
        assert is_red(await host.colour(index))
