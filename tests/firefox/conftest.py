"""One Firefox and one JupyterLab for the session; a tab of its own for every test.

Without a Firefox every test is skipped, with the reason; `make firefox` tries to install one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
import pytest_asyncio

from decart_widget.sandbox import Sandbox, serve
from tests.firefox.notebook_tab import NotebookTab
from tools import firefox
from tools.firefox import Firefox
from tools.lab import LabServer

HERE: Final = Path(__file__).parent

OpenNotebook = Callable[..., Awaitable[NotebookTab]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    session_loop = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if item.path.is_relative_to(HERE) and pytest_asyncio.is_async_test(item):
            item.add_marker(session_loop, append=False)


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Firefox]:
    """Headless Firefox with a fake camera, which pages may open."""
    path = firefox.find()
    if path is None:
        pytest.skip(firefox.HELP)
    async with firefox.launched(path) as browser:
        yield browser


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """The service, in this process, so that a test can ask what it has seen."""
    with serve() as running:
        yield running


@pytest_asyncio.fixture(loop_scope="session")
async def open_notebook(
    browser: Firefox, lab: LabServer, request: pytest.FixtureRequest
) -> AsyncIterator[OpenNotebook]:
    """Opens a notebook of the given cells in a new tab and runs them all.

    Whatever else the test says, no error may be left in the tab's console.
    """
    opened: list[NotebookTab] = []

    async def open_notebook(*cells: str) -> NotebookTab:
        notebook = NotebookTab(lab, await browser.tab())
        opened.append(notebook)
        await notebook.tab.resize(1280, 1100)
        await notebook.open(lab.write(f"{request.node.name}.ipynb", cells))
        await notebook.run_all()
        return notebook

    yield open_notebook
    for notebook in opened:
        await notebook.close()
        assert notebook.errors == []
