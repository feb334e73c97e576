"""A session in Firefox, over both transports, as a person sees it and as the service sees it."""

from __future__ import annotations

import asyncio
from typing import Final

import pytest

from decart_widget.sandbox import Sandbox
from tests.firefox.conftest import OpenNotebook
from tests.firefox.notebook_tab import ENTER, WIDGET, NotebookTab
from tests.lab_fixtures import LONG_RELOADS
from tools.firefox import IS_SLOW
from tools.pixels import colourfulness

CELL: Final = (
    LONG_RELOADS
    + """from decart_widget import DecartWidget
w = DecartWidget(
    prompt="greyscale", transport={transport!r}, api_key={api_key!r},
    endpoint=({base_url!r}, {realtime_base_url!r})
)
w
"""
)
LOG: Final = "print('\\n'.join(str(entry) for entry in w.log))"
LOG_FILE: Final = "log.txt"
KEEP_LOG: Final = f"""
import pathlib, threading, time
def keep():
    while True:
        pathlib.Path({LOG_FILE!r}).write_text('\\n'.join(str(entry) for entry in w.log))
        time.sleep(0.1)
threading.Thread(target=keep, daemon=True).start()
"""
"""Writes the widget's log into a file of the served folder, for when no page is left to ask."""
TRANSPORTS: Final = pytest.mark.parametrize("transport", ["webrtc", "livekit"])


async def generating(
    open_notebook: OpenNotebook, sandbox: Sandbox, transport: str = "livekit"
) -> NotebookTab:
    """A running session in a saved notebook of one cell."""
    notebook = await open_notebook(
        CELL.format(
            transport=transport,
            api_key=sandbox.api_key,
            base_url=sandbox.base_url,
            realtime_base_url=sandbox.realtime_base_url,
        )
    )
    await notebook.command("docmanager:save")
    await notebook.start()
    await notebook.picture()
    return notebook


async def no_session(sandbox: Sandbox) -> None:
    async with asyncio.timeout(IS_SLOW):
        while sandbox.stats()["sessions"]:
            await asyncio.sleep(0.02)


@TRANSPORTS
async def test_a_session_has_its_full_size_from_the_first_picture_on(
    open_notebook: OpenNotebook, sandbox: Sandbox, transport: str
) -> None:
    notebook = await generating(open_notebook, sandbox, transport)
    first = await notebook.picture()
    (session,) = sandbox.stats()["sessions"]
    assert (first.width, first.height) == session["media"]["size"] == (1280, 720)
    assert colourfulness(first.pixels) < 10
    await notebook.moves_on()
    assert sandbox.stats()["sessions"][0]["media"]["size"] == (1280, 720)
    # Without its plugin for H.264, as a Firefox that has just been installed.
    assert await notebook.tab.call(
        f"async () => (await document.querySelector('{WIDGET}').decart.stats()).codec"
    ) in ("VP8", "video/VP8")

    await notebook.tab.call("() => document.querySelector('.dw-prompt').select()")
    await notebook.tab.click(".dw-prompt")
    await notebook.tab.call("() => document.querySelector('.dw-prompt').select()")
    await notebook.tab.type(f"invert{ENTER}")
    await notebook.until("w.applied_prompt == 'invert'")

    assert "(720, 1280, 3)" in await notebook.execute("print((await w.snapshot()).shape)")
    assert "(720, 1280, 3)" in await notebook.execute(
        "async for image, time in w.frames():\n    print(image.shape)\n    break"
    )


@TRANSPORTS
async def test_a_reloaded_page_gets_its_session_back(
    open_notebook: OpenNotebook, sandbox: Sandbox, transport: str
) -> None:
    notebook = await generating(open_notebook, sandbox, transport)
    reloading = asyncio.create_task(notebook.reload())
    await no_session(sandbox)  # nothing is billed without a page
    await reloading
    await notebook.picture()
    await notebook.wait_state("generating")
    assert len(sandbox.stats()["sessions"]) == 1
    log = await notebook.execute(LOG)
    assert "The page was left." in log, "or the page was noticed only when it was back"
    assert log.count("page came") == 2


async def test_a_reload_is_picked_up_although_nobody_heard_that_the_page_was_left(
    open_notebook: OpenNotebook, sandbox: Sandbox
) -> None:
    notebook = await generating(open_notebook, sandbox)
    # As where the socket is down at that moment.
    await notebook.tab.call(
        "() => window.addEventListener('beforeunload', (e) => e.stopImmediatePropagation(),"
        " {capture: true})"
    )
    await notebook.reload()
    await notebook.picture()
    await notebook.until("w.connection_state == 'generating'")
    assert "moved to another page" in await notebook.execute(LOG)


@TRANSPORTS
async def test_a_page_that_is_closed_ends_its_session(
    open_notebook: OpenNotebook, sandbox: Sandbox, transport: str
) -> None:
    notebook = await generating(open_notebook, sandbox, transport)
    await notebook.execute(KEEP_LOG)
    await notebook.close()
    await no_session(sandbox)
    # Otherwise it ended because the page had been silent for too long.
    await notebook.kept(LOG_FILE, "The page was left.")


async def test_a_microphone_joins_a_room_and_the_picture_goes_on(
    open_notebook: OpenNotebook, sandbox: Sandbox
) -> None:
    notebook = await generating(open_notebook, sandbox)
    await notebook.tab.click(".dw-microphone")
    async with asyncio.timeout(IS_SLOW):
        while not sandbox.stats()["sessions"][0]["media"]["sound"]:
            await asyncio.sleep(0.05)
    await notebook.moves_on()
    assert "reconnecting" not in await notebook.execute(LOG)


async def test_a_view_has_its_natural_width_beside_another_widget(
    open_notebook: OpenNotebook,
) -> None:
    notebook = await open_notebook(
        "from decart_widget import DecartWidget\nimport ipywidgets as W\n"
        'W.HBox([DecartWidget(), W.IntSlider(layout=W.Layout(width="200px"))])'
    )
    await notebook.tab.resize(1400, 1000)
    await notebook.tab.until(f"() => document.querySelector('{WIDGET}').offsetWidth === 760")
    await notebook.tab.resize(700, 1000)
    narrow = f"document.querySelector('{WIDGET}').offsetWidth"
    await notebook.tab.until(f"() => {narrow} > 200 && {narrow} < 600")
