"""A source of the kernel in Firefox, whose tracks are fed from a canvas."""

from __future__ import annotations

from typing import Final

from decart_widget.sandbox import Sandbox
from tests.firefox.conftest import OpenNotebook
from tests.firefox.notebook_tab import WIDGET
from tools.pixels import colourfulness

CELL: Final = """from decart_widget import DecartWidget, TestPattern
w = DecartWidget(
    source=TestPattern("bars"), prompt="greyscale", api_key={api_key!r},
    endpoint=({base_url!r}, {realtime_base_url!r})
)
w
"""
COMPARED: Final = """() => {
  const canvas = document.querySelector('.dw-compare canvas');
  if (canvas.width < 301) return false;
  const [red, green, blue] = canvas.getContext('2d').getImageData(
    Math.round(canvas.width * 0.8), Math.round(canvas.height * 0.2), 1, 1).data;
  return Math.max(red, green, blue) - Math.min(red, green, blue) > 80;
}"""
"""Whether the picture that is sent is drawn, in its colours: a bar at the top is a pure one."""


async def test_the_kernels_pictures_are_shown_and_compared_without_a_camera(
    open_notebook: OpenNotebook, sandbox: Sandbox
) -> None:
    where = {"base_url": sandbox.base_url, "realtime_base_url": sandbox.realtime_base_url}
    notebook = await open_notebook(CELL.format(api_key=sandbox.api_key, **where))
    await notebook.start()
    picture = await notebook.picture()
    assert colourfulness(picture.pixels) < 10
    await notebook.moves_on()
    codec = await notebook.tab.call(
        f"async () => (await document.querySelector('{WIDGET}').decart.stats()).codec"
    )
    assert codec in ("H264", "JPEG")
    await notebook.tab.click(".dw-wipe")
    await notebook.tab.until(COMPARED)
    await notebook.tab.click(".dw-stop")
    await notebook.until("w.connection_state == 'disconnected'")
