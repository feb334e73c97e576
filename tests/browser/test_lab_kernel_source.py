"""A source of the kernel in JupyterLab: every page shows its result, and none opens a camera."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Final

import av
import cv2
import numpy as np
import pytest
from playwright.async_api import Page, expect

from decart_widget.inputs.sources import marker
from decart_widget.sandbox import Sandbox, serve
from tests.browser.conftest import REMEMBER_TRACKS, OpenNotebook, new_tab
from tests.lab_fixtures import LONG_RELOADS
from tools.lab import LabServer
from tools.notebook_page import NotebookPage
from tools.pixels import Picture, colourfulness
from tools.widget_view import TIMEOUT, WidgetView

CELL: Final = """
from decart_widget import DecartWidget, TestPattern
w = DecartWidget(
    source=TestPattern("bars"), prompt="greyscale", api_key={api_key!r},
    endpoint=({base_url!r}, {realtime_base_url!r}),
)
w
"""
DRAWN: Final = """(selector) => {
  const shown = document.querySelector(selector);
  const width = shown.videoWidth || shown.width, height = shown.videoHeight || shown.height;
  const canvas = Object.assign(document.createElement('canvas'), {width, height});
  canvas.getContext('2d').drawImage(shown, 0, 0);
  return canvas.toDataURL('image/png').split(',')[1];
}"""
OUTPUT: Final = "video.dw-remote"
INPUT: Final = ".dw-compare canvas"
HIDE: Final = """(state) => {
  Object.defineProperty(document, 'hidden', {get: () => state === 'hidden', configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with serve() as running:
        yield running


async def generating(
    open_notebook: OpenNotebook, sandbox: Sandbox, setup: str = ""
) -> tuple[NotebookPage, WidgetView]:
    """A running session in a notebook of one cell, which begins with ``setup``."""
    where = {"base_url": sandbox.base_url, "realtime_base_url": sandbox.realtime_base_url}
    notebook = await open_notebook(setup + CELL.format(api_key=sandbox.api_key, **where))
    view = WidgetView(notebook.page)
    await view.mounted()
    await view.start()
    await grey(view)
    return notebook, view


async def grey(view: WidgetView) -> None:
    """Waits for the view's picture and asserts that it is transformed."""
    assert colourfulness((await view.picture()).pixels) < 10


async def drawn(page: Page, selector: str) -> Picture:
    """What an element shows: ``(height, width, 3)`` uint8, BGR."""
    png = base64.b64decode(await page.evaluate(DRAWN, selector))
    picture = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture.astype(np.uint8)


async def number_after(page: Page, selector: str, number: int) -> int:
    """The number of a source's frame that an element shows, once it is larger than another one."""
    async with asyncio.timeout(TIMEOUT):
        while True:
            seen = marker.read(cv2.cvtColor(await drawn(page, selector), cv2.COLOR_BGR2GRAY))
            if seen is not None and seen > number:
                return seen
            await asyncio.sleep(0.05)


def pictures(notebook: NotebookPage) -> int:
    """How many pictures have come to the page."""
    return sum(not one.sent and b'"picture"' in one.payload for one in notebook.frames)


async def test_it_is_shown_without_a_camera_and_can_be_compared(
    open_notebook: OpenNotebook, sandbox: Sandbox
) -> None:
    notebook, view = await generating(open_notebook, sandbox)
    page = notebook.page
    first = await number_after(page, OUTPUT, -1)
    await number_after(page, OUTPUT, first)
    assert await page.evaluate("window.dwTracks.length") == 0
    await notebook.until("w.stats.get('width', 0) > 0 and w.stats['rtt_s'] is None")
    await expect(view.root.locator(".dw-sent")).to_have_text("test pattern (bars)")
    await view.root.locator(".dw-wipe").click()
    await page.wait_for_function(f"document.querySelector({INPUT!r}).width > 300")
    await view.wait_attribute("data-compare", "true")
    sent = await number_after(page, INPUT, first)
    await number_after(page, INPUT, sent)
    assert colourfulness(await drawn(page, INPUT)) > 50
    assert colourfulness(await drawn(page, OUTPUT)) < 10
    await page.wait_for_function("document.querySelector('.decart-widget').dataset.delayMs")
    await view.stop()
    await notebook.until("w.connection_state == 'disconnected'")


async def test_record_writes_a_clip_of_it_and_snapshot_saves_it_in_full_size(
    open_notebook: OpenNotebook, sandbox: Sandbox
) -> None:
    notebook, view = await generating(open_notebook, sandbox)
    record = view.root.locator(".dw-record")
    await record.click()
    await expect(record).to_contain_text("Stop 0:")
    await notebook.until("w.generation_tick >= 2")
    async with notebook.page.expect_download() as download:
        await view.root.locator(".dw-snapshot").click()
    picture = cv2.imread(str(await (await download.value).path()))
    assert picture is not None
    assert picture.shape == (720, 1280, 3)
    await record.click()
    await expect(view.root.locator(".dw-note")).to_contain_text("saved decart-")
    await expect(record).to_contain_text("Record")
    (clip,) = notebook.lab.root.glob("decart-*.mp4")
    with av.open(str(clip)) as container:
        assert sum(1 for _ in container.decode(video=0)) > 0
    clip.unlink()


async def test_a_hidden_tab_gets_no_pictures_and_the_session_goes_on(
    open_notebook: OpenNotebook, sandbox: Sandbox
) -> None:
    notebook, view = await generating(open_notebook, sandbox)
    await notebook.page.evaluate(HIDE, "hidden")
    # Each round trip comes back after everything that was sent before it.
    ticks = float(await notebook.execute("w.generation_tick"))
    await notebook.until(f"w.generation_tick >= {ticks + 1}")
    before = pictures(notebook)
    await notebook.until(f"w.generation_tick >= {ticks + 3}")
    assert before > 0
    assert pictures(notebook) == before
    number = await number_after(notebook.page, OUTPUT, -1)
    await notebook.page.evaluate(HIDE, "visible")
    await number_after(notebook.page, OUTPUT, number)
    await view.stop()


async def test_a_reloaded_page_and_a_second_tab_show_the_same_session(
    open_notebook: OpenNotebook, sandbox: Sandbox, lab: LabServer
) -> None:
    notebook, view = await generating(open_notebook, sandbox, setup=LONG_RELOADS)
    session = await notebook.execute("w.session_id")
    number = await number_after(notebook.page, OUTPUT, -1)
    await notebook.save()
    await notebook.page.reload(wait_until="commit")
    await view.mounted()
    await grey(view)
    number = await number_after(notebook.page, OUTPUT, number)
    page = await new_tab(notebook.page.context, [REMEMBER_TRACKS])
    tab = NotebookPage(lab, page)
    await tab.open("test_a_reloaded_page_and_a_second_tab_show_the_same_session.ipynb")
    second = WidgetView(page)
    await second.mounted()
    await grey(second)
    await number_after(page, OUTPUT, number)
    await number_after(notebook.page, OUTPUT, number)
    assert await tab.execute("w.session_id") == session
    await second.stop()
    await view.wait_attribute("data-state", "disconnected")
    assert tab.errors == []
    await page.close()
