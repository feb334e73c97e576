"""The budget is spent, the local server is killed, the process exits: billing ends."""

from __future__ import annotations

import os
import signal
import time
from typing import Final

import pytest

from decart_widget.sandbox import Sandbox
from tests.faults.conftest import Measured
from tests.faults.kernel_scene import IMPORT, generating
from tests.faults.scene import TRANSPORTS, eventually
from tests.kernel.fake_page import KernelPage, WidgetPage

both = pytest.mark.parametrize("transport", TRANSPORTS)

CHILD: Final = "from decart_widget.runtime.destination import _shared\nprint(_shared._child.pid)"


@both
@pytest.mark.fault("budget-spent")
async def test_the_budget_is_spent(
    kernel: KernelPage, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    async with generating(kernel, sandbox, transport, budget=10) as page:
        (session,) = sandbox._server._sessions
        error = await failed_or_stopped(page, sandbox)
        assert error["code"] == "budget-spent"
        assert "10 s" in error["message"]
        measured(float(session._generation.seconds), transport)


async def failed_or_stopped(page: WidgetPage, sandbox: Sandbox) -> dict[str, str]:
    await page.kernel.until(lambda: page.traits["connection_state"] in ("disconnected", "error"))
    await eventually(lambda: not sandbox.stats()["sessions"], "the service has no session")
    error: dict[str, str] = page.traits["error"]
    return error


@pytest.mark.fault("sandbox-killed")
async def test_the_local_server_is_killed(kernel: KernelPage, measured: Measured) -> None:
    await kernel.run(f"{IMPORT}w = DecartWidget(prompt='greyscale', transport='webrtc')")
    page = WidgetPage(kernel)
    try:
        await page.hello()
        page.say("start")
        await page.until(connection_state="generating")
        child = int((await kernel.run(CHILD)).split()[-1])
        since = time.time()
        os.kill(child, signal.SIGKILL)
        await page.until(connection_state="reconnecting")
        await page.until(connection_state="generating", applied_prompt="greyscale")
        measured(time.time() - since)
        assert int((await kernel.run(CHILD)).split()[-1]) != child
    finally:
        await page.close()


@both
@pytest.mark.fault("interpreter-exits")
async def test_the_interpreter_exits(
    kernel: KernelPage, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    async with generating(kernel, sandbox, transport):
        since = time.time()
        kernel.client.shutdown()
        await eventually(lambda: not sandbox.stats()["sessions"], "the service has no session")
        measured(time.time() - since, transport)
