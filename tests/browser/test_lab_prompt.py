"""Prompts typed in JupyterLab, also with keys that are shortcuts of the notebook."""

from __future__ import annotations

from typing import Final

from tests.browser.conftest import OpenNotebook
from tools.widget_view import WidgetView

WIDGET: Final = 'from decart_widget import DecartWidget\nw = DecartWidget(prompt="greyscale")\nw'


async def test_a_typed_prompt_changes_the_picture(open_notebook: OpenNotebook) -> None:
    notebook = await open_notebook(WIDGET)
    view = WidgetView(notebook.page)
    await view.start()
    before = await view.picture()
    await view.type_prompt("thermal camera")
    await view.changed(before.pixels)
    await notebook.until("w.applied_prompt == w.prompt == 'thermal camera'")
    await notebook.until("w.prompt_status == 'applied'")


async def test_typing_triggers_no_notebook_shortcut(open_notebook: OpenNotebook) -> None:
    # In command mode these insert a cell above, delete a cell and restart the kernel.
    typed = ("a", "dd", "00", "b", "x", "m")
    notebook = await open_notebook(WIDGET, "kept = 1")
    view = WidgetView(notebook.page)
    before = await notebook.cells()
    pid = await notebook.execute("import os; os.getpid()")
    await view.prompt.fill("")
    for keys in typed:
        await view.prompt.press_sequentially(keys, delay=30)
    assert await view.prompt.input_value() == "".join(typed)
    assert await notebook.page.locator(".jp-Dialog").count() == 0
    assert [cell["source"] for cell in await notebook.cells()] == [c["source"] for c in before]
    assert await notebook.execute("os.getpid()") == pid
    assert await notebook.execute("kept") == "1"

    # Outside the widget the same key is still a shortcut: only the widget suppresses it.
    await notebook.page.locator(".jp-InputPrompt").last.click()
    await notebook.page.keyboard.press("a")
    await notebook.page.wait_for_function(
        "(n) => window.jupyterapp.shell.currentWidget.content.model.cells.length === n",
        arg=len(before) + 1,
    )
