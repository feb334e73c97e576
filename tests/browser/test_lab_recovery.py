"""Faults during a session, after which the picture moves again in every view."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Final

import numpy as np
import pytest

from decart_widget.sandbox import Faults, Sandbox, serve
from tests.browser.conftest import OpenNotebook
from tools.notebook_page import NotebookPage
from tools.pixels import colourfulness, difference
from tools.widget_view import TIMEOUT, WidgetView

CELLS: Final = """
from decart_widget import DecartWidget
w = DecartWidget(
    prompt="invert", transport={transport!r}, endpoint=({base_url!r}, {realtime_base_url!r}),
    api_key={api_key!r},
)
w
"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with serve() as running:
        yield running


async def two_views(
    open_notebook: OpenNotebook, sandbox: Sandbox, transport: str
) -> tuple[NotebookPage, list[WidgetView]]:
    """Two views of a running session whose prompt was changed after the start."""
    cell = CELLS.format(
        transport=transport,
        base_url=sandbox.base_url,
        realtime_base_url=sandbox.realtime_base_url,
        api_key=sandbox.api_key,
    )
    notebook = await open_notebook(cell, "w")
    views = [WidgetView(notebook.page, index) for index in range(2)]
    await views[0].mounted()
    await views[0].start()
    shown = [await view.picture() for view in views]
    assert (await views[0].rate(0.5)).transport == transport
    await views[0].type_prompt("greyscale")
    for view, before in zip(views, shown, strict=True):
        assert colourfulness((await view.changed(before.pixels)).pixels) < 10
    return notebook, views


async def moves(view: WidgetView, times: int = 5) -> None:
    """Waits until the stage has shown `times` successive, different pictures, all grey."""
    last = np.zeros(1, np.uint8)
    seen = 0
    async with asyncio.timeout(TIMEOUT):
        while seen < times:
            stage = await view.picture()
            if last.shape != stage.pixels.shape or difference(stage.pixels, last) > 0:
                assert colourfulness(stage.pixels) < 10, "the first prompt is back, or the camera"
                last = stage.pixels
                seen += 1
            await asyncio.sleep(0.05)


def room_sockets(notebook: NotebookPage) -> list[str]:
    """A list that collects the addresses of the rooms that the page joins from now on."""
    opened: list[str] = []
    notebook.page.on("websocket", lambda socket: opened.append(socket.url))
    return opened


async def rejoined(opened: list[str]) -> None:
    """Waits until the page joins a room again."""
    async with asyncio.timeout(TIMEOUT):
        while not any("/rtc" in url for url in opened):
            await asyncio.sleep(0.05)


async def recovers(notebook: NotebookPage, views: list[WidgetView], attempt: int) -> None:
    """Waits until every view shows a moving picture of this attempt or a later one."""
    for view in views:
        await notebook.page.wait_for_function(
            "([{dataset, decart}, attempt]) =>"
            " decart.attempt >= attempt && dataset.revealed === 'true'",
            arg=[await view.root.element_handle(), attempt],
            timeout=TIMEOUT * 1000,
        )
        await moves(view)
    # Browsers report each lost socket as an error, and each message on a closing one.
    words = ("/rtc", "WebSocket is already in CLOSING")
    notebook.errors[:] = [e for e in notebook.errors if not any(word in e for word in words)]


async def test_a_dropped_control_socket_over_offer_and_answer(
    open_notebook: OpenNotebook, sandbox: Sandbox
) -> None:
    notebook, views = await two_views(open_notebook, sandbox, "webrtc")
    sandbox.faults = Faults(drop_control_after_s=0.1, sessions=1)
    await recovers(notebook, views, attempt=2)
    assert await notebook.execute("w.applied_prompt") == "'greyscale'"


async def test_a_dropped_control_socket_with_a_room(
    open_notebook: OpenNotebook, sandbox: Sandbox
) -> None:
    notebook, views = await two_views(open_notebook, sandbox, "livekit")
    sandbox.faults = Faults(drop_control_after_s=0.1, sessions=1)
    await recovers(notebook, views, attempt=2)
    assert await notebook.execute("w.applied_prompt") == "'greyscale'"


@pytest.mark.local_rooms
async def test_a_room_that_asks_for_a_full_reconnect(
    open_notebook: OpenNotebook, sandbox: Sandbox
) -> None:
    notebook, views = await two_views(open_notebook, sandbox, "livekit")
    joined = room_sockets(notebook)
    sandbox.faults = Faults(drop_signal_after_s=0.1, refuse_resume=True, sessions=1)
    await rejoined(joined)
    await recovers(notebook, views, attempt=1)


@pytest.mark.local_rooms
async def test_a_room_whose_signal_socket_is_resumed(
    open_notebook: OpenNotebook, sandbox: Sandbox
) -> None:
    notebook, views = await two_views(open_notebook, sandbox, "livekit")
    joined = room_sockets(notebook)
    sandbox.faults = Faults(drop_signal_after_s=0.1, sessions=1)
    await rejoined(joined)
    await recovers(notebook, views, attempt=1)


async def test_a_viewer_shows_the_session_of_another_cell(
    open_notebook: OpenNotebook, sandbox: Sandbox
) -> None:
    notebook, views = await two_views(open_notebook, sandbox, "livekit")
    await notebook.execute(
        "from decart_widget import DecartViewer; from IPython.display import display"
    )
    page = notebook.page
    await page.evaluate(
        "window.jupyterapp.shell.currentWidget.content.model.sharedModel.getCell(1)"
        f".setSource('DecartViewer(w.subscribe_token, api_key={json.dumps(sandbox.api_key)})')"
    )
    await notebook.run_cell(1)
    viewer = WidgetView(page, 1)
    await viewer.mounted()
    await moves(viewer)
    controls = viewer.root.locator(".dw-start, .dw-stop, input.dw-prompt")
    assert not [control for control in await controls.all() if await control.is_visible()]
    await views[0].stop()
    await viewer.wait_attribute("data-revealed", "false")
