"""The widget's traits linked to ipywidgets, with `link` through the kernel and with `jslink`."""

from __future__ import annotations

from typing import Final

import pytest

from tests.browser.conftest import OpenNotebook
from tools.widget_view import WidgetView

WIDGET: Final = """
import ipywidgets as widgets
from decart_widget import DecartWidget

w = DecartWidget(prompt="greyscale")
w
"""


@pytest.mark.parametrize("link", ["link", "jslink"])
async def test_a_linked_text_box_changes_the_picture(
    open_notebook: OpenNotebook, link: str
) -> None:
    notebook = await open_notebook(
        WIDGET,
        f"""
        box = widgets.Text()
        widgets.{link}((w, "prompt"), (box, "value"))
        box
        """.replace("\n        ", "\n"),
    )
    view = WidgetView(notebook.page)
    box = notebook.page.locator(".widget-text input")
    await notebook.until("box.value == 'greyscale'")
    await view.start()
    before = await view.picture()
    await box.click()
    await box.press("ControlOrMeta+a")
    await box.press_sequentially("invert", delay=20)
    await view.changed(before.pixels)
    await notebook.until("w.applied_prompt == 'invert'")
    assert await view.prompt.input_value() == "invert"


async def test_a_linked_checkbox_and_progress_bar_follow(open_notebook: OpenNotebook) -> None:
    notebook = await open_notebook(
        WIDGET,
        """
box = widgets.Checkbox()
billed = widgets.IntProgress(max=1000)
place = widgets.IntProgress(value=5, max=10)
widgets.jslink((w, "enrich"), (box, "value"))
widgets.jslink((w, "generation_tick"), (billed, "value"))
widgets.dlink((w, "queue_position"), (place, "value"), transform=lambda place: place or 0)
widgets.VBox([box, billed, place])
""",
    )
    page, view = notebook.page, WidgetView(notebook.page)
    box, enrich = page.locator(".widget-checkbox input"), view.root.locator("input.dw-enrich")
    assert await notebook.execute("place.value") == "0"
    ticked = await enrich.is_checked()
    assert await box.is_checked() == ticked
    await box.click()
    await notebook.until(f"w.enrich == {not ticked}")
    assert await enrich.is_checked() != ticked
    await enrich.click()
    await notebook.until(f"box.value == {ticked}")

    await view.start()
    await view.picture()
    await notebook.until("billed.value >= 2 and w.generation_tick >= 2")
