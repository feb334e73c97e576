"""A kernel that is busy with a cell, with subshells (ipykernel 7) and without."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from decart_widget.sandbox import Faults, Sandbox, serve
from tests.kernel.fake_page import KernelPage
from tests.kernel.sessions import generating, open_sessions, until, widget_cell
from tests.loopback.room_camera import RoomCamera

IPYKERNEL_6 = Path(__file__).parents[2] / ".venv-ipykernel6" / "bin" / "python"
BUSY = "import threading; release = threading.Event(); print('busy'); release.wait(25)"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with serve() as running:
        yield running


@pytest.fixture(params=["ipykernel", "ipykernel-6"])
async def kernel(request: pytest.FixtureRequest) -> AsyncIterator[KernelPage]:
    six = request.param == "ipykernel-6"
    if six and not IPYKERNEL_6.exists():
        pytest.skip("no environment with ipykernel 6: `make kernel` makes it")
    page = await KernelPage().open(str(IPYKERNEL_6) if six else None)
    try:
        assert (page.subshell is None) == six
        yield page
    finally:
        await page.close()


async def free(kernel: KernelPage, cell: str) -> None:
    """Interrupts the cell that blocks."""
    await kernel.manager.interrupt_kernel()
    with pytest.raises(AssertionError, match="KeyboardInterrupt"):
        await kernel.finish(cell)


async def test_while_a_cell_blocks_a_room_reconnects_and_ticks_are_shown(
    kernel: KernelPage, sandbox: Sandbox
) -> None:
    cell = widget_cell(sandbox, transport="livekit")
    async with generating(kernel, cell, camera=RoomCamera()) as page:
        blocking = kernel.begin(BUSY)
        await kernel.until(lambda: "busy" in kernel.printed)
        sandbox.faults = Faults(drop_control_after_s=0, sessions=1)
        ticks = page.traits["generation_tick"]
        if kernel.subshell is None:
            await page.until(kernel_busy=True)
            await kernel.until(lambda: page.traits["generation_tick"] > ticks)
        await kernel.until(lambda: len(page.camera.prepared) == 2)
        await page.until(connection_state="generating", error={})
        ticks = page.traits["generation_tick"]
        await kernel.until(lambda: page.traits["generation_tick"] > ticks)
        await free(kernel, blocking)
        await page.until(kernel_busy=False)


async def test_while_a_cell_blocks_a_page_s_prompt_is_sent_or_waits_for_the_cell(
    kernel: KernelPage, sandbox: Sandbox
) -> None:
    async with generating(kernel, widget_cell(sandbox)) as page:
        blocking = kernel.begin(BUSY)
        await kernel.until(lambda: "busy" in kernel.printed)
        if kernel.subshell is None:
            await page.until(kernel_busy=True)
        page.say("apply", prompt="invert", enrich=True)
        if kernel.subshell is None:
            ticks = page.traits["generation_tick"]
            await kernel.until(lambda: page.traits["generation_tick"] > ticks)
            # The page's message waits for the cell.
            assert page.traits["applied_prompt"] == "greyscale"
            await free(kernel, blocking)
            await page.until(applied_prompt="invert", kernel_busy=False)
            page.say("stop", attempt=1)
        else:
            await page.until(applied_prompt="invert")
            page.say("stop", attempt=1)
            await page.until(connection_state="disconnected")
            assert not page.traits["kernel_busy"]
            await free(kernel, blocking)
        await until(lambda: open_sessions(sandbox) == 0)
