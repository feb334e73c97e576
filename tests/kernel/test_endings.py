"""What ends a session besides Stop, checked by the sandbox's number of open sessions."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from jupyter_client.provisioning.local_provisioner import LocalProvisioner

from decart_widget.sandbox import Sandbox, serve
from tests.kernel.fake_page import LIMIT, KernelPage, WidgetPage
from tests.kernel.sessions import generating, open_sessions, until, widget_cell


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with serve() as running:
        yield running


@pytest.fixture
async def kernel() -> AsyncIterator[KernelPage]:
    page = await KernelPage().open()
    try:
        yield page
    finally:
        await page.close()


async def test_running_lists_the_sessions_and_stop_all_ends_them(
    kernel: KernelPage, sandbox: Sandbox
) -> None:
    async with (
        generating(kernel, widget_cell(sandbox, "a"), name="page-a"),
        generating(kernel, widget_cell(sandbox, "b"), name="page-b") as second,
    ):
        await kernel.run(widget_cell(sandbox, "never"))
        assert open_sessions(sandbox) == 2
        printed = await kernel.run("print(DecartWidget.running() == [a, b])")
        assert printed.strip() == "True"
        printed = await kernel.run("print(await DecartWidget.stop_all(), DecartWidget.running())")
        assert printed.splitlines()[-1] == "2 []"
        await second.until(connection_state="disconnected")
        await until(lambda: open_sessions(sandbox) == 0)


async def test_running_a_cell_again_ends_the_session_of_its_last_run(
    kernel: KernelPage, sandbox: Sandbox
) -> None:
    cell = widget_cell(sandbox, "w") + widget_cell(sandbox, "second")
    await kernel.run(cell, cell="cell-1")
    names = [key for key in kernel.state if "_anywidget_id" in kernel.state[key]]
    first, second = names[-2:]
    old = WidgetPage(kernel, "old", first)
    await old.hello()
    old.say("start")
    await old.until(connection_state="generating")
    assert second != first  # both are of the same run, which ended no session
    await kernel.run(cell, cell="cell-1")
    await old.until(connection_state="disconnected")
    assert old.traits["error"]["code"] == "superseded-by-rerun"
    assert "run again" in old.traits["error"]["message"]
    assert old.camera.ended[-1] == (1, "superseded", False)
    new = WidgetPage(kernel, "new")
    await new.hello()
    new.say("start")
    await new.until(connection_state="generating")
    await kernel.run(widget_cell(sandbox, "other"), cell="cell-2")
    await kernel.run("print('no widget')", cell="cell-1")
    assert new.traits["connection_state"] == "generating"
    assert open_sessions(sandbox) == 1
    await old.close()
    await new.close()


async def test_interrupting_a_cell_does_not_affect_the_session(
    kernel: KernelPage, sandbox: Sandbox
) -> None:
    async with generating(kernel, widget_cell(sandbox)) as page:
        cell = kernel.begin("print('running'); import time; time.sleep(60)")
        await kernel.until(lambda: "running" in kernel.printed)
        await kernel.manager.interrupt_kernel()
        with pytest.raises(AssertionError, match="KeyboardInterrupt"):
            await kernel.finish(cell)
        ticks = page.traits["generation_tick"]
        await kernel.until(lambda: page.traits["generation_tick"] > ticks)
        page.say("apply", prompt="invert", enrich=True)
        await page.until(applied_prompt="invert")
        assert open_sessions(sandbox) == 1


@pytest.mark.parametrize("how", ["restart", "shutdown", "terminate", "kill"])
async def test_the_end_of_a_kernel_ends_its_session(
    kernel: KernelPage, sandbox: Sandbox, how: str
) -> None:
    async with generating(kernel, widget_cell(sandbox)) as page:
        process = process_of(kernel)
        if how == "restart":
            await kernel.manager.restart_kernel()
        elif how == "shutdown":
            await kernel.manager.shutdown_kernel()
        else:
            os.kill(process, signal.SIGTERM if how == "terminate" else signal.SIGKILL)
        await until(lambda: open_sessions(sandbox) == 0)
        if how in ("restart", "shutdown"):
            # The kernel can end the session itself, and inform the page.
            await until(lambda: page.camera.ended)


async def test_a_process_that_was_stopped_for_long_ends_its_session_and_reports_why(
    kernel: KernelPage, sandbox: Sandbox
) -> None:
    # The share is raised because a kernel whose coverage is measured needs more processor time for
    # what arrived meanwhile; that a busy process doesn't count as stopped is tested in tests/pure.
    shorter_timeout = (
        "import decart_widget.runtime.controller as module\nmodule.HEARTBEAT_TIMEOUT_S = 3.0\n"
        "import decart_widget.runtime.sleep as sleep\nsleep.IDLE_SHARE = 0.5\n"
    )
    async with generating(kernel, shorter_timeout + widget_cell(sandbox)) as page:
        await _stopped_for(kernel, 6.0)  # longer than the timeout of 3 s
        await page.until(connection_state="disconnected")
        assert page.traits["error"]["code"] == "unattended"
        assert "slept" in page.traits["error"]["message"]
        await until(lambda: open_sessions(sandbox) == 0)


async def test_a_process_that_was_stopped_briefly_keeps_its_connection(
    kernel: KernelPage, sandbox: Sandbox
) -> None:
    async with generating(kernel, widget_cell(sandbox)) as page:
        await _stopped_for(kernel, 5.0)
        ticks = page.traits["generation_tick"]
        await kernel.until(lambda: page.traits["generation_tick"] > ticks + 3)
        assert page.traits["connection_state"] == "generating"
        assert page.traits["error"] == {}


def process_of(kernel: KernelPage) -> int:
    provisioner = kernel.manager.provisioner
    assert isinstance(provisioner, LocalProvisioner)
    assert provisioner.pid is not None
    return provisioner.pid


async def _stopped_for(kernel: KernelPage, seconds: float) -> None:
    process = process_of(kernel)
    os.kill(process, signal.SIGSTOP)
    try:
        await asyncio.sleep(seconds)
    finally:
        os.kill(process, signal.SIGCONT)


async def test_a_budget_is_counted_down_its_end_is_announced_and_it_ends_the_session(
    kernel: KernelPage, sandbox: Sandbox
) -> None:
    async with generating(kernel, widget_cell(sandbox, budget=5.0)) as page:
        assert page.traits["remaining"] <= 5
        await page.until(budget_low=True)
        assert page.traits["remaining"] <= 1
        await page.until(connection_state="disconnected")
        assert page.traits["remaining"] == 0
        assert page.traits["error"]["code"] == "budget-spent"
        assert "5 s" in page.traits["error"]["message"]
        await kernel.run("w.budget = 60")
        await page.until(remaining=60.0)


SCRIPT = """
{cell}
import sys
from tests.loopback.camera_peer import CameraPeer
import decart_widget.runtime.controller as controller
class Reporting(CameraPeer):
    def end(self, attempt, reason, *, keep_source):
        print(reason, flush=True)
        super().end(attempt, reason, keep_source=keep_source)
controller.BrowserMedia = lambda *_: Reporting()
print(w.connect().result(20), flush=True)
{end}
"""


@pytest.mark.parametrize(
    ("end", "status"),
    [("", 0), ("sys.exit(3)", 3), ("raise RuntimeError('no')", 1)],
    ids=["end", "exit", "error"],
)
async def test_the_end_of_a_script_ends_its_session(
    sandbox: Sandbox, end: str, status: int
) -> None:
    script = SCRIPT.format(cell=widget_cell(sandbox), end=end)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-c", script, stdout=-1, stderr=subprocess.PIPE
    )
    async with asyncio.timeout(LIMIT):
        out, error = await process.communicate()
    assert out.split()[1:] == [b"closed"], error
    assert process.returncode == status
    assert b"Fatal" not in error
    await until(lambda: open_sessions(sandbox) == 0)
