"""Glass-to-glass latency at 1280x720, 25 frames/s, compared with Decart's SDK and with the floor.

A camera writes the time into its picture; the age of that time when the picture is shown is the
latency. Measured in JupyterLab, in a page with ``@decartai/sdk`` 0.1.20 with the same local server
and effect, and between two peer connections in one page with nothing between them (the floor, with
the codec and bitrate of the transport that it is compared with). The sides run in turn. Figures are
medians; those at the top level are of the slower transport.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from functools import partial
from typing import Any, Final

from benchmarks import Figures
from benchmarks.sides import FLOORS, PAGES, TRANSPORTS, Side, floor, pages, sdk, widget
from tools import browser as chromium
from tools.lab import LabServer
from tools.service import running_service

LIMITS: Final = {"ratio_to_sdk": 1.0, "ratio_to_floor": 1.25}

TURNS: Final = 3
WARM_S: Final = 5.0
SECONDS: Final = 6.0
MARKER: Final = (PAGES / "marker.js").read_text()


async def glass_to_glass(opening: AbstractAsyncContextManager[Side]) -> dict[str, Any]:
    """Opens a page and returns what `dwGlassToGlass` of marker.js measures in it."""
    async with opening as side:
        await side.page.locator(side.button).click()
        await side.page.locator(side.picture).wait_for(state="visible")
        seen: dict[str, Any] = await side.page.evaluate(
            "([picture, warm, seconds]) => dwGlassToGlass(picture, warm, seconds)",
            [side.picture, WARM_S, SECONDS],
        )
    if not seen["ms"]:
        raise RuntimeError(f"no picture was readable: {seen}")
    return seen


async def measure() -> Figures:
    seen: dict[str, list[dict[str, Any]]] = {}
    with LabServer() as lab, pages() as address, running_service() as where:
        async with chromium.launched() as browser:
            sides: dict[str, Callable[[], AbstractAsyncContextManager[Side]]] = {
                "sdk": partial(sdk, browser, address, where, [MARKER])
            }
            for transport in TRANSPORTS:
                sides[transport] = partial(widget, browser, lab, where, transport, [MARKER])
                codec, rate = FLOORS[transport]
                sides[f"floor of {transport}"] = partial(
                    floor, browser, address, codec, rate, [MARKER]
                )
            for _ in range(TURNS):
                for name, opening in sides.items():
                    came = await glass_to_glass(opening())
                    seen.setdefault(name, []).append(came)
                    print(f"  {name} {describe([came])}", file=sys.stderr, flush=True)
    figures = {transport: compare(seen, transport) for transport in TRANSPORTS}
    return {**worst(figures), **figures}


def compare(seen: dict[str, list[dict[str, Any]]], transport: str) -> Figures:
    """One transport compared with the SDK and with its floor."""
    ours, theirs, least = (
        median(seen[name]) for name in (transport, "sdk", f"floor of {transport}")
    )
    return {
        "latency_ms": round(ours, 1),
        "sdk_ms": round(theirs, 1),
        "floor_ms": round(least, 1),
        "ratio_to_sdk": round(ours / theirs, 3),
        "ratio_to_floor": round(ours / least, 3),
        "seen": describe(seen[transport]),
        "seen_sdk": describe(seen["sdk"]),
        "seen_floor": describe(seen[f"floor of {transport}"]),
    }


def worst(figures: dict[str, Figures]) -> Figures:
    """The larger of each ratio with its times, and the larger latency."""
    top: Figures = {"latency_ms": max(one["latency_ms"] for one in figures.values())}
    for other in ("sdk", "floor"):
        worse = max(figures.values(), key=lambda one: one[f"ratio_to_{other}"])
        top |= {name: worse[name] for name in (f"ratio_to_{other}", f"{other}_ms")}
    return top


def median(came: list[dict[str, Any]]) -> float:
    """Median latency of all pictures of all turns, in ms."""
    return float(statistics.median(ms for one in came for ms in one["ms"]))


def describe(came: list[dict[str, Any]]) -> str:
    """Median and 95th percentile, with the size and the rate at which pictures were shown."""
    late = statistics.quantiles((ms for one in came for ms in one["ms"]), n=20)[-1]
    sizes = "/".join(sorted({f"{one['width']}x{one['height']}" for one in came}))
    rate = statistics.mean(one["fps"] for one in came)
    unread = sum(one["unread"] for one in came)
    return f"{median(came):.0f} (p95 {late:.0f}) ms, {sizes} at {rate:.1f}/s, {unread} unread"


def run() -> Figures:
    return asyncio.run(measure())
