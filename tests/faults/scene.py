"""A running session for fault tests: JupyterLab, Chromium, and a service with faults.

A session begins with the prompt `FIRST`, which is changed to `SECOND` before the fault; after
recovery `SECOND` has to be applied again. `SECOND` is greyscale, so that pixels tell whether the
picture is transformed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from playwright.async_api import Page

from decart_widget.sandbox import Faults, Sandbox
from tools.notebook_page import NotebookPage
from tools.probes import Probes, open_probes
from tools.widget_view import WidgetView

LIMIT: Final = 30.0
TRANSPORTS: Final = ("webrtc", "livekit")
FIRST, SECOND = "invert", "greyscale"

CAMERAS: Final = "window.dwTracks.filter((track) => track.readyState === 'live').length"
"""JavaScript: number of camera tracks of a page that are not ended, clones included. The camera is
on while there is one. Needs the browser layer's REMEMBER_TRACKS, then CLONES_TOO.
"""

CLONES_TOO: Final = """
const clone = MediaStreamTrack.prototype.clone;
MediaStreamTrack.prototype.clone = function () {
  const copy = clone.call(this);
  if (window.dwTracks?.includes(this)) window.dwTracks.push(copy);
  return copy;
};
"""


async def eventually(true: Callable[[], Any], what: str, timeout: float = LIMIT) -> Any:
    """Waits until `true()` is true; returns its value.

    Args:
        true: Called every 50 ms.
        what: Names the condition in the error.
        timeout: Seconds.
    """
    deadline = time.monotonic() + timeout
    while not (value := true()):
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        await asyncio.sleep(0.05)
    return value


@dataclass
class Scene:
    """A widget in a notebook; `begin()` starts its session."""

    notebook: NotebookPage
    view: WidgetView
    transport: str
    sandbox: Sandbox | None
    probes: Probes = field(init=False)

    @property
    def page(self) -> Page:
        return self.notebook.page

    async def begin(self) -> None:
        """Clicks Start, changes the prompt, and waits for the moving picture."""
        await self.view.mounted()
        await self.view.start()
        await self.change_prompt()

    async def change_prompt(self) -> None:
        """Changes the prompt of the running session and installs new probes."""
        await self.view.picture()
        await self.view.type_prompt(SECOND)
        await self.notebook.until(f"w.applied_prompt == {SECOND!r}")
        self.probes = await open_probes(self.page, self.view.index)
        await self.probes.moved(0.0)
        self.probes = await open_probes(self.page, self.view.index)

    def inject(self, **faults: Any) -> float:
        """Sets these faults for the running session; returns the time of day, in seconds."""
        assert self.sandbox is not None
        now = time.time()
        self.sandbox.faults = Faults(sessions=1, **faults)
        return now

    async def recovers(self, since: float, attempt: int = 2) -> float:
        """Waits for the moving picture of this attempt; returns seconds since `since`.

        Asserts that no untransformed picture was shown and that `SECOND` is applied.
        """
        seconds = await self.probes.moved(since, attempt) - since
        assert await self.probes.untransformed() == 0, "the first prompt is back, or the camera"
        await self.notebook.until(f"w.applied_prompt == {SECOND!r}")
        await self.notebook.until("w.connection_state == 'generating'")
        return seconds

    async def cameras(self) -> int:
        return int(await self.page.evaluate(CAMERAS))

    async def camera_off(self) -> None:
        """Waits until the page's cameras are off."""
        await self.page.wait_for_function(f"{CAMERAS} === 0", timeout=LIMIT * 1000)

    async def service_idle(self) -> None:
        """Waits until the service has no session."""
        await eventually(lambda: not self.sessions(), "the service has no session")

    def sessions(self) -> list[dict[str, Any]]:
        assert self.sandbox is not None
        sessions: list[dict[str, Any]] = self.sandbox.stats()["sessions"]
        return sessions

    async def stop(self) -> None:
        """Clicks Stop; waits until the camera is off and nothing is billed."""
        await self.view.stop()
        await self.camera_off()
        await self.view.wait_attribute("data-state", "disconnected")
        if self.sandbox is not None:
            await self.service_idle()

    async def fails(self, code: str) -> str:
        """Waits for an error's notice and the end of the session; returns the notice's text."""
        await self.view.wait_attribute("data-state", "error")
        notice = self.view.root.locator(f".dw-notice[data-code='{code}']")
        await notice.wait_for(timeout=LIMIT * 1000)
        await self.camera_off()
        if self.sandbox is not None:
            await self.service_idle()
        return (await notice.inner_text()).strip()
