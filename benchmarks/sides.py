"""The pages that benchmarks compare: the widget in JupyterLab, Decart's SDK, and the floor.

The floor is a page with two peer connections and nothing between them. All pages are in one
Chromium with one camera; the first two use the same local server.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from playwright.async_api import Browser, Page

from tools import browser as chromium
from tools.lab import LabServer
from tools.notebook_page import NotebookPage
from tools.pages import served
from tools.service import Service
from tools.widget_view import WidgetView

ROOT: Final = Path(__file__).parent.parent
PAGES: Final = ROOT / "benchmarks" / "pages"
CLIENT: Final = ROOT / "tests" / "conformance" / "page"
TRANSPORTS: Final = ("webrtc", "livekit")
FLOORS: Final = {"webrtc": ("VP8", 2_500_000), "livekit": ("H264", 3_500_000)}
"""Transport -> codec and rate (bit/s) of its camera by default, and so of its floor."""

FIRST_PICTURE: Final = (PAGES / "first_picture.js").read_text()
"""Script that reports when the first transformed picture was on the screen."""


@contextmanager
def pages() -> Iterator[str]:
    """Serves the pages of this folder.

    Yields:
        Their address.

    Raises:
        RuntimeError: The SDK isn't installed.
    """
    if not (CLIENT / "dist" / "sdk.js").exists():
        raise RuntimeError("Decart's SDK isn't installed: run `make clients` first.")
    with served(pages=PAGES, client=CLIENT) as address:
        yield address


@asynccontextmanager
async def tab(browser: Browser, scripts: Sequence[str]) -> AsyncIterator[Page]:
    """An empty tab in the foreground, with scripts that run before those of any page."""
    context = await browser.new_context(viewport=chromium.VIEWPORT)
    page = await context.new_page()
    for script in scripts:
        await page.add_init_script(script)
    try:
        yield page
    finally:
        await context.close()


@dataclass(frozen=True)
class Side:
    """A page before the click on Start, with CSS selectors of its button and of its picture."""

    page: Page
    button: str
    picture: str
    transforms: bool = True
    """Whether its picture is transformed, so that an untransformed one does not count."""


@asynccontextmanager
async def widget(
    browser: Browser, lab: LabServer, where: Service, transport: str, scripts: Sequence[str] = ()
) -> AsyncIterator[Side]:
    """The widget in a new notebook with a new kernel; Start is not yet clicked."""
    made = {
        "endpoint": where.base_url,
        "api_key": where.api_key,
        "transport": transport,
        "prompt": "greyscale",
    }
    cells = [f"from decart_widget import DecartWidget\nw = DecartWidget(**{made!r})\nw"]
    async with tab(browser, scripts) as page:
        notebook = NotebookPage(lab, page)
        await notebook.open(lab.write("benchmark.ipynb", cells))
        await notebook.run_all()
        view = WidgetView(page)
        await view.mounted()
        await notebook.execute("None")  # returns when the kernel is idle
        shown = ".decart-widget[data-revealed='true'] video.dw-remote"
        try:
            yield Side(page, ".dw-start", shown)
        finally:
            if await view.root.locator(".dw-stop").is_visible():
                await view.stop()
            await view.wait_attribute("data-camera", "off")
            lab.end_kernels()


@asynccontextmanager
async def sdk(
    browser: Browser, address: str, where: Service, scripts: Sequence[str] = ()
) -> AsyncIterator[Side]:
    """The page with the SDK, loaded; Start is not yet clicked."""
    options = {
        "base": where.base_url,
        "realtime": where.realtime_base_url,
        "key": where.api_key,
    }
    async with plain(browser, f"{address}/pages/sdk.html", options, scripts) as side:
        yield side


@asynccontextmanager
async def floor(
    browser: Browser,
    address: str,
    codec: str,
    rate: int,
    scripts: Sequence[str] = (),
    *,
    early: bool = False,
) -> AsyncIterator[Side]:
    """The page with two connections and nothing between them.

    Args:
        browser: Opens the page.
        address: Address of the pages, see `pages`.
        codec: VP8 or H264.
        rate: bit/s.
        scripts: Run before the page's own.
        early: Whether the two connections are established before the click.
    """
    options = {"codec": codec, "rate": rate} | ({"early": 1} if early else {})
    async with plain(browser, f"{address}/pages/floor.html", options, scripts) as side:
        yield replace(side, transforms=False)


@asynccontextmanager
async def plain(
    browser: Browser, url: str, options: Mapping[str, object], scripts: Sequence[str]
) -> AsyncIterator[Side]:
    """A page of this folder, loaded with its options in the query."""
    async with tab(browser, scripts) as page:
        await page.goto(f"{url}?{urlencode(options)}")
        await page.wait_for_function("window.ready")
        try:
            yield Side(page, "#start", "#picture")
        finally:
            await page.evaluate("stop()")
