"""A room loses its signal socket, or tells its participants to leave: the session recovers."""

from __future__ import annotations

import asyncio
import time

import pytest

from decart_widget.sandbox import Sandbox
from tests.faults.conftest import Begin, Measured
from tests.faults.scene import LIMIT, Scene


def sockets_of(scene: Scene) -> list[str]:
    """A list that collects the addresses of the sockets that the page opens from now on."""
    opened: list[str] = []
    scene.page.on("websocket", lambda socket: opened.append(socket.url))
    return opened


async def rejoined(opened: list[str]) -> float:
    """Waits until the page opens a room's signal socket; returns the time of day, in seconds."""
    async with asyncio.timeout(LIMIT):
        while not any("/rtc" in url for url in opened):
            await asyncio.sleep(0.05)
    return time.time()


@pytest.mark.local_rooms
@pytest.mark.fault("signal-resumed")
async def test_the_signal_socket_drops_and_is_resumed(
    begin: Begin, sandbox: Sandbox, measured: Measured
) -> None:
    scene = await begin(sandbox, "livekit")
    opened = sockets_of(scene)
    since = scene.inject(drop_signal_after_s=0)
    await scene.recovers(await rejoined(opened), attempt=1)
    measured(await scene.probes.outage(since), "livekit")
    attempt = await scene.notebook.execute("w._controller.attempt")
    assert attempt == "1", await scene.notebook.execute("print(w.log.text())")
    await scene.stop()


@pytest.mark.local_rooms
@pytest.mark.fault("signal-refused")
async def test_the_signal_socket_drops_and_can_not_be_resumed(
    begin: Begin, sandbox: Sandbox, measured: Measured
) -> None:
    scene = await begin(sandbox, "livekit")
    opened = sockets_of(scene)
    since = scene.inject(drop_signal_after_s=0, refuse_resume=True)
    await scene.recovers(await rejoined(opened), attempt=1)
    measured(await scene.probes.outage(since), "livekit")
    await scene.stop()


@pytest.mark.fault("room-disconnect")
async def test_the_room_disconnects_its_participants(
    begin: Begin, sandbox: Sandbox, measured: Measured
) -> None:
    scene = await begin(sandbox, "livekit")
    since = scene.inject(leave_after_s=0, leave_action="disconnect")
    measured(await scene.recovers(since), "livekit")
    await scene.stop()


@pytest.mark.local_rooms
@pytest.mark.fault("room-reconnect")
async def test_the_room_asks_for_a_full_reconnect(
    begin: Begin, sandbox: Sandbox, measured: Measured
) -> None:
    scene = await begin(sandbox, "livekit")
    opened = sockets_of(scene)
    since = scene.inject(leave_after_s=0, leave_action="reconnect")
    await scene.recovers(await rejoined(opened), attempt=1)
    measured(await scene.probes.outage(since), "livekit")
    await scene.stop()


@pytest.mark.local_rooms
@pytest.mark.fault("room-resume")
async def test_the_room_asks_for_a_resume(
    begin: Begin, sandbox: Sandbox, measured: Measured
) -> None:
    scene = await begin(sandbox, "livekit")
    opened = sockets_of(scene)
    since = scene.inject(leave_after_s=0, leave_action="resume")
    await scene.recovers(await rejoined(opened), attempt=1)
    measured(await scene.probes.outage(since), "livekit")
    await scene.stop()
