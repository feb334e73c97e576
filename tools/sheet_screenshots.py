"""Pictures of a sheet for the documentation, by `make screenshots`: plan and cells, in JupyterLab.

The sheet is a made one (`made_sheet`): the local server's effects on a photograph, in a state
that shows most: cells that are done, one that was refused, one that runs, one that waits.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from playwright.async_api import Page, ViewportSize, expect

from tools.lab import LabServer
from tools.notebook_page import NotebookPage

ROOT: Final = Path(__file__).parents[1]
VIEWPORT: Final = ViewportSize(width=1180, height=2400)
WIDTHS: Final = {"": "", "-narrow": "420px"}
SETUP: Final = f"""
import sys
sys.path.insert(0, {str(ROOT)!r})
import cv2
from pathlib import Path
import skimage
from decart_widget.explore.views.view import SheetView
from tools.made_sheet import MadeSource, made
picture = cv2.imread(str(Path(skimage.__file__).parent / "data" / "coffee.png"))
photograph = cv2.cvtColor(picture, cv2.COLOR_BGR2RGB)
plan = SheetView(MadeSource(made(state="planned", photograph=photograph)))
sheet = SheetView(MadeSource(made(state="running", photograph=photograph, large=True)))
"""


async def shoot_sheets(lab: LabServer, page: Page, out: Path, theme: str) -> None:
    """Saves `plan-*.jpg` and `sheet-*.jpg`, wide and narrow.

    Args:
        lab: A JupyterLab server with the theme.
        page: A tab of it, of size `VIEWPORT`.
        out: The folder.
        theme: Its name in the files' names.
    """
    notebook = NotebookPage(lab, page)
    await notebook.open(lab.write(f"sheets-{theme}.ipynb", [SETUP, "plan", "sheet"]))
    await notebook.run_all(timeout=300)
    shown = page.locator(".decart-sheet")
    await expect(shown.nth(1).locator(".ds-large [data-picture]").first).to_be_attached()
    for end, width in WIDTHS.items():
        await page.add_style_tag(content=f".ds-outer {{ max-inline-size: {width or 'none'}; }}")
        for index, name in enumerate(("plan", "sheet")):
            await page.mouse.move(0, 0)
            path = out / f"{name}-{theme}{end}.jpg"
            await shown.nth(index).screenshot(path=path, type="jpeg", quality=76)
            print(path.name, path.stat().st_size, flush=True)
