"""Size of a widget in JupyterLab: bytes on the kernel's WebSocket, and bytes saved in a notebook.

The first widget of a page loads the front end; the second one is the cost of each further widget.
All frames of the kernel's WebSocket count, in both directions, from running the cell until the
widget is mounted, minus those of a cell that shows a number.
"""

from __future__ import annotations

import asyncio
from typing import Final

from benchmarks import Figures
from tools import browser
from tools.lab import LabServer
from tools.notebook_page import NotebookPage
from tools.widget_view import WidgetView

IMPORT: Final = "from decart_widget import DecartWidget"
MAKE: Final = 'DecartWidget(prompt="greyscale", endpoint="sandbox")'
SAVE_STATE: Final = {"@jupyter-widgets/jupyterlab-manager/plugin": {"saveState": True}}
"""JupyterLab settings that make it save widget state with a notebook."""


async def saved_bytes(lab: LabServer, notebook: NotebookPage, name: str) -> int:
    await notebook.save()
    return (lab.root / name).stat().st_size


async def measure() -> Figures:
    with LabServer(settings=SAVE_STATE) as lab:
        name = lab.write("benchmark.ipynb", [IMPORT, MAKE, MAKE, "7"])
        async with browser.launched() as chromium:
            page = await chromium.new_page(viewport=browser.VIEWPORT)
            notebook = NotebookPage(lab, page)
            await notebook.open(name)
            await notebook.run_cell(0)
            sizes = [await saved_bytes(lab, notebook, name)]
            sent = []
            for cell in (1, 2, 3):
                await notebook.execute("None")  # returns after all earlier messages
                notebook.frames.clear()
                await notebook.run_cell(cell)
                await WidgetView(page, min(cell, 2) - 1).mounted()
                await notebook.execute("None")
                sent.append(sum(len(frame.payload) for frame in notebook.frames))
                sizes.append(await saved_bytes(lab, notebook, name))
            lab.end_kernels()
    return {
        "first_instance_bytes": sent[0] - sent[2],
        "second_instance_bytes": sent[1] - sent[2],
        "saved_state_bytes": sizes[2] - sizes[1],
    }


def weigh() -> Figures:
    return asyncio.run(measure())
