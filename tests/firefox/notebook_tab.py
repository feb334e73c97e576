"""A notebook in JupyterLab in a Firefox tab, and the widget in it, used as a person would."""

from __future__ import annotations

import asyncio
import time
from typing import Final

from tools import pixels
from tools.firefox import IS_SLOW, Tab
from tools.lab import LabServer
from tools.notebook_page import EXECUTE, JUPYTER_ERRORS, READY
from tools.pixels import Stage

WIDGET: Final = ".decart-widget"

ENTER: Final = "\ue007"
"""The key in WebDriver."""

DECODED: Final = """async () => {
  const root = document.querySelector('.decart-widget');
  return (await root.decart.stats()).framesDecoded;
}"""
"""How many frames of the received video were decoded. Headless Firefox doesn't count shown ones."""


class NotebookTab:
    """One tab with one notebook."""

    def __init__(self, lab: LabServer, tab: Tab) -> None:
        self.lab = lab
        self.tab = tab
        self.name = ""
        self.is_closed = False

    @property
    def errors(self) -> list[str]:
        """What the console shows as errors, without JupyterLab's own."""
        return [e for e in self.tab.errors if not any(one in e for one in JUPYTER_ERRORS)]

    async def open(self, name: str) -> None:
        """Opens the notebook and returns when its kernel is idle."""
        self.name = name
        await self.tab.goto(f"{self.lab.url}/doc/tree/{name}?token={self.lab.token}")
        await self.tab.until("() => window.jupyterapp?.restored.then(() => true)")
        await self.tab.until(READY)

    async def reload(self) -> None:
        """Loads the page anew; what its sockets report while it is left is no error."""
        await self.tab.reload()
        await self.tab.until(READY)
        self.tab.errors.clear()

    async def close(self) -> None:
        """Closes the tab; may be called twice."""
        if not self.is_closed:
            self.is_closed = True
            await self.tab.close()

    async def command(self, name: str) -> None:
        await self.tab.call("async (name) => { await jupyterapp.commands.execute(name); }", name)

    async def run_all(self) -> None:
        """Runs every cell; returns when the last one has run and a widget is shown."""
        await self.command("notebook:run-all-cells")
        await self.tab.until(f"() => Boolean(document.querySelector('{WIDGET} .dw-stage'))")

    async def execute(self, code: str) -> str:
        """Runs code in the kernel, not in a cell, and returns its output.

        Raises:
            AssertionError: The code raised an exception.
        """
        reply = await self.tab.call(EXECUTE, code)
        assert not reply["error"], reply["error"]
        return str(reply["out"])

    async def until(self, condition: str) -> None:
        """Waits until a Python expression is true in the kernel."""
        deadline = time.monotonic() + IS_SLOW
        while await self.execute(f"bool({condition})") != "True":
            assert time.monotonic() < deadline, f"not within {IS_SLOW} s: {condition}"
            await asyncio.sleep(0.1)

    async def kept(self, name: str, text: str) -> None:
        """Waits until a file beside the notebook contains a text."""
        file = self.lab.root / name
        deadline = time.monotonic() + IS_SLOW
        while text not in (content := file.read_text() if file.exists() else ""):
            assert time.monotonic() < deadline, f"not within {IS_SLOW} s: {text!r} in\n{content}"
            await asyncio.sleep(0.05)

    # --- the widget -----------------------------------------------------------------------------

    async def start(self) -> None:
        await self.tab.click(f"{WIDGET} .dw-start")

    async def wait_state(self, state: str) -> None:
        """Waits until the view's `data-state` is this one."""
        await self.tab.until(
            f"(state) => document.querySelector('{WIDGET}')?.dataset.state === state", state
        )

    async def picture(self) -> Stage:
        """The picture on the stage; waits until there is one."""
        size = {"width": pixels.WIDTH, "height": pixels.HEIGHT}
        shown = await self.tab.until(
            f"(size) => {{ ({pixels.SCRIPT})(size); return window.dwPixels.stage(0); }}", size
        )
        return Stage(pixels.decode(shown["pixels"]), shown["width"], shown["height"])

    async def moves_on(self) -> None:
        """Waits until thirty more frames of this connection were decoded."""
        before = await self.tab.call(DECODED)
        await self.tab.until(f"async (due) => await ({DECODED})() >= due", before + 30)
