"""Sessions of a kernel with a sandbox in the test's process, which shows its open sessions."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from decart_widget.sandbox import Sandbox
from tests.kernel.fake_page import LIMIT, KernelPage, WidgetPage

IMPORT = (
    "import warnings; warnings.simplefilter('ignore')\nfrom decart_widget import DecartWidget\n"
)


def widget_cell(sandbox: Sandbox, name: str = "w", **arguments: Any) -> str:
    """The code of a cell that makes a widget with this sandbox as endpoint."""
    given = {
        "prompt": "greyscale",
        "transport": "webrtc",
        "endpoint": (sandbox.base_url, sandbox.realtime_base_url),
        "api_key": sandbox.api_key,
        **arguments,
    }
    listed = ", ".join(f"{key}={value!r}" for key, value in given.items())
    return f"{IMPORT}{name} = DecartWidget({listed})\n"


@asynccontextmanager
async def generating(
    kernel: KernelPage, cell: str, *, camera: Any = None, name: str = "page-1"
) -> AsyncIterator[WidgetPage]:
    """The page of the widget that this cell makes, in the state *generating*."""
    await kernel.run(cell, cell="cell-of-" + name)
    page = WidgetPage(kernel, name, camera=camera)
    try:
        await page.hello()
        page.say("start")
        await page.until(connection_state="generating")
        yield page
    finally:
        await page.close()


def open_sessions(sandbox: Sandbox) -> int:
    """How many sessions the sandbox has open."""
    return len(sandbox.stats()["sessions"])


async def until(true: Callable[[], Any]) -> None:
    """Waits by polling for a change in a thread of this process, or in another process."""
    async with asyncio.timeout(LIMIT):
        while not true():
            await asyncio.sleep(0.01)
