"""A notebook that an earlier build of the package saved, with the state of its widget in it."""

from __future__ import annotations

from typing import Final

from playwright.async_api import Page

from tests.browser.conftest import HERE
from tools.lab import LabServer
from tools.notebook_page import NotebookPage
from tools.pixels import colourfulness
from tools.widget_view import WidgetView

SAVED: Final = HERE / "notebooks" / "saved_by_an_earlier_build.ipynb"
"""Its front end has chunks of other names, and its widget class is in another module."""


async def test_a_notebook_saved_by_an_earlier_build_opens_and_runs(
    lab: LabServer, page: Page
) -> None:
    notebook = NotebookPage(lab, page)
    await notebook.open(lab.copy(SAVED))
    await page.locator(".jp-OutputArea-output").first.wait_for()  # restored from the file

    await notebook.run_all()
    view = WidgetView(page)
    await view.mounted()
    await view.start()
    assert colourfulness((await view.picture()).pixels) < 10
    await view.stop()
    await view.wait_attribute("data-camera", "off")
    assert notebook.errors == []
