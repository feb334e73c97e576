"""Stop during another operation: camera off, nothing billed, no reconnect."""

from __future__ import annotations

import time

import pytest

from decart_widget.sandbox import Faults, Sandbox
from tests.faults.conftest import Begin, Measured
from tests.faults.scene import TRANSPORTS, Scene

both = pytest.mark.parametrize("transport", TRANSPORTS)


async def stays_stopped(scene: Scene) -> None:
    """Asserts that the kernel has no session and that the service admits no new one."""
    assert scene.sandbox is not None
    await scene.notebook.until("not w._controller.is_active")
    admitted = scene.sandbox.stats()["admitted"]
    await scene.notebook.until("w.connection_state == 'disconnected' and not w._retry")
    assert scene.sandbox.stats()["admitted"] == admitted
    assert await scene.cameras() == 0


@both
@pytest.mark.fault("stop-connecting")
async def test_stop_while_connecting(
    show: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    sandbox.faults = Faults(ack_delay_s=20, join_delay_s=20)
    scene = await show(sandbox, transport)
    await scene.view.start()
    await scene.view.wait_attribute("data-camera", "on")
    since = time.time()
    await scene.stop()
    measured(time.time() - since, transport)
    await stays_stopped(scene)


@both
@pytest.mark.fault("stop-reconnecting")
async def test_stop_while_reconnecting(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    sandbox.faults = Faults(drop_control_after_s=0)
    await scene.view.wait_attribute("data-state", "reconnecting")
    since = time.time()
    await scene.stop()
    measured(time.time() - since, transport)
    await stays_stopped(scene)


@both
@pytest.mark.fault("stop-queued")
async def test_stop_in_the_queue(
    show: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    sandbox.faults = Faults(queue_s=40)
    scene = await show(sandbox, transport)
    await scene.view.start()
    await scene.view.root.locator(".dw-queue").filter(has_text="of 4 in the queue").wait_for()
    since = time.time()
    await scene.stop()
    measured(time.time() - since, transport)
    await stays_stopped(scene)
