"""Resources that 100 short sessions and one long session leave in kernel, local server and page.

Real JupyterLab and Chromium; one widget per transport, started and stopped in turn, then one long
session. A few sessions first load libraries and fill caches; then the resources are counted before
and after, with garbage collected: threads, asyncio tasks, file descriptors and sockets of the
kernel, threads and file descriptors of the local server, the page's peer connections, camera tracks
and heap. `leaks` names what has increased. `--cycles` and `--minutes` set how long it takes.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from playwright.async_api import CDPSession, Page

from benchmarks import Figures
from benchmarks.running_widget import running_widget
from benchmarks.sides import TRANSPORTS
from tools.notebook_page import NotebookPage
from tools.widget_view import WidgetView

LIMITS: Final = {
    "threads_left": 0,
    "tasks_left": 0,
    "sockets_left": 0,
    "fds_left": 0,
    # The thread pool of the local server grows with use, up to this size.
    "server_threads_left": 4 + (os.cpu_count() or 1),
    "server_fds_left": 0,
    "page_left": 0,
    "kernel_rss_growth_mb": 10.0,
    "page_heap_growth_mb": 20.0,
}

WARM_UP: Final = 4
SETTLE_S: Final = 30.0
"""Seconds allowed for what ends a moment after a session: closing sockets, idle threads."""

RATE_INTERVAL_S: Final = 10.0

CELLS: Final = [
    "from decart_widget import DecartWidget\n"
    f"w{index} = DecartWidget(prompt='greyscale', transport={transport!r})\nw{index}"
    for index, transport in enumerate(TRANSPORTS)
]

CENSUS: Final = """
def _census():
    import asyncio, collections, gc, json, os, threading
    from decart_widget.session.background import Background
    from decart_widget.runtime.destination import _shared

    gc.collect()
    count = lambda names: dict(collections.Counter(names))

    def files(pid):
        names = []
        for number in os.listdir(f'/proc/{pid}/fd'):
            try:
                name = os.readlink(f'/proc/{pid}/fd/{number}')
            except OSError:
                continue
            names.append(name.partition(':[')[0])
        return count(names)

    def threads(pid):
        names = []
        for number in os.listdir(f'/proc/{pid}/task'):
            try:
                with open(f'/proc/{pid}/task/{number}/comm') as file:
                    names.append(file.read().strip())
            except OSError:
                continue
        return count(names)

    def rss(pid):
        with open(f'/proc/{pid}/statm') as file:
            return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')

    tasks = [task.get_coro() for task in asyncio.all_tasks(Background.get().loop)]
    child = _shared._child.pid
    return json.dumps({
        'threads': count(thread.name for thread in threading.enumerate()),
        'tasks': count(getattr(coro, '__qualname__', str(coro)) for coro in tasks),
        'fds': files('self'),
        'server_threads': threads(child),
        'server_fds': files(child),
        'rss': rss('self'),
        'server_rss': rss(child),
    })
