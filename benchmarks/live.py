"""A live session to measure: JupyterLab, Chromium with its fake camera, the local server."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from playwright.async_api import Page

from tools import browser
from tools.lab import LabServer
from tools.notebook_page import NotebookPage
from tools.widget_view import WidgetView

CELLS: Final = ('from decart_widget import DecartWidget\nw = DecartWidget(prompt="greyscale")\nw',)


@dataclass(frozen=True)
class WidgetController:
    """A widget on a page; after `start()` its picture moves."""

    lab: LabServer
    notebook: NotebookPage
    view: WidgetView

    async def start(self) -> None:
        await self.view.start()
        await self.view.picture()

    async def kernel_pid(self) -> int:
        return int(await self.notebook.execute("import os; os.getpid()"))


@asynccontextmanager
async def live(
    cells: Sequence[str] = CELLS, install: Callable[[Page], Awaitable[None]] | None = None
) -> AsyncIterator[WidgetController]:
    """A notebook made of `cells`, run, its first widget mounted and not yet started.

    Args:
        cells: Their sources.
        install: Called with the page while it is still empty.
    """
    with LabServer() as lab:
        name = lab.write("benchmark.ipynb", cells)
        async with browser.launched() as chromium:
            page = await chromium.new_page(viewport=browser.VIEWPORT)
            if install is not None:
                await install(page)
            notebook = NotebookPage(lab, page)
            await notebook.open(name)
            await notebook.run_all()
            view = WidgetView(page)
            await view.mounted()
            yield WidgetController(lab, notebook, view)
