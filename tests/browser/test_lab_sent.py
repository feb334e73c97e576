"""The source as the local server receives it: a function of the test reads its frames."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import BrowserContext

from tests.browser.conftest import REMEMBER_TRACKS, OpenNotebook
from tests.browser.test_bundle_capture import TWO, marked
from tools import browser as chromium
from tools.lab import LabServer
from tools.notebook_page import CellError, NotebookPage
from tools.widget_view import WidgetView

SERVER: Final = """
from decart_widget import DecartWidget
seen, count = (0, 0, None, None, None), 0
def look(frame, prompt, image):
    global seen, count
    height, width = frame.shape[:2]
    left, right = frame[:, : width // 20], frame[:, -width // 20 :]
    third = frame[:, width * 5 // 16 : width * 6 // 16]
    colours = [part.mean(axis=(0, 1)) for part in (left, right, third)]
    seen, count = (width, height, *colours), count + 1
    return frame
def edges(left, right):
    _, _, a, b, _ = seen
    return a is not None and a[left] > 170 > 90 > a[right] and b[right] > 170 > 90 > b[left]
RED, BLUE = 0, 2
"""
"""`seen` is the newest frame: width, height, mean colours (red, green, blue) of its edges and of a
stripe at a third of it; `count` how many came.
"""

WIDGET: Final = "w = DecartWidget(endpoint=look, transport={transport!r})\nw"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def browsers(
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[chromium.Relaunched]:
    """Chromium whose camera's left edge is red and whose right edge is blue."""
    clip = marked(tmp_path_factory.mktemp("camera") / "marked.mjpeg")
    async with chromium.relaunched(video=clip) as browsers:
        yield browsers


async def generating(notebook: NotebookPage) -> WidgetView:
    view = WidgetView(notebook.page)
    await view.mounted()
    await view.start()
    await view.picture()
    return view


@pytest.mark.parametrize("transport", ["livekit", "webrtc"])
async def test_the_server_receives_mirrored_and_portrait_frames(
    open_notebook: OpenNotebook, transport: str
) -> None:
    notebook = await open_notebook(SERVER, WIDGET.format(transport=transport))
    view = await generating(notebook)
    await notebook.until("seen[:2] == (1280, 720) and edges(RED, BLUE)")
    await notebook.execute("w.mirror = 'on'")
    await notebook.until("seen[:2] == (1280, 720) and edges(BLUE, RED)")
    await notebook.execute("w.orientation = 'portrait'")
    await notebook.until("seen[:2] == (720, 1280)")
    # Cropped from the middle: both coloured edges are gone, and the grey between them remains.
    await notebook.until("max(abs(e - 128).max() for e in seen[2:4]) < 30")
    await notebook.execute("w.orientation, w.mirror = 'landscape', 'off'")
    await notebook.until("seen[:2] == (1280, 720) and edges(RED, BLUE)")
    await notebook.execute("await w.replace_source('test-pattern')")
    await notebook.until("edges(RED, BLUE) and seen[4][RED] + 40 < seen[4][1]")
    with pytest.raises(CellError, match="No video file was chosen"):
        await notebook.execute("await w.replace_source('file')")
    assert (await notebook.execute("print(w.source)")).strip() == "test-pattern"
    await notebook.execute("await w.replace_source('camera')")
    await notebook.until("edges(RED, BLUE) and abs(seen[4] - 128).max() < 60")
    assert await view.state() == "generating"


async def test_the_server_receives_the_other_camera_after_a_switch(lab: LabServer) -> None:
    async with chromium.launched(cameras=3) as browser:
        context: BrowserContext = await browser.new_context(viewport=chromium.VIEWPORT)
        page = await context.new_page()
        for script in (REMEMBER_TRACKS, TWO):
            await page.add_init_script(script)
        notebook = NotebookPage(lab, page)
        await notebook.open(lab.write("switch.ipynb", [SERVER, WIDGET.format(transport="livekit")]))
        await notebook.run_all()
        view = await generating(notebook)
        await notebook.until("len(w.cameras) == 2 and w.stats.get('sent')")
        await notebook.execute("before = w.stats['sent']['label']")
        await notebook.execute("after = await w.switch_camera(); then = count")
        assert (await notebook.execute("print(after != before)")).strip() == "True"
        await notebook.until("count > then + 10")
        assert await page.evaluate("dwTracks.map((t) => t.readyState)") == ["ended", "live"]
        assert await view.state() == "generating"
        assert notebook.errors == []
