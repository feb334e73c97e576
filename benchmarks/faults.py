"""Recovery times after faults in a running session: seconds until the picture moves again.

In JupyterLab, over both transports, three times each. Figures are medians; those at the top level
are of the slower transport. A picture counts when it moves and is transformed by the last applied
prompt. Faults: (control_drop) the control socket is closed; (media_dead) the service's media stops
without notice; (service_restart) the service is killed and started again after 3 s, timed from
then; (page_reload) the page is reloaded; (unattended_end) the browser is killed, timed until
billing ends.
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
"""Seconds after which a measurement fails."""

CELL: Final = "from decart_widget import DecartWidget\nw = DecartWidget(**{made!r})\nw"


@dataclass(frozen=True)
class ShownWidget:
    """A widget in a notebook; each `start_session()` starts a new session."""

    notebook: NotebookPage
    view: WidgetView
    probes: Probes

    async def start_session(self) -> int:
        """Starts a session, waits for its moving picture, and returns its attempt's number."""
        since = time.time()
        await self.view.start()
        await self.probes.moved(since)
        return int(await self.view.root.evaluate("(root) => root.decart.attempt"))

    async def stop(self) -> None:
        """Stops the session and waits until it has ended."""
        await self.view.stop()
        await self.view.wait_attribute("data-state", "disconnected")


@asynccontextmanager
async def shown(
    browser: Browser, lab: LabServer, where: Sandbox | Service, transport: str
) -> AsyncIterator[ShownWidget]:
    """The widget in a new tab with a new kernel."""
    endpoint = (where.base_url, where.realtime_base_url)
    made = {
        "endpoint": endpoint,
        "api_key": where.api_key,
        "transport": transport,
        "prompt": "greyscale",
    }
    context = await browser.new_context(viewport=chromium.VIEWPORT)
    page = await context.new_page()
    # A page with unsaved cells asks before it is closed.
    page.on("dialog", lambda dialog: dialog.accept())
    notebook = NotebookPage(lab, page)
    await notebook.open(lab.write("benchmark.ipynb", [CELL.format(made=made)]))
    await notebook.run_all()
    view = WidgetView(page)
    await view.mounted()
    try:
        yield ShownWidget(notebook, view, await open_probes(page))
    finally:
        if browser.is_connected():
            await context.close()
        lab.end_kernels()


async def control_drop(one: ShownWidget, sandbox: Sandbox) -> float:
    attempt = await one.start_session()
    since = time.time()
    sandbox.faults = Faults(drop_control_after_s=0, sessions=1)
    return await one.probes.moved(since, attempt + 1) - since


async def media_dead(one: ShownWidget, sandbox: Sandbox) -> float:
    attempt = await one.start_session()
    since = time.time()
    sandbox.faults = Faults(dead_peer_after_s=0, sessions=1)
    return await one.probes.moved(since, attempt + 1) - since


async def page_reload(one: ShownWidget, _sandbox: Sandbox) -> float:
    attempt = await one.start_session()
    await one.notebook.save()  # unsaved output is lost by the reload
    since = time.time()
    await one.view.page.reload(wait_until="commit")
    return await one.probes.moved(since, attempt + 1) - since


async def service_restart(one: ShownWidget, service: Service) -> float:
    attempt = await one.start_session()
    service.kill()
    await asyncio.sleep(DOWN_S)
    service.start()
    back = time.time()
    return await one.probes.moved(back, attempt + 1) - back


async def unattended_end(lab: LabServer, sandbox: Sandbox, transport: str) -> float:
    """Kills a browser as a crash would; returns seconds until billing has ended."""
    before = set(psutil.Process().children(recursive=True))
    async with chromium.launched() as browser, shown(browser, lab, sandbox, transport) as one:
        await one.start_session()
        since = time.time()
        for process in set(psutil.Process().children(recursive=True)) - before:
            if "chrom" in process.name():
                process.kill()
        while sandbox.stats()["sessions"]:
            if time.time() - since > LIMIT_S:
                raise TimeoutError(f"an unattended session still runs after {LIMIT_S} s")
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
