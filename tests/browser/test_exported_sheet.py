"""A sheet's HTML file, opened from disk: no kernel, no network."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Final, Literal

import pytest
import pytest_asyncio
from playwright.async_api import Browser, ConsoleMessage, Page, ViewportSize, expect

from decart_widget.explore.views.document import describe
from decart_widget.explore.views.export import page as exported
from tools.axe import violations
from tools.made_sheet import made

COLUMNS: Final = 3
ROWS: Final = 2
MOMENTS: Final = 4


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sheet = made(COLUMNS, ROWS, moments=MOMENTS, scored=False)
    path = tmp_path_factory.mktemp("exported") / "sheet.html"
    path.write_text(exported(describe(sheet.contents), sheet.pictures), encoding="utf-8")
    return path


class Opened:
    """The file in a tab, and everything that the tab asked for or complained about."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.requests: list[str] = []
        self.errors: list[str] = []
        page.on("request", lambda request: self.requests.append(request.url))
        page.on("console", self._on_console)
        page.on("pageerror", lambda error: self.errors.append(str(error)))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)

    def cell(self, column: int, row: int) -> Any:
        return self.page.locator(".ds-row").nth(row + 1).locator(".ds-cell").nth(column)

    async def moment(self) -> int:
        return int(
            await self.page.locator(".decart-sheet").evaluate(
                "e => e.style.getPropertyValue('--t')"
            )
        )


@pytest_asyncio.fixture(loop_scope="session")
async def open_file(browser: Browser, file: Path) -> AsyncIterator[Any]:
    contexts = []

    async def open_file(width: int = 1040, scheme: Literal["light", "dark"] = "light") -> Opened:
        context = await browser.new_context(
            viewport=ViewportSize(width=width, height=900), color_scheme=scheme, offline=True
        )
        contexts.append(context)
        opened = Opened(await context.new_page())
        await opened.page.goto(file.as_uri())
        await expect(opened.page.locator(".ds-cell [data-picture]").first).to_be_attached()
        return opened

    yield open_file
    for context in contexts:
        await context.close()


async def test_it_is_used_by_mouse_and_by_keys_and_asks_for_nothing(open_file: Any) -> None:
    opened = await open_file()
    page = opened.page
    await expect(page.locator("[role=gridcell]")).to_have_count(COLUMNS * ROWS)
    # Across a cell is across the clip, in all cells.
    frame = opened.cell(1, 0).locator(".ds-frame")
    box = await frame.bounding_box()
    await page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] / 2)
    await page.wait_for_function(
        "document.querySelector('.decart-sheet').style.getPropertyValue('--t') === '3'"
    )
    films = page.locator(".ds-cell .ds-film:not(.ds-over)[data-picture]")
    positions = await films.evaluate_all(
        "all => [...new Set(all.map((e) => getComputedStyle(e).backgroundPositionX))]"
    )
    assert positions == ["100%"]
    # With Shift it wipes this cell against the input.
    await page.keyboard.down("Shift")
    await page.mouse.move(box["x"] + box["width"] * 0.25, box["y"] + box["height"] / 2)
    await expect(opened.cell(1, 0)).to_have_attribute("data-wipe", "")
    await page.keyboard.up("Shift")
    assert await opened.moment() == 3
    # Opened by mouse, then by keys; wiped against another cell.
    await opened.cell(1, 0).click()
    await expect(opened.cell(1, 0)).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("c")
    await page.keyboard.press("ArrowLeft")
    await page.keyboard.press("c")
    await expect(opened.cell(0, 0)).to_have_attribute("data-against", "true")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(opened.cell(0, 1)).to_have_attribute("aria-selected", "true")
    handle = page.locator(".ds-handle")
    await handle.focus()
    await page.keyboard.press("End")
    await expect(handle).to_have_attribute("aria-valuenow", "100")
    # Ranked by another score, and dimmed.
    await page.locator("select").select_option("change")
    await page.get_by_role("button", name="Ranked").click()
    await expect(page.locator("[role=option]")).to_have_count(COLUMNS * ROWS)
    await page.locator(".ds-least input").fill("100")
    await expect(page.locator('.ds-cell[data-out="true"]')).to_have_count(COLUMNS * ROWS)
    assert [url for url in opened.requests if not url.startswith(("file:", "blob:"))] == []
    assert opened.errors == []


@pytest.mark.parametrize(("width", "scheme"), [(1040, "light"), (1040, "dark"), (420, "light")])
async def test_axe_finds_nothing(open_file: Any, width: int, scheme: str) -> None:
    opened = await open_file(width, scheme)
    assert await violations(opened.page, ".decart-sheet") == []
    await opened.page.get_by_role("button", name="Ranked").click()
    assert await violations(opened.page, ".decart-sheet") == []
