"""The page's camera through the kernel, in JupyterLab and Chromium."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import pytest
from playwright.async_api import expect

from decart_widget.sandbox import Sandbox, serve
from tests.browser.conftest import OpenNotebook
from tools.pixels import colourfulness
from tools.widget_view import WidgetView

CELL: Final = """
from decart_widget import DecartWidget
w = DecartWidget(
    prompt="greyscale", api_key={api_key!r}, transport={transport!r},
    endpoint=({base_url!r}, {realtime_base_url!r}){engine},
)
w
"""

NO_WAY: Final = """() => {
  // A browser behind a firewall: its connections fail, however they are made.
  class Unreachable extends RTCPeerConnection {
    get iceConnectionState() { return 'failed'; }
    get connectionState() { return 'failed'; }
    setRemoteDescription() {
      setTimeout(() => {
        this.dispatchEvent(new Event('iceconnectionstatechange'));
        this.dispatchEvent(new Event('connectionstatechange'));
      });
      return new Promise(() => undefined);
    }
  }
  window.RTCPeerConnection = Unreachable;
}"""


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with serve() as running:
        yield running


def cell(sandbox: Sandbox, transport: str, engine: str) -> str:
    return CELL.format(
        api_key=sandbox.api_key,
        base_url=sandbox.base_url,
        realtime_base_url=sandbox.realtime_base_url,
        transport=transport,
        engine=engine,
    )


async def test_the_picture_comes_back_and_says_what_the_way_costs(
    open_notebook: OpenNotebook, sandbox: Sandbox
) -> None:
    notebook = await open_notebook(cell(sandbox, "livekit", ", engine='kernel'"))
    view = WidgetView(notebook.page)
    await view.mounted()
    await view.start()
    assert colourfulness((await view.picture()).pixels) < 10
    await expect(view.root).to_contain_text(re.compile(r"\d+ ms through the kernel"))
    assert (await view.rate(1.0)).transport == "kernel"
    # The camera stays the page's.
    await view.wait_attribute("data-camera", "on")
    await view.stop()
    await view.wait_attribute("data-camera", "off")
    await notebook.until("w.connection_state == 'disconnected'")


@pytest.mark.new_tab
async def test_the_kernel_takes_over_from_a_page_that_can_not_reach_the_service(
    open_notebook: OpenNotebook, sandbox: Sandbox
) -> None:
    notebook = await open_notebook(cell(sandbox, "webrtc", ""))
    view = WidgetView(notebook.page)
    await view.mounted()
    await notebook.page.evaluate(NO_WAY)
    await view.start()
    assert colourfulness((await view.picture()).pixels) < 10
    await notebook.until("w.engine == 'kernel' and w.error.get('code') == 'relayed'")
    await expect(view.root).to_contain_text("your camera goes through the kernel")
    await view.stop()
