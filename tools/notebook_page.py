"""A notebook that is open in JupyterLab in Chromium: run its cells, read outputs, query the kernel.

`errors` collects the errors in the browser's console; `frames` the WebSocket frames that the page
sent and received, newest last, up to `FRAMES_KEPT`.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from dataclasses import dataclass
from typing import Any, Final

from playwright.async_api import ConsoleMessage, Error, Page, WebSocket

from tools.lab import LabServer

JUPYTER_ERRORS: Final = ("favicon", "manifest.webmanifest", "/api/me", "ResizeObserver loop")
"""Parts of JupyterLab's own console errors, which no widget causes: requests for files that are
missing and reports of layout observers.
"""

FRAMES_KEPT: Final = 20_000

READY: Final = """() => {
  const widget = window.jupyterapp?.shell?.currentWidget;
  const kernel = widget?.sessionContext?.session?.kernel;
  return Boolean(widget?.context?.isReady && kernel
    && kernel.connectionStatus === 'connected' && kernel.status === 'idle');
}"""
EXECUTE: Final = """async (code) => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({code, store_history: false, allow_stdin: false});
  let out = '';
  future.onIOPub = ({content}) => {
    if (content.text) out += content.text;
    if (content.data?.['text/plain']) out += content.data['text/plain'];
  };
  const reply = await future.done;
  return {out, error: reply.content.status === 'ok' ? null
    : `${reply.content.ename}: ${reply.content.evalue}`};
}"""


OPEN: Final = """(path) => {
  window.jupyterapp.commands.execute('docmanager:open', {path, factory: 'Notebook'});
}"""
CLOSE_ALL: Final = """async () => {
  for (const widget of [...window.jupyterapp.shell.widgets('main')]) {
    const session = widget.sessionContext;
    widget.dispose();
    await session?.shutdown().catch(() => undefined);  // its kernel may have ended already
  }
}"""


class CellError(RuntimeError):
    """A cell, or code run in the kernel, raised an exception."""


@dataclass(frozen=True)
class SocketFrame:
    """One WebSocket frame, `sent` by the page or received."""

    url: str
    sent: bool
    payload: bytes


class NotebookPage:
    """A notebook in a browser tab; `open()` it first."""

    def __init__(self, lab: LabServer, page: Page) -> None:
        self.lab = lab
        self.page = page
        self.errors: list[str] = []
        self.frames: deque[SocketFrame] = deque(maxlen=FRAMES_KEPT)
        page.on("console", self._on_console)
        page.on("pageerror", self._on_page_error)
        page.on("websocket", self._on_websocket)

    def detach(self) -> None:
        """Collects nothing more: the tab is used for another notebook."""
        self.page.remove_listener("console", self._on_console)
        self.page.remove_listener("pageerror", self._on_page_error)
        self.page.remove_listener("websocket", self._on_websocket)

    def _on_page_error(self, error: Error) -> None:
        self.errors.append(f"uncaught: {error}")

    def _on_console(self, message: ConsoleMessage) -> None:
        where = str(message.location.get("url", ""))
        if message.type == "error" and not any(n in message.text + where for n in JUPYTER_ERRORS):
            self.errors.append(f"{message.text} ({where})")

    def _on_websocket(self, socket: WebSocket) -> None:
        def keep(payload: str | bytes, *, sent: bool) -> None:
            data = payload.encode() if isinstance(payload, str) else bytes(payload or b"")
            self.frames.append(SocketFrame(socket.url, sent, data))

        socket.on("framesent", lambda payload: keep(payload, sent=True))
        socket.on("framereceived", lambda payload: keep(payload, sent=False))

    async def open(self, name: str, timeout: float = 90.0) -> None:
        """Opens the notebook and returns when its kernel is idle.

        JupyterLab is loaded, unless the tab shows it already.
        """
        if self.page.url.startswith(self.lab.page_url):
            await self.page.evaluate(OPEN, name)
        else:
            url = f"{self.lab.page_url}/doc/tree/{name}?token={self.lab.token}"
            await self.page.goto(url, wait_until="domcontentloaded")
        deadline = time.monotonic() + timeout
        while True:
            try:
                await self.page.wait_for_function("window.jupyterapp", timeout=timeout * 1000)
                await self.page.evaluate("window.jupyterapp.restored.then(() => true)")
                await self.page.wait_for_function(READY, timeout=timeout * 1000)
            except Error as error:
                # JupyterLab gives a second tab its own workspace: the page loads again.
                if "context was destroyed" not in str(error) or time.monotonic() > deadline:
                    raise
            else:
                return

    async def command(self, name: str) -> None:
        await self.page.evaluate("(name) => window.jupyterapp.commands.execute(name)", name)

    async def run_all(self, timeout: float = 120.0) -> None:
        """Runs every cell and waits for the last.

        Raises:
            CellError: A cell raised an exception.
        """
        await asyncio.wait_for(self.command("notebook:run-all-cells"), timeout)
        await self._raise_cell_errors()

    async def run_cell(self, index: int, timeout: float = 60.0) -> None:
        """Runs one cell and waits for it.

        Raises:
            CellError: It raised an exception.
        """
        await self.page.evaluate(
            "(i) => { window.jupyterapp.shell.currentWidget.content.activeCellIndex = i; }", index
        )
        await asyncio.wait_for(self.command("notebook:run-cell"), timeout)
        await self._raise_cell_errors()

    async def _raise_cell_errors(self) -> None:
        for cell in await self.cells():
            for output in cell.get("outputs", []):
                if output["output_type"] == "error":
                    raise CellError(f"{output['ename']}: {output['evalue']}")

    async def cells(self) -> list[dict[str, Any]]:
        """The notebook's cells as they would be saved now."""
        cells: list[dict[str, Any]] = await self.page.evaluate(
            "window.jupyterapp.shell.currentWidget.content.model.toJSON().cells"
        )
        return cells

    async def execute(self, code: str, timeout: float = 60.0) -> str:
        """Runs code in the notebook's kernel, not in a cell, and returns its output.

        Raises:
            CellError: The code raised an exception.
        """
        reply = await asyncio.wait_for(self.page.evaluate(EXECUTE, code), timeout)
        if reply["error"]:
            raise CellError(reply["error"])
        return str(reply["out"])

    async def until(self, condition: str, timeout: float = 30.0) -> None:
        """Waits until a Python expression is true in the kernel.

        Raises:
            TimeoutError: It isn't within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while await self.execute(f"bool({condition})") != "True":
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {timeout} s in the kernel: {condition}")
            await asyncio.sleep(0.1)

    async def save(self) -> None:
        await self.command("docmanager:save")


async def close_notebooks(page: Page) -> None:
    """Closes every notebook in the tab without saving it, and ends their kernels."""
    await page.evaluate(CLOSE_ALL)
