"""`make demo-check`: the quick start end to end, unattended.

A real JupyterLab and a headless Chromium with a fake camera run every cell of the quick start,
click Start, and wait until decoded pictures are transformed, judged by their pixels; then another
prompt is typed and the picture must change. The last line printed is one JSON object; the exit code
is 0 when its `ok` is true.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tools import browser, pixels
from tools.lab import LabServer
from tools.notebook_page import NotebookPage
from tools.widget_view import NotSeenError, WidgetView

ROOT: Final = Path(__file__).parent.parent
NOTEBOOK: Final = ROOT / "notebooks" / "01_quickstart.ipynb"
PICTURE: Final = ROOT / "demo-check.png"
SECOND_PROMPT: Final = "pencil sketch"
TRANSPORTS: Final = ("webrtc", "livekit")
FULL_SIZE: Final = (1280, 720)


@dataclass
class Check:
    """The results so far, and the current step."""

    found: dict[str, Any] = field(default_factory=dict)
    step: str = "starting"
    began: float = field(default_factory=time.monotonic)

    def say(self, step: str) -> None:
        self.step = step
        print(f"[{time.monotonic() - self.began:5.1f} s] {step}", flush=True)


def wanted_transport() -> str | None:
    """The transport in $TRANSPORT; None to leave the notebook as it is.

    Raises:
        ValueError: The widget has no such transport.
    """
    transport = os.environ.get("TRANSPORT")
    if transport is not None and transport not in TRANSPORTS:
        raise ValueError(f"TRANSPORT={transport} is unknown; choose from: {', '.join(TRANSPORTS)}")
    return transport


def choose(notebook: Path, transport: str) -> None:
    """Edits the notebook so that its widgets use this transport."""
    source = notebook.read_text(encoding="utf-8")
    chosen = source.replace("DecartWidget(", f"DecartWidget(transport='{transport}', ")
    if chosen == source:
        raise NotSeenError(f"{notebook.name} creates no widget")
    notebook.write_text(chosen, encoding="utf-8")


async def exercise(check: Check, view: WidgetView, transport: str | None) -> None:
    """Starts a session, checks its picture, changes the prompt; fills `check.found`."""
    page = view.page
    check.say("taking the camera's untransformed picture as a reference")
    raw = await pixels.reference(page)
    wobble = pixels.difference(raw, await pixels.reference(page))

    check.say("clicking Start")
    await pixels.watch_first_frame(page)
    await view.start()
    await view.picture()
    ttff, first = await pixels.first_frame(page)
    check.found["ttff_s"] = round(ttff, 3)
    check.found["first_frame_difference"] = round(pixels.difference(first, raw), 1)

    check.say("comparing the pixels of stage and camera")
    before = await view.picture()
    raw = await pixels.reference(page)
    effect = pixels.difference(before.pixels, raw)
    check.found |= {
        "effect_difference": round(effect, 1),
        "camera_wobble": round(wobble, 1),
        "effect_seen": effect >= max(pixels.CLEARLY, 2 * wobble),
    }
    await pixels.end_reference(page)
    if check.found["first_frame_difference"] < pixels.CLEARLY:
        raise NotSeenError("the first frame on the stage was untransformed")
    if not check.found["effect_seen"]:
        raise NotSeenError(f"the stage shows the camera as it is (differs by {effect:.1f} of 255)")

    check.say("counting decoded pictures")
    rate = await view.rate()
    check.found |= {
        "transport": rate.transport,
        "codec": rate.codec,
        "fps": round(rate.fps, 1),
        "width": rate.width,
        "height": rate.height,
    }
    if transport is not None and rate.transport != transport:
        raise NotSeenError(f"asked for {transport}, got {rate.transport}")
    if (rate.width, rate.height) != FULL_SIZE:
        raise NotSeenError(f"the picture has {rate.width}x{rate.height}, not 1280x720")
    if rate.fps <= 0:
        raise NotSeenError("no frame was decoded in 3 s")

    check.say(f"typing another prompt: {SECOND_PROMPT}")
    typed = time.monotonic()
    before = await view.picture()
    await view.type_prompt(SECOND_PROMPT)
    after = await view.changed(before.pixels)
    check.found |= {
        "prompt_changed": True,
        "prompt_change_s": round(time.monotonic() - typed, 3),
        "prompt_difference": round(pixels.difference(after.pixels, before.pixels), 1),
    }


async def run(check: Check) -> None:
    transport = wanted_transport()
    check.say("looking for a browser")
    executable = browser.require()
    check.say("starting JupyterLab")
    with LabServer() as lab:
        name = lab.copy(NOTEBOOK)
        if transport is not None:
            choose(lab.root / name, transport)
        check.say("starting Chromium")
        async with browser.launched(executable) as chromium:
            page = await chromium.new_page(viewport=browser.VIEWPORT)
            notebook = NotebookPage(lab, page)
            try:
                check.say(f"opening {name}")
                await notebook.open(name)
                check.say("running every cell")
                await notebook.run_all()
                view = WidgetView(page)
                await view.mounted()
                await exercise(check, view, transport)
                check.say(f"saving {PICTURE.name}")
                await view.root.scroll_into_view_if_needed()
                await page.screenshot(path=PICTURE)
                check.say("clicking Stop")
                await view.stop()
                await view.wait_attribute("data-camera", "off")
            except Exception:
                await page.screenshot(path=PICTURE)  # the page at the time of the failure
                raise
            finally:
                check.found["console_errors"] = notebook.errors[:10]
    if notebook.errors:
        raise NotSeenError(f"errors in the browser's console: {notebook.errors[0]}")


def main() -> int:
    check = Check()
    try:
        asyncio.run(asyncio.wait_for(run(check), 240))
    except Exception as error:
        reason = str(error).strip() or type(error).__name__
        result = {"ok": False, "failed": f"{check.step}: {reason}", **check.found}
    else:
        result = {"ok": True, **check.found}
    print(json.dumps(result), flush=True)
    return 0 if result["ok"] else 1


if __name__ == "__main__":
    sys.exit(main())
