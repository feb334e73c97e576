"""One Chromium and one JupyterLab for the whole session; a tab of its own for every test.

Playwright's asynchronous interface is used throughout, on one session-wide event loop, which every
asynchronous test in this folder runs on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, expect

from tools import browser as chromium
from tools.lab import LabServer
from tools.notebook_page import NotebookPage

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


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> Page:
    """An empty tab."""
    page = await context.new_page()
    await page.add_init_script(REMEMBER_TRACKS)
    return page


@pytest.fixture(scope="session")
def lab_server() -> Iterator[LabServer]:
    """One JupyterLab for the session; use `lab`, which leaves no kernel behind."""
    # Notebooks are saved with their widgets' state, so that tests see what a file can hold.
    settings = {"@jupyter-widgets/jupyterlab-manager/plugin": {"saveState": True}}
    with LabServer(settings=settings) as server:
        yield server


@pytest.fixture
def lab(lab_server: LabServer) -> Iterator[LabServer]:
    """The shared JupyterLab; the kernels that a test started end with it."""
    yield lab_server
    lab_server.end_kernels()


@pytest_asyncio.fixture(loop_scope="session")
async def open_notebook(
    lab: LabServer, page: Page, request: pytest.FixtureRequest
) -> AsyncIterator[OpenNotebook]:
    """Opens a notebook of the given cells in JupyterLab and runs them all.

    Whatever else the test says, no error may be left in the browser's console.
    """
    opened: list[NotebookPage] = []

    async def open_notebook(*cells: str) -> NotebookPage:
        notebook = NotebookPage(lab, page)
        opened.append(notebook)
        await notebook.open(lab.write(f"{request.node.name}.ipynb", cells))
        await notebook.run_all()
        return notebook

    yield open_notebook
    for notebook in opened:
        assert notebook.errors == []
