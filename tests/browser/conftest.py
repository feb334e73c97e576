"""One Chromium and one JupyterLab for the whole session; a tab of its own for every test.

Playwright's asynchronous interface is used throughout, on one session-wide event loop, which every
asynchronous test in this folder runs on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, BrowserContext, Page, async_playwright

from tools import browser as finder
from tools.lab import LabServer

HERE = Path(__file__).parent
VIEWPORT = {"width": 1280, "height": 1400}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    session_loop = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if item.path.is_relative_to(HERE) and pytest_asyncio.is_async_test(item):
            item.add_marker(session_loop, append=False)


@pytest.fixture(scope="session")
def browser_path() -> Path:
    """Chromium or Chrome, as `make test` found or installed it."""
    return finder.require()


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser(browser_path: Path) -> AsyncIterator[Browser]:
    """Headless Chromium with a fake 30 fps camera, permissions granted."""
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(
            executable_path=browser_path, args=finder.launch_arguments()
        )
        yield chromium
        await chromium.close()


@pytest_asyncio.fixture(loop_scope="session")
async def context(browser: Browser) -> AsyncIterator[BrowserContext]:
    """A browser profile of its own: no storage, no tab of another test."""
    context = await browser.new_context(viewport=VIEWPORT)
    yield context
    await context.close()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: BrowserContext) -> Page:
    """An empty tab."""
    return await context.new_page()


@pytest.fixture(scope="session")
def lab_server() -> Iterator[LabServer]:
    """One JupyterLab for the session; use `lab`, which leaves no kernel behind."""
    with LabServer() as server:
        yield server


@pytest.fixture
def lab(lab_server: LabServer) -> Iterator[LabServer]:
    """The shared JupyterLab; the kernels that a test started end with it."""
    yield lab_server
    lab_server.end_kernels()