"""

COUNT_OPEN: Final = """
window.dwOpen = new Set();
const Peer = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Peer {
  constructor(...all) { super(...all); window.dwOpen.add(this); }
  close() { window.dwOpen.delete(this); super.close(); }
};
window.dwTracks = new Set();
const keep = (track) => {
  window.dwTracks.add(track);
  const {stop} = track;
  track.stop = () => { window.dwTracks.delete(track); stop.call(track); };
  return track;
};
const open = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  const stream = await open(wanted);
  stream.getTracks().forEach(keep);
  return stream;
};
const {clone} = MediaStreamTrack.prototype;
MediaStreamTrack.prototype.clone = function () {
  const copy = clone.call(this);
  return window.dwTracks.has(this) ? keep(copy) : copy;
};
"""
"""Counts peer connections and tracks that are not closed; installed before any script of the page.
"""

PAGE: Final = "({'peer connections': window.dwOpen.size, 'camera tracks': window.dwTracks.size})"

COUNTED: Final = ("threads", "tasks", "fds", "server_threads", "server_fds", "page")
"""What is counted, and must not increase."""


@dataclass(frozen=True)
class Census:
    """Counts by kind and name, and memory in bytes."""

    counts: Mapping[str, Counter[str]]
    rss: int
    server_rss: int
    heap: int

    def more_than(self, before: Census) -> dict[str, dict[str, int]]:
        """What has increased, by kind and name."""
        more = {kind: self.counts[kind] - before.counts[kind] for kind in COUNTED}
        return {kind: dict(names) for kind, names in more.items() if names}


async def census(notebook: NotebookPage, devtools: CDPSession) -> Census:
    said = await notebook.execute("_census()")
    counted: dict[str, Any] = json.loads(said.strip("'"))
    await devtools.send("HeapProfiler.collectGarbage")
    heap = await devtools.send("Runtime.getHeapUsage")
    counted["page"] = await notebook.page.evaluate(PAGE)
    return Census(
        {kind: Counter(counted[kind]) for kind in COUNTED},
        counted["rss"],
        counted["server_rss"],
        int(heap["usedSize"]),
    )


async def settled(notebook: NotebookPage, devtools: CDPSession, before: Census) -> Census:
    """Counts again until nothing exceeds `before`, for at most `SETTLE_S`."""
    deadline = time.monotonic() + SETTLE_S
    while True:
        now = await census(notebook, devtools)
        if not now.more_than(before) or time.monotonic() > deadline:
            return now
        await asyncio.sleep(1)


async def start(view: WidgetView) -> None:
    await view.start()
    await view.picture()


async def stop(view: WidgetView) -> None:
    await view.stop()
    await view.wait_attribute("data-camera", "off")
    await view.wait_attribute("data-state", "disconnected")


async def short_sessions(views: list[WidgetView], count: int) -> None:
    for number in range(count):
        view = views[number % len(views)]
        await start(view)
        await stop(view)
        if number % 10 == 9:
            print(f"  {number + 1} of {count} sessions", file=sys.stderr, flush=True)


async def long_session(view: WidgetView, seconds: float) -> float:
    """Runs one session and returns its frames per second.

    Raises:
        RuntimeError: No picture was decoded for `RATE_INTERVAL_S`.
    """
    await start(view)
    end = time.monotonic() + seconds
    rates = []
    while time.monotonic() < end:
        rates.append((await view.rate(min(RATE_INTERVAL_S, seconds))).fps)
        if not rates[-1]:
            raise RuntimeError("no picture was decoded")
    await stop(view)
    return sum(rates) / max(1, len(rates))


async def install(page: Page) -> None:
    await page.add_init_script(COUNT_OPEN)


async def measure(cycles: int, minutes: float) -> Figures:
    async with running_widget(CELLS, install) as session:
        notebook, page = session.notebook, session.notebook.page
        views = [WidgetView(page, index) for index in range(len(TRANSPORTS))]
        for view in views:
            await view.mounted()
        devtools = await page.context.new_cdp_session(page)
        await short_sessions(views, WARM_UP)
        await notebook.execute(CENSUS)
        before = await census(notebook, devtools)
        before = await settled(notebook, devtools, before)
        await short_sessions(views, cycles)
        between = await settled(notebook, devtools, before)
        fps = await long_session(views[-1], 60 * minutes)
        after = await settled(notebook, devtools, before)
    leaks = after.more_than(before)
    left = {f"{kind}_left": sum(leaks.get(kind, {}).values()) for kind in COUNTED}
    return {
        **left,
        "sockets_left": leaks.get("fds", {}).get("socket", 0),
        "kernel_rss_growth_mb": mb(after.rss - before.rss),
        "kernel_rss_growth_by_cycles_mb": mb(between.rss - before.rss),
        "server_rss_growth_mb": mb(after.server_rss - before.server_rss),
        "page_heap_growth_mb": mb(after.heap - before.heap),
        "page_heap_growth_by_cycles_mb": mb(between.heap - before.heap),
        "leaks": leaks,
        "cycles": cycles,
        "minutes": minutes,
        "fps": round(fps, 1),
    }


def mb(size: int) -> float:
    return round(size / 1e6, 2)


def run(*, cycles: int = 100, minutes: float = 10.0) -> Figures:
    return asyncio.run(measure(cycles, minutes))
