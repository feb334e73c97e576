"""Faults during a session, one test per row of docs/reliability.md; measured times are reported.

Chromium, JupyterLab and a test's tab are those of the browser layer. The report is
`faults-report.json` or $DECART_WIDGET_FAULTS_REPORT; it keeps times of earlier runs for rows that
this run does not measure.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import pytest_asyncio
from playwright.async_api import Page

from decart_widget.sandbox import Sandbox, serve
from tests.browser.conftest import (  # noqa: F401  (fixtures)
    REMEMBER_TRACKS,
    browser,
    browser_path,
    browsers,
    context,
)
from tests.faults.scene import CLONES_TOO, FIRST, Scene
from tests.kernel.fake_page import KernelPage
from tools.lab import LabServer
from tools.notebook_page import NotebookPage
from tools.service import Service
from tools.widget_view import WidgetView

HERE: Final = Path(__file__).parent
REPORT: Final = Path(os.environ.get("DECART_WIDGET_FAULTS_REPORT", "faults-report.json"))

CONNECTION_ERRORS: Final = (
    "WebSocket connection to",
    "WebSocket is already in CLOSING",
    "net::ERR_",
    "/rtc",
)
"""Parts of console errors that a fault causes: browsers report each connection that is lost as an
error, and so a message that livekit-client sends on a closing socket.
"""

CELL: Final = """
from decart_widget import DecartWidget
w = DecartWidget(**{arguments!r})
w
"""

Measured = Callable[..., None]
Begin = Callable[..., Awaitable[Scene]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    session_loop = pytest.mark.asyncio(loop_scope="session")
    for item in items:
        if item.path.is_relative_to(HERE) and pytest_asyncio.is_async_test(item):
            item.add_marker(session_loop, append=False)


@pytest.fixture
def measured(request: pytest.FixtureRequest) -> Measured:
    """Writes a time in seconds into the report, for one transport or for both."""
    marker = request.node.get_closest_marker("fault")
    assert marker is not None, "a test of this layer names its row: @pytest.mark.fault('...')"

    def report(seconds: float, transport: str = "") -> None:
        times = json.loads(REPORT.read_text()) if REPORT.exists() else {}
        times.setdefault(marker.args[0], {})[transport or "time"] = round(seconds, 2)
        REPORT.write_text(json.dumps(dict(sorted(times.items())), indent=1) + "\n")

    return report


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A separate service for each test, whose faults can be set at any time."""
    with serve() as running:
        yield running


@pytest.fixture
def service() -> Iterator[Service]:
    """A service in a process that can be killed."""
    running = Service()
    running.start()
    yield running
    running.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def page(context: Any) -> Page:  # noqa: F811
    """An empty tab that records every camera track, clones included."""
    page: Page = await context.new_page()
    await page.add_init_script(REMEMBER_TRACKS)
    await page.add_init_script(CLONES_TOO)
    return page


@pytest_asyncio.fixture(loop_scope="session")
async def show(lab: LabServer, page: Page, request: pytest.FixtureRequest) -> AsyncIterator[Begin]:
    """Shows a widget in a notebook, not yet started; errors in its console fail the test."""
    shown: list[Scene] = []

    async def show(
        where: Sandbox | Service, transport: str, *cells: str, tab: Page = page, **arguments: Any
    ) -> Scene:
        arguments = {
            "prompt": FIRST,
            "transport": transport,
            "endpoint": (where.base_url, where.realtime_base_url),
            "api_key": where.api_key,
            **arguments,
        }
        # A page with unsaved cells asks before it is closed.
        tab.on("dialog", lambda dialog: dialog.accept())
        notebook = NotebookPage(lab, tab)
        name = f"{request.node.originalname}-{transport}.ipynb"
        await notebook.open(lab.write(name, [CELL.format(arguments=arguments), *cells]))
        await notebook.run_all()
        sandbox = where if isinstance(where, Sandbox) else None
        scene = Scene(notebook, WidgetView(tab), transport, sandbox)
        shown.append(scene)
        await scene.view.mounted()
        return scene

    yield show
    for scene in shown:
        left = [
            e for e in scene.notebook.errors if not any(part in e for part in CONNECTION_ERRORS)
        ]
        assert left == []


@pytest_asyncio.fixture(loop_scope="session")
async def begin(show: Begin) -> Begin:
    """Shows a widget, starts it, and waits for a moving picture of the second prompt."""

    async def begin(where: Sandbox | Service, transport: str, *cells: str, **more: Any) -> Scene:
        scene = await show(where, transport, *cells, **more)
        await scene.begin()
        return scene

    return begin


@pytest_asyncio.fixture(loop_scope="session")
async def kernel() -> AsyncIterator[KernelPage]:
    """A real ipykernel with a scripted page."""
    page = await KernelPage().open()
    try:
        yield page
    finally:
        await page.close()
