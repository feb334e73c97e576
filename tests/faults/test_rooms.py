"""A room loses its signal socket, or sends everybody away: the picture comes back, or stays."""

from __future__ import annotations

import asyncio
import time

import pytest

from decart_widget.sandbox import Sandbox
from tests.faults.conftest import Begin, Measured
from tests.faults.scene import LIMIT, Scene


def joins(scene: Scene) -> list[str]:
    """Fills with the addresses of the rooms' sockets that the page opens from now on."""
    opened: list[str] = []
    scene.page.on("websocket", lambda socket: opened.append(socket.url))
    return opened


async def another(opened: list[str]) -> float:
    """Waits until the page opens a room's socket; returns when that was noticed."""
    async with asyncio.timeout(LIMIT):
        while not any("/rtc" in url for url in opened):
            await asyncio.sleep(0.05)
    return time.time()


@pytest.mark.fault("signal-resumed")
async def test_the_signal_socket_drops_and_is_resumed(
    begin: Begin, sandbox: Sandbox, measured: Measured
) -> None:
    scene = await begin(sandbox, "livekit")
    opened = joins(scene)
    since = scene.breaks(drop_signal_after_s=0)
    await scene.recovers(await another(opened), attempt=1)
    measured(await scene.probes.outage(since), "livekit")
    assert await scene.notebook.execute("w._controller.attempt") == "1", "the session went on"
    await scene.stops()


@pytest.mark.fault("signal-refused")
async def test_the_signal_socket_drops_and_can_not_be_resumed(
    begin: Begin, sandbox: Sandbox, measured: Measured
) -> None:
    scene = await begin(sandbox, "livekit")
    opened = joins(scene)
    since = scene.breaks(drop_signal_after_s=0, refuse_resume=True)
    await scene.recovers(await another(opened), attempt=1)
    measured(await scene.probes.outage(since), "livekit")
    await scene.stops()


@pytest.mark.fault("room-disconnect")
async def test_the_room_sends_everybody_away(
    begin: Begin, sandbox: Sandbox, measured: Measured
) -> None:
    scene = await begin(sandbox, "livekit")
    since = scene.breaks(leave_after_s=0, leave_action="disconnect")
    measured(await scene.recovers(since), "livekit")
    await scene.stops()


@pytest.mark.fault("room-reconnect")
async def test_the_room_wants_to_be_joined_anew(
    begin: Begin, sandbox: Sandbox, measured: Measured
) -> None:
    scene = await begin(sandbox, "livekit")
    opened = joins(scene)
    since = scene.breaks(leave_after_s=0, leave_action="reconnect")
    await scene.recovers(await another(opened), attempt=1)
    measured(await scene.probes.outage(since), "livekit")
    await scene.stops()


@pytest.mark.fault("room-resume")
async def test_the_room_wants_to_be_resumed(
    begin: Begin, sandbox: Sandbox, measured: Measured
) -> None:
    scene = await begin(sandbox, "livekit")
    opened = joins(scene)
    since = scene.breaks(leave_after_s=0, leave_action="resume")
    await scene.recovers(await another(opened), attempt=1)
    measured(await scene.probes.outage(since), "livekit")
    await scene.stops()
