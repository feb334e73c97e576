"""Which parts of the bundle's scripts a page runs, as V8 counts them, for `make test`'s coverage.

With DECART_WIDGET_COVERAGE set to a folder, pages get the bundle in its `bundle` (`npm run
coverage:build`: not minified, with source maps), and a profile of each page and its workers is left
in its `browser` for `npm run coverage:report`. Without it nothing is measured, and pages get the
bundle that is shipped.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, Final

from playwright.async_api import CDPSession, Error, Page

FOLDER: Final = os.environ.get("DECART_WIDGET_COVERAGE")
BUNDLE: Final = (
    Path(FOLDER) / "bundle" if FOLDER else Path(__file__).parents[2] / "decart_widget" / "static"
)
"""Folder of the chunks that pages get."""
SCHEME: Final = "decart-widget:///"
"""How the chunks' names in a profile begin (build.mjs), however a page loaded them."""
BLOCKS: Final = {"callCount": False, "detailed": True}
"""Whether a block ran is enough; counting how often would slow the media down."""
WORKER_INTERVAL_S: Final = 0.3
"""Seconds between profiles of a worker: what it ran since the last one is lost when it ends."""


class _Workers:
    """Profiles of a page's workers.

    Playwright gives no CDP session for a worker: messages to and from one are nested in the page's.

    Attributes:
        profiles: For each script that a worker ran its text, and V8's coverage of its functions.
    """

    def __init__(self, session: CDPSession) -> None:
        self.profiles: list[dict[str, Any]] = []
        self._session = session
        self._numbers = itertools.count(1)
        self._replies: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        session.on("Target.attachedToTarget", self._attached)
        session.on("Target.detachedFromTarget", self._detached)
        session.on("Target.receivedMessageFromTarget", self._received)

    async def measure(self) -> None:
        """Holds each worker of the page from now on until it is measured."""
        options = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": False}
        await self._session.send("Target.setAutoAttach", options)

    async def close(self) -> None:
        """Takes the last profiles."""
        for worker in self._tasks:
            with suppress(Error, TimeoutError):
                await asyncio.wait_for(self._take(worker), 2)
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _profile(self, worker: str) -> None:
        with suppress(Error):
            await self._ask(worker, "Debugger.enable")
            await self._ask(worker, "Profiler.enable")
            await self._ask(worker, "Profiler.startPreciseCoverage", **BLOCKS)
            await self._ask(worker, "Runtime.runIfWaitingForDebugger")
            while True:
                await asyncio.sleep(WORKER_INTERVAL_S)
                await self._take(worker)

    async def _take(self, worker: str) -> None:
        taken = await self._ask(worker, "Profiler.takePreciseCoverage")
        for script in taken["result"]:
            source = await self._ask(
                worker, "Debugger.getScriptSource", scriptId=script["scriptId"]
            )
            self.profiles.append(
                {"source": source["scriptSource"], "functions": script["functions"]}
            )

    async def _ask(self, worker: str, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        reply: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._replies[number] = reply
        message = json.dumps({"id": number, "method": method, "params": parameters})
        await self._session.send(
            "Target.sendMessageToTarget", {"sessionId": worker, "message": message}
        )
        return await reply

    def _attached(self, event: dict[str, Any]) -> None:
        worker = event["sessionId"]
        self._tasks[worker] = asyncio.ensure_future(self._profile(worker))

    def _detached(self, event: dict[str, Any]) -> None:
        if task := self._tasks.pop(event["sessionId"], None):
            task.cancel()

    def _received(self, event: dict[str, Any]) -> None:
        message = json.loads(event["message"])
        reply = self._replies.pop(message.get("id"), None)
        if reply is not None and not reply.done():
            reply.set_result(message.get("result", {}))


@asynccontextmanager
async def scripts_measured(page: Page) -> AsyncIterator[None]:
    """Measures what the page and its workers run of the bundle, until the end.

    Of a page that is closed before, or in a test that fails, nothing is kept.
    """
    if not FOLDER:
        yield
        return
    session = await page.context.new_cdp_session(page)
    workers = _Workers(session)
    await workers.measure()
    await session.send("Profiler.enable")
    await session.send("Profiler.startPreciseCoverage", BLOCKS)
    yield
    if page.is_closed():
        return
    taken = await session.send("Profiler.takePreciseCoverage")
    await workers.close()
    await session.detach()
    scripts = [script for script in taken["result"] if script["url"].startswith(SCHEME)]
    folder = Path(FOLDER) / "browser"
    folder.mkdir(parents=True, exist_ok=True)
    profile = {"result": scripts, "workers": workers.profiles}
    (folder / f"{uuid.uuid4().hex}.json").write_text(json.dumps(profile))
