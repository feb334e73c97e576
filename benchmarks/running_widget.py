"""A widget in a real JupyterLab and Chromium, with a running session to measure."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Final

from playwright.async_api import Page

from benchmarks.delayed_road import delayed_road
from tools import browser
from tools.lab import LabServer
from tools.notebook_page import NotebookPage
from tools.widget_view import WidgetView

CELLS: Final = ('from decart_widget import DecartWidget\nw = DecartWidget(prompt="greyscale")\nw',)
"""Source of the notebook's code cells: one widget, with the local server."""


@dataclass(frozen=True)
class RunningWidget:
    """A widget in a notebook's page; `start()` starts its session."""

    lab: LabServer
    notebook: NotebookPage
    view: WidgetView

    async def start(self) -> None:
        """Clicks Start and waits for the first picture."""
        await self.view.start()
        await self.view.picture()

    async def kernel_pid(self) -> int:
        """Process id of the notebook's kernel."""
        return int(await self.notebook.execute("import os; os.getpid()"))


@asynccontextmanager
async def running_widget(
    cells: Sequence[str] = CELLS,
    install: Callable[[Page], Awaitable[None]] | None = None,
    *,
    delay_s: float = 0.0,
) -> AsyncIterator[RunningWidget]:
    """Runs a notebook made of code cells and waits until its first widget is mounted.

    Args:
        cells: The cells' source.
        install: Called with the page while it is still empty.
        delay_s: Delay of each direction between the page and the notebook server, in seconds.

    Yields:
        The first widget; its session is not started yet.
    """
    async with AsyncExitStack() as stack:
        lab = stack.enter_context(LabServer())
        name = lab.write("benchmark.ipynb", cells)
        if delay_s:
            lab.page_port = await stack.enter_async_context(delayed_road(lab.port, delay_s))
        chromium = await stack.enter_async_context(browser.launched())
        page = await chromium.new_page(viewport=browser.VIEWPORT)
        if install is not None:
            await install(page)
        notebook = NotebookPage(lab, page)
        await notebook.open(name)
        await notebook.run_all()
        view = WidgetView(page)
        await view.mounted()
        yield RunningWidget(lab, notebook, view)
