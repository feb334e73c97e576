"""One Chromium and one sandbox, in this process, for all clients."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from decart_widget.sandbox import Faults, Sandbox, serve
from tests.conformance.clients import KEY, PAGE, ClientPage, OpenPage, client_page, stats_until
from tools import browser as chromium
from tools.pages import served

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    session_loop = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if item.path.is_relative_to(HERE) and pytest_asyncio.is_async_test(item):
            item.add_marker(session_loop, append=False)


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    with serve(api_key=KEY) as local:
        yield local


@pytest_asyncio.fixture(loop_scope="session")
async def sandbox(shared_sandbox: Sandbox) -> AsyncIterator[Sandbox]:
    """A sandbox without faults and sessions; no session may be left at the end."""
    shared_sandbox.faults = Faults()
    yield shared_sandbox
    await stats_until(shared_sandbox, lambda stats: stats["sessions"] == [])


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """Headless Chromium with a fake 30 fps camera, permissions granted."""
    async with chromium.launched() as browser:
        yield browser


@pytest.fixture(scope="session")
def pages() -> Iterator[str]:
    """Address of the clients' pages."""
    with served(client=PAGE) as address:
        yield address


@pytest_asyncio.fixture(loop_scope="session")
async def open_page(browser: Browser, sandbox: Sandbox, pages: str) -> AsyncIterator[OpenPage]:
    """Opens another tab for a third-party client."""
    async with AsyncExitStack() as tabs:

        async def open_page() -> ClientPage:
            return await tabs.enter_async_context(client_page(browser, sandbox, pages))

        yield open_page
