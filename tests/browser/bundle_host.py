"""The built bundle on a page of its own: a host, a kernel and a service, all in one tab.

`pages/host.js` plays them; camera, peer connections and pixels are the browser's own. Requests are
answered from the disk, under whatever host name a test wants to be on.
"""

from __future__ import annotations

import json
import mimetypes
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Frame, Locator, Page, Route

from tests.browser.script_coverage import BUNDLE, scripts_measured

HERE: Final = Path(__file__).parent
TRUSTED: Final = "http://localhost:8888"
"""Browsers trust this name without https, and no other one."""

UNTRUSTED: Final = "http://notebooks.example:8888"


@dataclass
class Host:
    """One page with widgets on it, and what its console complained of."""

    page: Page
    frame: Frame
    errors: list[str] = field(default_factory=list)

    async def mount(self, state: dict[str, Any] | None = None, **options: Any) -> None:
        """Shows a widget whose traits are those of `state`; `options` are those of `mount`."""
        await self.run("(async () => { window.h = await mount(%s, %s) })()", state or {}, options)

    async def run(self, script: str, *values: Any) -> Any:
        """Evaluates a script in the page, with JSON for each %s in it."""
        return await self.frame.evaluate(script % tuple(json.dumps(v) for v in values))

    async def until(self, condition: str) -> None:
        """Waits until the expression holds in the page."""
        await self.frame.wait_for_function(condition)

    async def sent(self, kind: str) -> list[dict[str, Any]]:
        """What the widget has sent to the kernel, of one type."""
        messages = await self.run("h.model.sent.filter((m) => m.type === %s)", kind)
        return list(messages)

    def view(self, index: int = 0) -> Locator:
        """The root of a view."""
        return self.frame.locator(".decart-widget").nth(index)

    async def start(self) -> None:
        """Clicks Start in the first view."""
        await self.view().locator(".dw-start").click()

    async def revealed(self, index: int = 0) -> None:
        """Waits until a view shows its picture."""
        await self.until(
            f"document.querySelectorAll('.decart-widget')[{index}].dataset.revealed === 'true'"
        )

    async def colour(self, index: int = 0) -> list[int]:
        """The mean colour (red, green, blue) of a view's picture."""
        return list(
            await self.run("colour(document.querySelectorAll('video.dw-remote')[%s])", index)
        )

    async def cameras(self) -> list[str]:
        """`readyState` of every camera track that the page was ever given."""
        return list(await self.run("window.dwTracks.map((track) => track.readyState)"))


async def _from_disk(route: Route, policy: str | None) -> None:
    folder, _, name = route.request.url.split("/", 3)[3].partition("/")
    path = (BUNDLE if folder == "static" else HERE / "pages") / name
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    headers = {"content-type": kind}
    if policy is not None:
        headers["content-security-policy"] = policy
    await route.fulfill(path=path, headers=headers)


class _Disk(SimpleHTTPRequestHandler):
    def translate_path(self, path: str) -> str:
        folder, _, name = path.lstrip("/").partition("/")
        return str((BUNDLE if folder == "static" else HERE / "pages") / name)

    def log_request(self, *_: Any) -> None:
        """Tests have better things to print."""


@contextmanager
def served() -> Iterator[str]:
    """The same pages from a server on this machine, and its origin.

    A browser lets a page talk to this machine's servers only when it came from one of them.
    """
    with ThreadingHTTPServer(("127.0.0.1", 0), _Disk) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://localhost:{server.server_port}"
        server.shutdown()
        thread.join()


@asynccontextmanager
async def opened(
    page: Page, origin: str = TRUSTED, path: str = "host.html", *, policy: str | None = None
) -> AsyncIterator[Host]:
    """Opens the host's page; on leaving, nothing may have been left in the console.

    Args:
        page: An empty tab.
        origin: What the page's server calls itself.
        path: Which page.
        policy: The page's Content-Security-Policy.
    """
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    await page.route("http://*:8888/**", lambda route: _from_disk(route, policy))
    async with scripts_measured(page):
        await page.goto(f"{origin}/pages/{path}")
        frame = page.frames[-1]
        await frame.wait_for_function("window.ready")
        yield Host(page, frame, errors)
    # livekit-client sometimes sends a message on a closing socket.
    left = [error for error in errors if "WebSocket is already in CLOSING" not in error]
    assert left == [], left
