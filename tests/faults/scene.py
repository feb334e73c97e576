"""A running session that something is done to: JupyterLab, Chromium, a service with faults.

A session begins with the prompt `FIRST` and is changed to `SECOND` before anything breaks, which is
the one to come back. `SECOND` takes the colour out of the picture, so that a glance tells whether
what moves is transformed.
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
"""Camera tracks that are live in a page, copies included: its camera's light is on while there is
one. Needs the browser layer's REMEMBER_TRACKS, and CLONES_TOO behind it.
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
    """Waits until `true()` is something; returns it."""
    deadline = time.monotonic() + timeout
    while not (value := true()):
        assert time.monotonic() < deadline, f"not within {timeout} s: {what}"
        await asyncio.sleep(0.05)
    return value


@dataclass
class Scene:
    """A widget in a notebook; after `begin()` its picture moves and is transformed."""

    notebook: NotebookPage
    view: WidgetView
    transport: str
    sandbox: Sandbox | None
    probes: Probes = field(init=False)

    @property
    def page(self) -> Page:
        return self.notebook.page

    async def begin(self) -> None:
        """Start is clicked, the prompt is changed, the picture moves."""
        await self.view.mounted()
        await self.view.start()
        await self.look()

    async def look(self) -> None:
        """Changes the prompt of what runs, and looks from then on."""
        await self.view.picture()
        await self.view.type_prompt(SECOND)
        await self.notebook.until(f"w.applied_prompt == {SECOND!r}")
        self.probes = await open_probes(self.page, self.view.index)
        await self.probes.moved(0.0)
        self.probes = await open_probes(self.page, self.view.index)

    def breaks(self, **faults: Any) -> float:
        """Sets these faults for the session that runs; returns when."""
        assert self.sandbox is not None
        now = time.time()
        self.sandbox.faults = Faults(sessions=1, **faults)
        return now

    async def recovers(self, since: float, attempt: int = 2) -> float:
        """Waits for the moving picture of this attempt; returns seconds since `since`.

        Nothing untransformed may have been seen on the way, and the prompt that was applied is.
        """
        seconds = await self.probes.moved(since, attempt) - since
        assert await self.probes.untransformed() == 0, "the first prompt is back, or the camera"
        await self.notebook.until(f"w.applied_prompt == {SECOND!r}")
        await self.notebook.until("w.connection_state == 'generating'")
        return seconds

    async def cameras(self) -> int:
        return int(await self.page.evaluate(CAMERAS))

    async def dark(self) -> None:
        """Waits until no camera is on."""
        await self.page.wait_for_function(f"{CAMERAS} === 0", timeout=LIMIT * 1000)

    async def unbilled(self) -> None:
        """Waits until the service has no session."""
        await eventually(lambda: not self.sessions(), "the service has no session")

    def sessions(self) -> list[dict[str, Any]]:
        assert self.sandbox is not None
        sessions: list[dict[str, Any]] = self.sandbox.stats()["sessions"]
        return sessions

    async def stops(self) -> None:
        """Stop is clicked: camera off, nothing billed any more."""
        await self.view.stop()
        await self.dark()
        await self.view.wait_attribute("data-state", "disconnected")
        if self.sandbox is not None:
            await self.unbilled()

    async def fails(self, code: str) -> str:
        """Waits for the notice of an error, with everything over; returns its words."""
        await self.view.wait_attribute("data-state", "error")
        notice = self.view.root.locator(f".dw-notice[data-code='{code}']")
        await notice.wait_for(timeout=LIMIT * 1000)
        await self.dark()
        if self.sandbox is not None:
            await self.unbilled()
        return (await notice.inner_text()).strip()
