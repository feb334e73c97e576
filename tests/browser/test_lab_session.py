"""A session in JupyterLab, as a person sees it: Start, a transformed picture, Stop."""

from __future__ import annotations

from typing import Final

from tests.browser.conftest import OpenNotebook
from tools import pixels
from tools.pixels import CLEARLY, colourfulness, difference
from tools.widget_view import WidgetView

WIDGET: Final = 'from decart_widget import DecartWidget\nw = DecartWidget(prompt="greyscale")\nw'
LIVE_TRACKS: Final = "window.dwTracks.filter((track) => track.readyState === 'live').length"


async def test_start_shows_a_transformed_picture_and_stop_ends_it(
    open_notebook: OpenNotebook,
) -> None:
    notebook = await open_notebook(WIDGET)
    page, view = notebook.page, WidgetView(notebook.page)
    await view.mounted()
    assert await view.state() == "idle"
    assert await page.evaluate("window.dwTracks.length") == 0, "a camera was opened before Start"

    raw = await pixels.reference(page)
    await pixels.end_reference(page)
    assert colourfulness(raw) > 50, "the fake camera should be in colour"

    await pixels.watch_first_frame(page)
    await view.start()
    shown = await view.picture()
    _, first = await pixels.first_frame(page)
    assert (shown.width, shown.height) == (1280, 720)
    for picture in (first, shown.pixels):
        assert colourfulness(picture) < 10
        assert difference(picture, raw) > CLEARLY
    assert await view.state() == "generating"
    await notebook.until("w.connection_state == 'generating' and w.session_id")
    assert (await view.rate(1.0)).fps > 0

    await view.stop()
    await view.wait_attribute("data-camera", "off")
    await page.wait_for_function(f"{LIVE_TRACKS} === 0")
    await view.wait_attribute("data-state", "disconnected")
    await notebook.until("w.connection_state == 'disconnected'")


async def test_a_second_view_of_the_widget_shows_the_same_picture(
    open_notebook: OpenNotebook,
) -> None:
    notebook = await open_notebook(WIDGET, "w")
    first, second = WidgetView(notebook.page, 0), WidgetView(notebook.page, 1)
    await first.mounted()
    await second.mounted()
    await first.start()
    await first.picture()
    await second.picture()
    pictures = [picture for picture in await pixels.stages(notebook.page, 2) if picture]
    assert len(pictures) == 2
    assert all(colourfulness(picture.pixels) < 10 for picture in pictures)
    assert difference(pictures[0].pixels, pictures[1].pixels) < CLEARLY
    assert await notebook.page.evaluate(LIVE_TRACKS) == 1, "two views, but one camera"

    await second.type_prompt("invert")
    await first.changed(pictures[0].pixels)
    await second.changed(pictures[1].pixels)


async def test_a_view_made_while_the_picture_runs_shows_it_too(
    open_notebook: OpenNotebook,
) -> None:
    notebook = await open_notebook(WIDGET, "0")
    first = WidgetView(notebook.page)
    await first.start()
    await first.picture()
    await notebook.page.evaluate(
        "window.jupyterapp.shell.currentWidget.content.model.sharedModel.getCell(1).setSource('w')"
    )
    await notebook.run_cell(1)
    second = WidgetView(notebook.page, 1)
    await second.mounted()
    assert colourfulness((await second.picture()).pixels) < 10
