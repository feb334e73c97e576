"""The kernel is busy, interrupted, restarted, killed, suspended, or shut down during a session."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from typing import Final

import pytest

from decart_widget.sandbox import Sandbox
from tests.faults.conftest import Begin, Measured
from tests.faults.scene import LIMIT, SECOND, TRANSPORTS, Scene, eventually
from tools.probes import open_probes

both = pytest.mark.parametrize("transport", TRANSPORTS)

KERNEL: Final = "window.jupyterapp.shell.currentWidget.sessionContext.session.kernel"


def is_generating(scene: Scene) -> bool:
    """Whether the service generates, and so bills, pictures."""
    assert scene.sandbox is not None
    return any(session._generation.is_running for session in scene.sandbox._server._sessions)


async def pid_of(scene: Scene) -> int:
    return int(await scene.notebook.execute("import os; os.getpid()"))


async def interrupt(scene: Scene) -> None:
    await scene.page.evaluate(f"{KERNEL}.interrupt()")


async def block(scene: Scene, seconds: float) -> asyncio.Task[str]:
    """Runs a cell that blocks the kernel; returns when it is busy."""
    cell = asyncio.ensure_future(
        scene.notebook.execute(f"import time; print('blocking'); time.sleep({seconds})")
    )
    await scene.page.wait_for_function(f"{KERNEL}.status === 'busy'")
    return cell


async def interrupted(scene: Scene, cell: asyncio.Task[str]) -> None:
    """Interrupts the kernel once a second until the cell has ended."""
    while not cell.done():
        await interrupt(scene)
        await asyncio.wait({cell}, timeout=1)
    assert "KeyboardInterrupt" in str(cell.exception())


@both
@pytest.mark.fault("kernel-interrupted")
async def test_the_kernel_is_interrupted(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    cell = await block(scene, 60)
    since = time.time()
    await interrupted(scene, cell)
    await scene.recovers(time.time(), attempt=1)
    measured(await scene.probes.outage(since), transport)
    assert await scene.notebook.execute("w._controller.attempt") == "1", "still the first attempt"
    await scene.stop()


@both
@pytest.mark.fault("kernel-busy")
async def test_the_kernel_is_busy_for_20_s(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    features = await scene.page.evaluate(f"{KERNEL}.info.then((i) => i.supported_features ?? [])")
    if "kernel subshells" not in features:
        pytest.skip("this ipykernel has no subshells: a page's messages wait for the cell")
    cell = await block(scene, 20)
    clock = scene.view.root.locator(".dw-time")
    shown = await clock.inner_text()
    await scene.view.type_prompt("sepia")
    await eventually(lambda: scene.sessions()[0]["effect"] == "sepia", "the prompt has arrived")
    await scene.view.type_prompt(SECOND)
    await eventually(lambda: scene.sessions()[0]["effect"] == SECOND, "the next prompt has arrived")
    await clock.filter(has_not_text=shown).wait_for()
    scene.probes = await open_probes(scene.page)
    since = scene.inject(drop_control_after_s=0)
    measured(await scene.probes.moved(since, attempt=2) - since, transport)
    await scene.stop()
    assert not cell.done(), "the cell was running all the time"
    await interrupted(scene, cell)


async def over(scene: Scene, since: float, measured: Measured) -> None:
    await scene.camera_off()
    camera_off_s = time.time() - since
    await scene.service_idle()
    measured(max(camera_off_s, time.time() - since), scene.transport)


@both
@pytest.mark.fault("kernel-restarted")
async def test_the_kernel_is_restarted(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    since = time.time()
    await scene.page.evaluate(
        "window.jupyterapp.shell.currentWidget.sessionContext.restartKernel().then(() => 0)"
    )
    await over(scene, since, measured)


@both
@pytest.mark.fault("kernel-killed")
async def test_the_kernel_is_killed(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    pid = await pid_of(scene)
    since = time.time()
    os.kill(pid, signal.SIGKILL)
    await over(scene, since, measured)
    scene.notebook.errors.clear()  # JupyterLab's errors about the killed kernel


@pytest.mark.parametrize("transport", ["webrtc"])  # the fault does not concern media
@pytest.mark.fault("kernel-shut-down")
async def test_the_kernel_is_shut_down(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    since = time.time()
    await scene.page.evaluate(f"{KERNEL}.shutdown()")
    await over(scene, since, measured)
    scene.notebook.errors.clear()


@both
@pytest.mark.fault("kernel-asleep")
async def test_the_kernel_is_frozen_and_wakes_up(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    pid = await pid_of(scene)
    since = time.time()
    os.kill(pid, signal.SIGSTOP)
    try:
        await scene.camera_off()
        await eventually(lambda: not is_generating(scene), "nothing is billed any more")
        measured(time.time() - since, transport)
    finally:
        os.kill(pid, signal.SIGCONT)
    await scene.service_idle()
    await scene.notebook.until("not w._controller.is_active")


@both
@pytest.mark.fault("budget-frozen")
async def test_the_budget_holds_with_a_frozen_kernel(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport, budget=10)
    pid = await pid_of(scene)
    os.kill(pid, signal.SIGSTOP)
    try:
        billed = 0
        async with asyncio.timeout(LIMIT):
            while is_generating(scene):
                billed = max(billed, *(one["seconds"] for one in scene.sessions()), 0)
                await asyncio.sleep(0.05)
        measured(float(billed), transport)
        await scene.view.root.locator(".dw-notice[data-code='budget-spent']").wait_for()
        await scene.camera_off()
    finally:
        os.kill(pid, signal.SIGCONT)
    await scene.service_idle()
