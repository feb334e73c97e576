"""The network itself loses packets, is slow, or is away for 10 s: in a namespace, for real."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Locator

from decart_widget.sandbox import Sandbox, serve
from tests.browser.conftest import REMEMBER_TRACKS
from tests.faults.conftest import CELL, Measured
from tests.faults.namespace import Network, network
from tests.faults.scene import CLONES_TOO, FIRST, TRANSPORTS, Scene
from tools import browser as chromium
from tools.lab import LabServer
from tools.notebook_page import NotebookPage
from tools.widget_view import WidgetView

both = pytest.mark.parametrize("transport", TRANSPORTS)

AWAY_S: Final = 10.0


@asynccontextmanager
async def alone(browser_path: Path, transport: str) -> AsyncIterator[tuple[Network, Scene]]:
    """Server, JupyterLab and Chromium in a network of their own, with a running session."""
    with network() as broken, serve() as sandbox, LabServer() as lab:
        async with chromium.launched(browser_path) as browser:
            page = await browser.new_page(viewport=chromium.VIEWPORT)
            await page.add_init_script(REMEMBER_TRACKS)
            await page.add_init_script(CLONES_TOO)
            # JupyterLab's own words about its server lie over the page: a person puts them away.
            await page.add_locator_handler(page.locator(".jp-Dialog"), put_away)
            scene = await begun(lab, NotebookPage(lab, page), sandbox, transport)
            yield broken, scene


async def put_away(dialog: Locator) -> None:
    await dialog.press("Escape")


async def begun(lab: LabServer, notebook: NotebookPage, sandbox: Sandbox, transport: str) -> Scene:
    endpoint = (sandbox.base_url, sandbox.realtime_base_url)
    arguments = {"prompt": FIRST, "transport": transport, "endpoint": endpoint}
    await notebook.open(lab.write("network.ipynb", [CELL.format(arguments=arguments)]))
    await notebook.run_all()
    scene = Scene(notebook, WidgetView(notebook.page), transport, sandbox)
    await scene.begin()
    return scene


@both
@pytest.mark.fault("network-blackout")
async def test_the_network_is_away_for_10_s(
    browser_path: Path, measured: Measured, transport: str
) -> None:
    async with alone(browser_path, transport) as (broken, scene):
        broken.down()
        await asyncio.sleep(AWAY_S)  # the fault itself: so long is it away
        broken.up()
        since = time.time()
        measured(await scene.recovers(since, attempt=1), transport)
        await scene.stops()


@both
@pytest.mark.fault("network-loss")
async def test_the_network_loses_packets(
    browser_path: Path, measured: Measured, transport: str
) -> None:
    async with alone(browser_path, transport) as (broken, scene):
        since = time.time()
        broken.lose(5)
        while time.time() < since + AWAY_S:  # a look at the picture, all the while
            await scene.probes.moved(time.time())
        measured(await scene.probes.outage(since), transport)
        await scene.recovers(time.time(), attempt=1)
        await scene.stops()


@both
@pytest.mark.fault("network-delay")
async def test_the_network_is_slow(browser_path: Path, measured: Measured, transport: str) -> None:
    async with alone(browser_path, transport) as (broken, scene):
        since = time.time()
        broken.delay(200)
        while time.time() < since + AWAY_S:
            await scene.probes.moved(time.time())
        measured(await scene.probes.outage(since), transport)
        await scene.recovers(time.time(), attempt=1)
        await scene.stops()
