"""Which parts of the bundle's scripts a page runs, as V8 counts them, for `make test`'s coverage.

With DECART_WIDGET_COVERAGE set to a folder, pages get the bundle in its `bundle` (`npm run
coverage:build`: not minified, with source maps), and a profile of each page is left in its
`browser` for `npm run coverage:report`. Without it nothing is measured, and pages get the bundle
that is shipped.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from playwright.async_api import Page

FOLDER: Final = os.environ.get("DECART_WIDGET_COVERAGE")
BUNDLE: Final = (
    Path(FOLDER) / "bundle" if FOLDER else Path(__file__).parents[2] / "decart_widget" / "static"
)
"""Folder of the chunks that pages get."""
SCHEME: Final = "decart-widget:///"
"""How the chunks' names in a profile begin (build.mjs), however a page loaded them."""


@asynccontextmanager
async def scripts_measured(page: Page) -> AsyncIterator[None]:
    """Measures what the page runs of the bundle, until the end or until the page was closed."""
    if not FOLDER:
        yield
        return
    session = await page.context.new_cdp_session(page)
    await session.send("Profiler.enable")
    # Whether a block ran is enough; counting how often would slow the media down.
    await session.send("Profiler.startPreciseCoverage", {"callCount": False, "detailed": True})
    yield
    if page.is_closed():
        return
    taken = await session.send("Profiler.takePreciseCoverage")
    await session.detach()
    scripts = [script for script in taken["result"] if script["url"].startswith(SCHEME)]
    folder = Path(FOLDER) / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{uuid.uuid4().hex}.json").write_text(json.dumps({"result": scripts}))
