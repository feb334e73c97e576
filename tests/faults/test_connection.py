"""The connection is lost during a session: the picture moves again, or the error says why."""

from __future__ import annotations

import asyncio
import time

import pytest

from decart_widget.sandbox import Faults, Sandbox
from tests.faults.conftest import Begin, Measured
from tests.faults.scene import LIMIT, TRANSPORTS
from tools.service import Service

both = pytest.mark.parametrize("transport", TRANSPORTS)


@both
@pytest.mark.fault("control-dropped")
async def test_the_control_socket_drops(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    since = scene.inject(drop_control_after_s=0)
    measured(await scene.recovers(since), transport)
    assert await scene.cameras() >= 1, "the camera is kept"
    await scene.stop()


@both
@pytest.mark.fault("service-restarted")
async def test_the_service_is_killed_and_back_after_3_s(
    begin: Begin, service: Service, measured: Measured, transport: str
) -> None:
    scene = await begin(service, transport)
    service.kill()
    await scene.view.wait_attribute("data-state", "reconnecting")
    await asyncio.sleep(3)  # the fault itself: how long the service is away
    service.start()
    measured(await scene.recovers(time.time()), transport)
    await scene.stop()


@pytest.mark.parametrize("transport", ["livekit"])  # the fault does not concern media
@pytest.mark.fault("service-gone")
async def test_the_service_is_gone_for_good(
    begin: Begin, service: Service, measured: Measured, transport: str
) -> None:
    scene = await begin(service, transport)
    since = time.time()
    service.kill()
    await scene.view.wait_attribute("data-state", "reconnecting")
    words = scene.view.root.locator(".dw-state")
    await words.filter(has_text="5 of 5").wait_for(timeout=60_000)
    text = await scene.fails("connection-lost")
    measured(time.time() - since, transport)
    assert "5 attempts" in text
    assert "Last:" in text


@both
@pytest.mark.fault("queued-again")
async def test_a_reconnect_waits_in_the_queue(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    since = scene.inject(drop_control_after_s=0)
    await scene.view.wait_attribute("data-state", "reconnecting")
    sandbox.faults = Faults(queue_s=2)  # for all sessions: the dropped one may not have ended yet
    await scene.view.root.locator(".dw-queue").filter(has_text="of 4 in the queue").wait_for()
    assert await scene.view.state() == "reconnecting"
    measured(await scene.recovers(since), transport)
    await scene.stop()


@pytest.mark.parametrize("transport", ["webrtc"])  # the fault does not concern media
@pytest.mark.fault("network-back")
async def test_the_browser_reports_that_the_network_is_back(
    begin: Begin, service: Service, measured: Measured, transport: str
) -> None:
    scene = await begin(service, transport)
    service.kill()
    countdown = scene.view.root.locator(".dw-state").filter(has_text="4 of 5")
    await countdown.filter(has_text="in ").wait_for(timeout=LIMIT * 1000)
    service.start()
    since = time.time()
    await scene.page.evaluate("window.dispatchEvent(new Event('online'))")
    async with asyncio.timeout(6):  # the countdown alone would take longer than that
        measured(await scene.recovers(since), transport)
    await scene.stop()
