"""The camera is unplugged, or not available at all: nothing is billed without a picture."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

import pytest
from playwright.async_api import async_playwright

from decart_widget.sandbox import Sandbox
from tests.browser.conftest import REMEMBER_TRACKS
from tests.faults.conftest import Begin, Measured
from tests.faults.scene import TRANSPORTS
from tools import browser as chromium

both = pytest.mark.parametrize("transport", TRANSPORTS)

REFUSE: Final = """
(name) => { navigator.mediaDevices.getUserMedia = async () => {
  throw new DOMException('made to fail', name); }; }
"""
"""Makes `getUserMedia` fail with this error, for faults that a fake camera can't produce."""

UNPLUG: Final = """
() => { for (const track of window.dwTracks) {
  track.stop(); track.dispatchEvent(new Event('ended')); } }
"""
"""Ends every track as a browser does when the device is unplugged, with an event on each."""


@both
@pytest.mark.fault("camera-unplugged")
async def test_the_camera_is_unplugged_while_live(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    since = time.time()
    await scene.page.evaluate(UNPLUG)
    measured(await scene.recovers(since), transport)
    assert await scene.page.evaluate("window.dwTracks.length") >= 2, "a new track was requested"
    await scene.stop()


@both
@pytest.mark.fault("camera-gone")
async def test_the_camera_is_unplugged_and_stays_away(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    since = time.time()
    await scene.page.evaluate(REFUSE, "NotFoundError")
    await scene.page.evaluate(UNPLUG)
    text = await scene.fails("no-camera")
    measured(time.time() - since, transport)
    assert "Connect one" in text


DEVICE, ANSWER = "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"

WITHOUT: Final = [
    pytest.param(
        (ANSWER, "--deny-permission-prompts"),
        ("permission-denied", "Allow it"),
        marks=pytest.mark.fault("camera-denied"),
    ),
    pytest.param(
        (DEVICE, f"{DEVICE}=device-count=0"),
        ("no-camera", "Connect one"),
        marks=pytest.mark.fault("camera-absent"),
    ),
]
"""A flag of Chromium's with its replacement, and the code of the notice with part of its remedy."""


@pytest.mark.parametrize(("flag", "said"), WITHOUT)
async def test_no_camera_is_available(
    show: Begin,
    sandbox: Sandbox,
    measured: Measured,
    browser_path: Path,
    flag: tuple[str, str],
    said: tuple[str, str],
) -> None:
    without, instead = flag
    arguments = [a for a in chromium.launch_arguments() if not a.startswith(without)]
    async with async_playwright() as playwright:
        other = await playwright.chromium.launch(
            executable_path=browser_path, args=[*arguments, instead]
        )
        tab = await other.new_page(viewport=chromium.VIEWPORT)
        await tab.add_init_script(REMEMBER_TRACKS)
        scene = await show(sandbox, "livekit", tab=tab)
        since = time.time()
        await scene.view.start()
        code, remedy = said
        assert remedy in await scene.fails(code)
        measured(time.time() - since)
        await other.close()


@pytest.mark.fault("camera-busy")
async def test_the_camera_is_in_use_elsewhere(
    show: Begin, sandbox: Sandbox, measured: Measured
) -> None:
    scene = await show(sandbox, "livekit")
    await scene.page.evaluate(REFUSE, "NotReadableError")
    since = time.time()
    await scene.view.start()
    assert "Close that one" in await scene.fails("camera-busy")
    measured(time.time() - since)
