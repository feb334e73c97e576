"""One Chromium and one JupyterLab for the whole session.

A test of the bundle has a tab of its own. Tests with notebooks share a tab with JupyterLab, because
loading it costs more than most of them do: each has a notebook and a kernel of its own, which are
closed after it. A test that changes more of its tab than its notebook is marked `new_tab`.

Playwright's asynchronous interface is used throughout, on one session-wide event loop, which every
asynchronous test in this folder runs on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Error, Page, expect

from tools import browser as chromium
from tools.lab import LabServer
from tools.notebook_page import NotebookPage, close_notebooks

HERE: Final = Path(__file__).parent

# Playwright waits 5 s for what a test expects of an element, too little on a busy machine.
expect.set_options(timeout=30_000)

REMEMBER_TRACKS: Final = """
window.dwTracks = [];
const devices = navigator.mediaDevices;
if (devices) {
  const original = devices.getUserMedia.bind(devices);
  devices.getUserMedia = async (constraints) => {
    const stream = await original(constraints);
    window.dwTracks.push(...stream.getTracks());
    return stream;
  };
}
"""
"""Records every camera track that the page receives."""

OpenNotebook = Callable[..., Awaitable[NotebookPage]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    session_loop = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if item.path.is_relative_to(HERE) and pytest_asyncio.is_async_test(item):
            item.add_marker(session_loop, append=False)


@pytest.fixture(scope="session")
def browser_path() -> Path:
    """Chromium or Chrome, as `make test` found or installed it."""
    return chromium.require()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browsers(browser_path: Path) -> AsyncIterator[chromium.Relaunched]:
    """One browser for all tests, until it crashes."""
    async with chromium.relaunched(browser_path) as browsers:
        yield browsers


@pytest_asyncio.fixture(loop_scope="session")
async def browser(browsers: chromium.Relaunched) -> Browser:
    """Headless Chromium with a fake 30 fps camera, permissions granted."""
    return await browsers.get()


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser profile of its own: no storage, no tab of another test."""
    context = await browser.new_context(viewport=chromium.VIEWPORT)
    yield context
    if browser.is_connected():
        await context.close()


@pytest.fixture(scope="session")
def page_scripts() -> Sequence[str]:
    """What each tab runs before the scripts of its pages."""
    return (REMEMBER_TRACKS,)


async def new_tab(context: BrowserContext, scripts: Sequence[str]) -> Page:
    page = await context.new_page()
    for script in scripts:
        await page.add_init_script(script)
    return page


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext, page_scripts: Sequence[str]) -> Page:
    """An empty tab."""
    return await new_tab(context, page_scripts)


@pytest.fixture(scope="session")
def shared_tabs() -> dict[Browser, Page]:
    """The tab with JupyterLab that tests share, for each running browser."""
    return {}


@pytest_asyncio.fixture(loop_scope="session")
async def lab_tab(
    browser: Browser,
    page_scripts: Sequence[str],
    shared_tabs: dict[Browser, Page],
    request: pytest.FixtureRequest,
) -> AsyncIterator[Page]:
    """A tab for JupyterLab: the shared one, or a new one if the test is marked `new_tab`.

    The next test has a new one as well if this one fails.
    """
    is_shared = request.node.get_closest_marker("new_tab") is None
    page = shared_tabs.get(browser) if is_shared else None
    if page is None or page.is_closed():
        context = await browser.new_context(viewport=chromium.VIEWPORT)
        page = await new_tab(context, page_scripts)
    shared_tabs.pop(browser, None)
    failures = request.session.testsfailed
    yield page
    with suppress(Error):  # the browser has crashed, or JupyterLab in the tab doesn't respond
        if is_shared and request.session.testsfailed == failures:
            await close_notebooks(page)
            await page.evaluate("window.dwTracks.length = 0")
            shared_tabs[browser] = page
        else:
            await page.context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def open_notebook(
    lab: LabServer, lab_tab: Page, request: pytest.FixtureRequest
) -> AsyncIterator[OpenNotebook]:
    """Opens a notebook of the given cells in JupyterLab and runs them all.

    Whatever else the test says, no error may be left in the browser's console.
    """
    opened: list[NotebookPage] = []

    async def open_notebook(*cells: str) -> NotebookPage:
        notebook = NotebookPage(lab, lab_tab)
        opened.append(notebook)
        await notebook.open(lab.write(f"{request.node.name}.ipynb", cells))
        await notebook.run_all()
        return notebook

    yield open_notebook
    for notebook in opened:
        notebook.detach()
        assert notebook.errors == []
