"""The camera is taken away, or was never to be had: nothing is billed for a picture that isn't."""

from __future__ import annotations

import time

import pytest

from decart_widget.sandbox import Sandbox

from .conftest import Begin, Measured
from .scene import TRANSPORTS, eventually

both = pytest.mark.parametrize("transport", TRANSPORTS)

#: What a browser's `getUserMedia` ends with, for the rows that a fake camera can't play.
REFUSE = """
(name) => { navigator.mediaDevices.getUserMedia = async () => {
  throw new DOMException('made to fail', name); }; }
"""
#: The device goes: a browser ends every track of it, and says so on each.
UNPLUG = """
() => { for (const track of window.dwTracks) {
  track.stop(); track.dispatchEvent(new Event('ended')); } }
"""


@both
@pytest.mark.fault("camera-unplugged")
async def test_the_camera_is_unplugged_while_live(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    since = time.time()
    await scene.page.evaluate(UNPLUG)
    measured(await scene.recovers(since), transport)
    assert await scene.page.evaluate("window.dwTracks.length") >= 2, "a new track was asked for"
    await scene.stops()


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


@both
@pytest.mark.fault("camera-denied")
async def test_the_camera_is_denied(
    show: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await show(sandbox, transport)
    devtools = await scene.page.context.new_cdp_session(scene.page)
    permission = {"permission": {"name": "camera"}, "setting": "denied"}
    await devtools.send("Browser.setPermission", permission)
    since = time.time()
    await scene.view.start()
    text = await scene.fails("permission-denied")
    measured(time.time() - since, transport)
    assert "Allow it" in text


@pytest.mark.parametrize(
    ("name", "code", "remedy"),
    [
        pytest.param(
            "NotReadableError",
            "camera-busy",
            "Close that one",
            marks=pytest.mark.fault("camera-busy"),
        ),
        pytest.param(
            "NotFoundError", "no-camera", "Connect one", marks=pytest.mark.fault("camera-absent")
        ),
    ],
)
async def test_there_is_no_camera_to_be_had(
    show: Begin, sandbox: Sandbox, measured: Measured, name: str, code: str, remedy: str
) -> None:
    scene = await show(sandbox, "livekit")
    await scene.page.evaluate(REFUSE, name)
    since = time.time()
    await scene.view.start()
    assert remedy in await scene.fails(code)
    measured(time.time() - since)
    await eventually(lambda: scene.sandbox and not scene.sessions(), "nothing is billed")
