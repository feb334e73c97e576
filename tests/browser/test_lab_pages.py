"""Pages that are reloaded, opened twice or cleared during a session; pictures that freeze."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.async_api import expect

from decart_widget.sandbox import Faults, Sandbox, serve
from tests.browser.conftest import REMEMBER_TRACKS, OpenNotebook, new_tab
from tests.lab_fixtures import LONG_RELOADS
from tools.lab import LabServer
from tools.notebook_page import NotebookPage
from tools.pixels import colourfulness
from tools.widget_view import TIMEOUT, WidgetView

CELL: Final = """
from decart_widget import DecartWidget
w = DecartWidget(
    prompt="greyscale", transport={transport!r}, endpoint=({base_url!r}, {realtime_base_url!r}),
    api_key={api_key!r},
)
w
"""
LIVE_TRACKS: Final = "window.dwTracks.filter((track) => track.readyState === 'live').length"
TRANSPORTS: Final = pytest.mark.parametrize("transport", ["webrtc", "livekit"])


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with serve() as running:
        yield running


async def generating(
    open_notebook: OpenNotebook, sandbox: Sandbox, transport: str = "livekit", setup: str = ""
) -> tuple[NotebookPage, WidgetView]:
    """A running session in a notebook of one cell, which begins with ``setup``."""
    cell = setup + CELL.format(
        transport=transport,
        base_url=sandbox.base_url,
        realtime_base_url=sandbox.realtime_base_url,
        api_key=sandbox.api_key,
    )
    notebook = await open_notebook(cell)
    view = WidgetView(notebook.page)
    await view.mounted()
    await view.start()
    await grey(view)
    await notebook.until("w.generation_tick >= 1")
    return notebook, view


async def grey(view: WidgetView) -> None:
    """Waits for the view's picture and asserts that it is transformed."""
    assert colourfulness((await view.picture()).pixels) < 10


async def one_session(sandbox: Sandbox) -> None:
    """Waits until the service has exactly one session."""
    async with asyncio.timeout(TIMEOUT):
        while len(sandbox.stats()["sessions"]) != 1:
            await asyncio.sleep(0.02)


async def no_session(sandbox: Sandbox) -> None:
    async with asyncio.timeout(TIMEOUT):
        while sandbox.stats()["sessions"]:
            await asyncio.sleep(0.02)


async def camera_off(view: WidgetView) -> None:
    await view.page.wait_for_function(f"{LIVE_TRACKS} === 0", timeout=TIMEOUT * 1000)


@TRANSPORTS
async def test_a_frozen_picture_is_recovered(
    open_notebook: OpenNotebook, sandbox: Sandbox, transport: str
) -> None:
    notebook, view = await generating(open_notebook, sandbox, transport)
    await notebook.execute(
        "said = []; w.observe(lambda change: said.append(change.new.get('message', '')), 'error')"
    )
    sandbox.faults = Faults(freeze_after_s=0.1, sessions=1)
    await view.wait_attribute("data-state", "reconnecting")
    await notebook.until("any('No new picture came' in text for text in said)")
    await view.wait_attribute("data-state", "generating")
    await grey(view)
    await one_session(sandbox)


async def test_a_reloaded_page_resumes_its_picture(
    open_notebook: OpenNotebook, sandbox: Sandbox
) -> None:
    notebook, view = await generating(open_notebook, sandbox, setup=LONG_RELOADS)
    await notebook.save()
    await notebook.page.reload(wait_until="commit")
    await no_session(sandbox)  # nothing is billed without a page
    await view.mounted()
    await grey(view)
    await one_session(sandbox)
    assert (
        await notebook.page.evaluate("document.querySelector('.dw-start').checkVisibility()")
        is False
    )


async def test_a_second_tab_takes_the_session_over(
    open_notebook: OpenNotebook, sandbox: Sandbox, lab: LabServer
) -> None:
    notebook, first = await generating(open_notebook, sandbox)
    await notebook.save()
    page = await new_tab(notebook.page.context, [REMEMBER_TRACKS])
    tab = NotebookPage(lab, page)
    await tab.open("test_a_second_tab_takes_the_session_over.ipynb")
    second = WidgetView(page)
    await second.mounted()
    await expect(second.root.locator(".dw-start")).to_have_text("Take over")
    await second.start()
    await camera_off(first)
    await grey(second)
    await one_session(sandbox)
    await expect(first.root.locator(".dw-start")).to_have_text("Take over")
    assert await tab.execute("w.applied_prompt") == "'greyscale'"
    # And the first tab takes it back.
    await first.page.bring_to_front()
    await first.start()
    await camera_off(second)
    await grey(first)
    assert tab.errors == []
    await page.close()


async def test_clearing_the_output_ends_the_session_and_the_widget_can_be_shown_again(
    open_notebook: OpenNotebook, sandbox: Sandbox
) -> None:
    notebook, view = await generating(open_notebook, sandbox)
    await notebook.command("notebook:clear-all-cell-outputs")
    await camera_off(view)
    await no_session(sandbox)
    await notebook.page.evaluate(
        "window.jupyterapp.shell.currentWidget.content.model.sharedModel.getCell(0).setSource('w')"
    )
    await notebook.run_cell(0)
    await view.mounted()
    await view.start()
    await grey(view)
    await one_session(sandbox)


async def test_closing_the_notebook_ends_the_session(
    open_notebook: OpenNotebook, sandbox: Sandbox
) -> None:
    notebook, view = await generating(open_notebook, sandbox)
    await notebook.save()
    await notebook.page.evaluate("window.jupyterapp.shell.currentWidget.dispose()")
    await camera_off(view)
    await no_session(sandbox)
