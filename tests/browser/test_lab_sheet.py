"""A sweep in JupyterLab: started from its plan, looked at by mouse and by keys, and ranked."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from playwright.async_api import expect

from tests.browser.conftest import OpenNotebook
from tools.axe import violations

SWEEP: Final = f"""
import sys
from pathlib import Path
sys.path.insert(0, {str(Path(__file__).parents[2])!r})
from decart_widget import explore
from tests.pure.explore.made import planned
looks = explore.grid("{{style}}, {{light}}", style=["oil", "ink"], light=["as it is", "فجر"])
sheet = planned(Path("sweep").absolute(), looks)
sheet
"""
"""Its cells are made by the test's runner, not by sessions, which `tests/explore` has."""

AGAIN: Final = "if sheet.state == 'done': display(sheet)"
THEME: Final = """(theme) => window.jupyterapp.commands.execute('apputils:change-theme', {theme})"""


def place(page: Any, column: int, row: int) -> Any:
    return page.locator(".ds-row").nth(row + 1).locator(".ds-cell").nth(column)


async def test_a_sweep_is_started_from_its_plan_looked_at_and_ranked(
    open_notebook: OpenNotebook,
) -> None:
    notebook = await open_notebook(SWEEP, AGAIN)
    page = notebook.page
    # The plan: nothing runs before the click on Start.
    start = page.locator(".ds-main", has_text="Start")
    await expect(page.locator(".ds-sum")).to_contain_text("4 cells")
    assert await notebook.execute("sheet.state") == "'planned'"
    assert await violations(page, ".decart-sheet") == []
    await start.click()
    await expect(page.locator(".ds-chip")).to_have_text("Done")
    assert await notebook.execute("sheet.state") == "'done'"
    cells = page.locator(".ds-cell [data-picture]:not(.ds-over)")
    await expect(cells).to_have_count(4)

    # By mouse: a cell is opened, and its picture wiped against the input.
    await place(page, 1, 0).click()
    await expect(place(page, 1, 0)).to_have_attribute("aria-selected", "true")
    large = page.locator(".ds-large")
    await expect(large.locator('[data-picture$="@large"]').first).to_be_attached()
    await large.scroll_into_view_if_needed()
    box = await large.bounding_box()
    assert box is not None
    await large.click(position={"x": box["width"] * 0.25, "y": 20})
    await expect(page.locator(".ds-handle")).to_have_attribute("aria-valuenow", "25")
    # By keys, which JupyterLab leaves alone: another cell, and that one against it.
    await place(page, 1, 0).focus()
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("c")
    await expect(place(page, 0, 0)).to_have_attribute("data-against", "true")
    await page.keyboard.press("s")
    await expect(place(page, 0, 0).locator(".ds-starred")).to_be_visible()
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(place(page, 0, 1)).to_have_attribute("aria-selected", "true")
    assert await notebook.execute("len(sheet.stars)") == "1"
    assert len(await notebook.cells()) == 2, "no key was a command of JupyterLab"
    assert await violations(page, ".decart-sheet") == []
    await page.evaluate(THEME, "JupyterLab Dark")
    await expect(page.locator("body")).to_have_attribute("data-jp-theme-light", "false")
    assert await violations(page, ".decart-sheet") == []
    await page.evaluate(THEME, "JupyterLab Light")

    # Blind pairs by keys, to the end.
    await page.get_by_role("button", name="Rank", exact=True).click()
    count = page.locator(".ds-rank [role=status]")
    await expect(page.locator(".ds-body")).to_be_hidden()
    while await page.locator(".ds-pair").is_visible():
        before = await count.text_content() or ""
        await page.keyboard.press("ArrowLeft")
        await expect(count).not_to_have_text(before)
    await expect(page.locator(".ds-strengths li")).to_have_count(4)
    await page.keyboard.press("Escape")
    await expect(page.locator(".ds-body")).to_be_visible()

    # A notebook that is read elsewhere has a picture of the sheet.
    await notebook.run_cell(1)
    outputs = (await notebook.cells())[1]["outputs"]
    assert "image/png" in outputs[0]["data"]
    assert "application/vnd.jupyter.widget-view+json" in outputs[0]["data"]
