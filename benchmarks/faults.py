"""What breaks under a running session, and the seconds until the picture moves again or all ends.

In JupyterLab, over both transports, three times each; medians, at the top the worse transport's.
The picture counts when it moves and is transformed by the last applied prompt: (control_drop) the
control socket breaks off; (media_dead) the service's media vanishes without a word;
(service_restart) the service is killed and started again after 3 s, counted from when it is back;
(page_reload) the page is reloaded; (unattended_end) the browser is killed, to the end of billing.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import psutil
from playwright.async_api import Browser

from benchmarks import Figures
from benchmarks.sides import TRANSPORTS
from decart_widget.sandbox import Faults, Sandbox, serve
from tools import browser as chromium
from tools.lab import LabServer
from tools.notebook_page import NotebookPage
from tools.probes import Probes, open_probes
from tools.service import Service
from tools.widget_view import WidgetView

LIMITS: Final = {
    "control_drop_s": 3.0,
    "media_dead_s": 6.0,
    "service_restart_s": 12.0,
    "page_reload_s": 6.0,
    "unattended_end_s": 25.0,
}

RUNS: Final = 3
DOWN_S: Final = 3.0
LIMIT_S: Final = 90.0
"""Longer than any of these may take."""

CELL: Final = "from decart_widget import DecartWidget\nw = DecartWidget(**{made!r})\nw"


@dataclass(frozen=True)
class Shown:
    """A widget in a notebook; each `live()` is a session of its own."""

    notebook: NotebookPage
    view: WidgetView
    probes: Probes

    async def live(self) -> int:
        """Starts a session, whose picture moves; returns its attempt's number."""
        since = time.time()
        await self.view.start()
        await self.probes.moved(since)
        return int(await self.view.root.evaluate("(root) => root.decart.attempt"))

    async def stop(self) -> None:
        """Ends the session, and waits for that."""
        await self.view.stop()
        await self.view.wait_attribute("data-state", "disconnected")


@asynccontextmanager
async def shown(
    browser: Browser, lab: LabServer, where: Sandbox | Service, transport: str
) -> AsyncIterator[Shown]:
    """The widget in a tab and with a kernel of its own."""
    endpoint = (where.base_url, where.realtime_base_url)
    made = {"endpoint": endpoint, "transport": transport, "prompt": "greyscale"}
    context = await browser.new_context(viewport=chromium.VIEWPORT)
    page = await context.new_page()
    # A page with unsaved cells asks whether it may go.
    page.on("dialog", lambda dialog: dialog.accept())
    notebook = NotebookPage(lab, page)
    await notebook.open(lab.write("benchmark.ipynb", [CELL.format(made=made)]))
    await notebook.run_all()
    view = WidgetView(page)
    await view.mounted()
    try:
        yield Shown(notebook, view, await open_probes(page))
    finally:
        if browser.is_connected():
            await context.close()
        lab.end_kernels()


async def control_drop(one: Shown, sandbox: Sandbox) -> float:
    attempt = await one.live()
    since = time.time()
    sandbox.faults = Faults(drop_control_after_s=0, sessions=1)
    return await one.probes.moved(since, attempt + 1) - since


async def media_dead(one: Shown, sandbox: Sandbox) -> float:
    attempt = await one.live()
    since = time.time()
    sandbox.faults = Faults(dead_peer_after_s=0, sessions=1)
    return await one.probes.moved(since, attempt + 1) - since


async def page_reload(one: Shown, _sandbox: Sandbox) -> float:
    attempt = await one.live()
    await one.notebook.save()  # what isn't saved doesn't come back
    since = time.time()
    await one.view.page.reload(wait_until="commit")
    return await one.probes.moved(since, attempt + 1) - since


async def service_restart(one: Shown, service: Service) -> float:
    attempt = await one.live()
    service.kill()
    await asyncio.sleep(DOWN_S)
    service.start()
    back = time.time()
    return await one.probes.moved(back, attempt + 1) - back


async def unattended_end(lab: LabServer, sandbox: Sandbox, transport: str) -> float:
    """A browser of its own, killed as a crash would."""
    before = set(psutil.Process().children(recursive=True))
    async with chromium.launched() as browser, shown(browser, lab, sandbox, transport) as one:
        await one.live()
        since = time.time()
        for process in set(psutil.Process().children(recursive=True)) - before:
            if "chrom" in process.name():
                process.kill()
        while sandbox.stats()["sessions"]:
            if time.time() - since > LIMIT_S:
                raise TimeoutError(f"a session that nobody watches runs on after {LIMIT_S} s")
            await asyncio.sleep(0.05)
        return time.time() - since


async def repeated(measure: Callable[[], Awaitable[float]], name: str) -> list[float]:
    times = []
    for _ in range(RUNS):
        times.append(round(await measure(), 2))
        print(f"  {name} {times[-1]:.2f} s", file=sys.stderr, flush=True)
    return times


async def over(browser: Browser, lab: LabServer, transport: str) -> dict[str, list[float]]:
    """All times over one transport, by figure."""
    took: dict[str, list[float]] = {}
    with serve() as sandbox:
        async with shown(browser, lab, sandbox, transport) as one:
            for measure in (control_drop, media_dead, page_reload):

                async def once(measure: Callable[..., Awaitable[float]] = measure) -> float:
                    seconds = await measure(one, sandbox)
                    await one.stop()
                    return seconds

                name = f"{measure.__name__}_s"
                took[name] = await repeated(once, f"{transport} {name}")

    service = Service()
    service.start()
    try:
        async with shown(browser, lab, service, transport) as one:

            async def restarted() -> float:
                seconds = await service_restart(one, service)
                await one.stop()
                return seconds

            name = "service_restart_s"
            took[name] = await repeated(restarted, f"{transport} {name}")
    finally:
        service.kill()

    with serve() as sandbox:
        name = "unattended_end_s"
        took[name] = await repeated(
            lambda: unattended_end(lab, sandbox, transport), f"{transport} {name}"
        )
    return took


async def measure() -> Figures:
    figures: dict[str, Figures] = {}
    with LabServer() as lab:
        async with chromium.launched() as browser:
            for transport in TRANSPORTS:
                took = await over(browser, lab, transport)
                figures[transport] = {}
                for name, times in took.items():
                    figures[transport][name] = round(statistics.median(times), 2)
                    figures[transport][f"{name.removesuffix('_s')}_runs_s"] = times
    worst = {name: max(one[name] for one in figures.values()) for name in LIMITS}
    return {**worst, **figures}


def run() -> Figures:
    return asyncio.run(measure())
