"""The network loses packets, is slow, or is down for 10 s, in a network namespace."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import Locator

from decart_widget.sandbox import Sandbox, serve
from tests.browser.conftest import REMEMBER_TRACKS
from tests.faults.conftest import CELL, Measured
from tests.faults.namespace import Network, network
from tests.faults.scene import CLONES_TOO, FIRST, TRANSPORTS, Scene
from tests.rooms import rooms_on
from tools import browser as chromium
from tools import livekit
from tools.lab import LabServer
from tools.notebook_page import NotebookPage
from tools.widget_view import WidgetView

both = pytest.mark.parametrize("transport", TRANSPORTS)

FAULT_S: Final = 10.0
"""Seconds that each fault lasts."""


MISSED_FRAMES: Final = 30
"""Most frames that the camera may produce between two decoded frames of the received video: those
of 1 s. They are counted because a machine that is busy produces fewer of them."""

REMEMBER_PEERS: Final = """
window.dwPeers = [];
const Peer = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Peer {
  constructor(...options) {
    super(...options);
    window.dwPeers.push(this);
  }
};
"""
"""Records every peer connection of the page."""

COUNT_MISSED: Final = """() => {
  window.dwMissed = 0;
  let decodedBefore = -1, cameraBefore = 0;
  const look = async () => {
    let camera = 0, decoded = 0;
    for (const peer of window.dwPeers)
      for (const one of (await peer.getStats()).values()) {
        if (one.kind !== 'video') continue;
        if (one.type === 'media-source') camera += one.frames;
        if (one.type === 'inbound-rtp') decoded += one.framesDecoded;
      }
    if (decoded !== decodedBefore) {
      decodedBefore = decoded;
      cameraBefore = camera;
    }
    window.dwMissed = Math.max(window.dwMissed, camera - cameraBefore);
    setTimeout(look, 30);
  };
  look();
}"""
"""Writes into `dwMissed` how many frames, at most, the camera produced while none was decoded."""

ATTEMPT: Final = "(index) => document.querySelectorAll('.decart-widget')[index].decart.attempt"
"""The number of a view's attempt."""

Serve = Callable[[], AbstractContextManager[Sandbox]]


@contextmanager
def with_livekit() -> Iterator[Sandbox]:
    """A service with a LiveKit server of its own; the test is skipped where there is none."""
    try:
        server = livekit.LiveKitProcess()
    except livekit.UnavailableError as reason:
        pytest.skip(f"no LiveKit server: {reason}")
    with server, rooms_on(server) as sandbox:
        yield sandbox


@asynccontextmanager
async def isolated(
    browser_path: Path, transport: str, serve: Serve = serve
) -> AsyncIterator[tuple[Network, Scene]]:
    """Service, JupyterLab and Chromium in a separate network, with a running session."""
    with network() as broken, serve() as sandbox, LabServer() as lab:
        async with chromium.launched(browser_path) as browser:
            page = await browser.new_page(viewport=chromium.VIEWPORT)
            await page.add_init_script(REMEMBER_TRACKS)
            await page.add_init_script(CLONES_TOO)
            await page.add_init_script(REMEMBER_PEERS)
            # JupyterLab's dialogs about its server cover the page; a person would close them.
            await page.add_locator_handler(page.locator(".jp-Dialog"), close_dialog)
            scene = await begun(lab, NotebookPage(lab, page), sandbox, transport)
            yield broken, scene


async def close_dialog(dialog: Locator) -> None:
    await dialog.press("Escape")


async def begun(lab: LabServer, notebook: NotebookPage, sandbox: Sandbox, transport: str) -> Scene:
    endpoint = (sandbox.base_url, sandbox.realtime_base_url)
    arguments = {
        "prompt": FIRST,
        "transport": transport,
        "endpoint": endpoint,
        "api_key": sandbox.api_key,
    }
    await notebook.open(lab.write("network.ipynb", [CELL.format(arguments=arguments)]))
    await notebook.run_all()
    scene = Scene(notebook, WidgetView(notebook.page), transport, sandbox)
    await scene.begin()
    return scene


@both
@pytest.mark.fault("network-blackout")
async def test_the_network_is_down_for_10_s(
    browser_path: Path, measured: Measured, transport: str
) -> None:
    async with isolated(browser_path, transport) as (broken, scene):
        broken.down()
        await asyncio.sleep(FAULT_S)  # the fault itself
        broken.up()
        since = time.time()
        measured(await scene.recovers(since, attempt=1), transport)
        await scene.stop()


async def lose_packets(broken: Network, scene: Scene, measured: Measured) -> None:
    """Loses 5 % of all packets, between all processes; the picture moves all the time."""
    await scene.page.evaluate(COUNT_MISSED)
    since = time.time()
    broken.lose(5)
    while time.time() < since + FAULT_S:
        await scene.probes.moved(time.time())
    missed = await scene.page.evaluate("window.dwMissed")
    measured(await scene.probes.outage(since), scene.transport)
    await scene.recovers(time.time(), attempt=1)
    assert await scene.page.evaluate(ATTEMPT, scene.view.index) == 1, "it was connected anew"
    assert missed <= MISSED_FRAMES
    await scene.stop()


@both
@pytest.mark.fault("network-loss")
async def test_the_network_loses_packets(
    browser_path: Path, measured: Measured, transport: str
) -> None:
    async with isolated(browser_path, transport) as (broken, scene):
        await lose_packets(broken, scene, measured)


@pytest.mark.fault("livekit-loss")
async def test_the_network_of_a_livekit_server_loses_packets(
    browser_path: Path, measured: Measured
) -> None:
    async with isolated(browser_path, "livekit", with_livekit) as (broken, scene):
        await lose_packets(broken, scene, measured)


@both
@pytest.mark.fault("network-delay")
async def test_the_network_is_slow(browser_path: Path, measured: Measured, transport: str) -> None:
    async with isolated(browser_path, transport) as (broken, scene):
        since = time.time()
        broken.delay(200)
        while time.time() < since + FAULT_S:
            await scene.probes.moved(time.time())
        measured(await scene.probes.outage(since), transport)
        await scene.recovers(time.time(), attempt=1)
        await scene.stop()
