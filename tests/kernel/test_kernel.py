"""The widget in a real ipykernel, with a page that has comm and media but no browser."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from decart_widget.sandbox import serve
from tests.kernel.fake_page import LIMIT, KernelPage, WidgetPage
from tests.loopback.camera_peer import colourfulness

QUIET = "import warnings; warnings.simplefilter('ignore')\nfrom decart_widget import DecartWidget\n"
MARKER = "dct_" + "S3cr3tM4rk3r" * 3


@pytest.fixture
async def kernel() -> AsyncIterator[KernelPage]:
    page = await KernelPage().open()
    try:
        yield page
    finally:
        await page.close()


@asynccontextmanager
async def displayed(
    kernel: KernelPage, arguments: str = "prompt='greyscale'"
) -> AsyncIterator[WidgetPage]:
    """The page that displays a new widget."""
    await kernel.run(f"{QUIET}w = DecartWidget({arguments}, transport='webrtc')")
    page = WidgetPage(kernel)
    try:
        await page.hello()
        yield page
    finally:
        await page.close()


async def test_start_in_the_page_shows_a_transformed_picture(kernel: KernelPage) -> None:
    async with displayed(kernel) as page:
        page.say("start")
        first = await asyncio.wait_for(page.camera.next_picture(), LIMIT)
        assert colourfulness(first) < 6
        await page.until(connection_state="generating", applied_prompt="greyscale")
        assert page.traits["endpoint"] == "sandbox"
        await kernel.until(lambda: page.traits["generation_tick"] >= 1)


async def test_the_pages_prompt_is_debounced_and_enter_is_not(kernel: KernelPage) -> None:
    async with displayed(kernel) as page:
        page.say("start")
        await page.until(connection_state="generating")
        for length in range(1, len("invert") + 1):
            page.set(prompt="invert"[:length])
        await page.until(applied_prompt="invert", prompt_status="applied")
        await asyncio.wait_for(page.camera.picture_that(lambda p: colourfulness(p) > 40), LIMIT)
        page.set(prompt="greyscale")
        page.say("apply", prompt="greyscale", enrich=True)
        await page.until(applied_prompt="greyscale", prompt_status="applied")
        await asyncio.wait_for(page.camera.picture_that(lambda p: colourfulness(p) < 6), LIMIT)


async def test_start_prompt_and_stop_work_while_a_cell_blocks(kernel: KernelPage) -> None:
    if kernel.subshell is None:
        pytest.skip("this ipykernel has no subshells: a page's messages wait for the cell")
    async with displayed(kernel) as page:
        cell = kernel.begin("import threading; release = threading.Event(); release.wait(25)")
        page.say("start")
        await page.until(connection_state="generating")
        page.say("apply", prompt="invert", enrich=True)
        await page.until(applied_prompt="invert")
        await kernel.until(lambda: page.traits["generation_tick"] >= 1)
        page.say("stop", attempt=1)
        await page.until(connection_state="disconnected")
        assert not kernel.printed
        await kernel.manager.interrupt_kernel()
        with pytest.raises(AssertionError, match="KeyboardInterrupt"):
            await kernel.finish(cell)


async def test_connect_from_a_cell_can_be_awaited(kernel: KernelPage) -> None:
    async with displayed(kernel) as page:
        printed = await kernel.run("print(await w.connect())")
        assert printed.strip() in ("connected", "generating")
        printed = await kernel.run("print(await w.set('invert'), w.prompt, await w.disconnect())")
        assert printed.splitlines()[-1] == "applied invert disconnected"
        assert page.camera.ended[-1] == (1, "stopped", False)


async def test_connect_without_a_page_ends_as_no_frontend(kernel: KernelPage) -> None:
    printed = await kernel.run(
        f"{QUIET}w = DecartWidget(prompt='sepia')\n"
        "print(await w.connect(timeout=0.5), w.error['code'], w.connection_state)"
    )
    assert printed.strip() == "no-frontend no-frontend idle"


async def test_a_reloaded_page_gets_the_session_back_and_a_second_page_does_not(
    kernel: KernelPage,
) -> None:
    async with displayed(kernel) as page:
        page.say("start")
        await page.until(connection_state="generating")
        second = WidgetPage(kernel, "page-2", page.comm_id)
        try:
            assert (await second.hello())["owner"] is False
            page.say("pagehide")
            reloaded = WidgetPage(kernel, "page-1b", page.comm_id)
            try:
                assert (await reloaded.hello())["owner"] is True
                # It is "reconnecting" before that, perhaps for too short a time to be observed.
                await asyncio.wait_for(reloaded.camera.next_picture(), LIMIT)
                await page.until(connection_state="generating")
                assert not second.camera.prepared
            finally:
                await reloaded.close()
        finally:
            await second.close()


async def test_another_page_takes_the_session_over(kernel: KernelPage) -> None:
    async with displayed(kernel) as page:
        page.say("start")
        await page.until(connection_state="generating")
        second = WidgetPage(kernel, "page-2", page.comm_id)
        try:
            assert (await second.hello())["owner"] is False
            second.say("take")
            await kernel.until(lambda: second.received("owner"))
            assert second.received("owner")[-1]["page_id"] == "page-2"
            await asyncio.wait_for(second.camera.next_picture(), LIMIT)
            await page.until(connection_state="generating", applied_prompt="greyscale")
            assert [number for number, _, _ in second.camera.ended] == [1]
            assert page.received("beat"), "the kernel must send heartbeats to its pages"
        finally:
            await second.close()


async def test_messages_of_an_older_attempt_change_nothing(kernel: KernelPage) -> None:
    async with displayed(kernel) as page:
        page.say("start")
        await page.until(connection_state="generating")
        page.say("stop", attempt=0)
        page.say("media", attempt=0, state="failed")
        page.say("refused", attempt=0, reason="no-camera", message="")
        page.say("apply", prompt="sepia", enrich=True)
        await page.until(applied_prompt="sepia")
        assert page.traits["connection_state"] == "generating"
        printed = await kernel.run("print(sum(w.log.refused.values()))")
        assert printed.strip() == "3"


async def test_a_denied_camera_is_an_error_with_a_remedy(kernel: KernelPage) -> None:
    async with displayed(kernel) as page:
        page.camera = type(page.camera)(refuse="permission-denied")
        page.camera.listener = page
        page.say("start")
        await page.until(connection_state="error")
        assert page.traits["error"]["code"] == "permission-denied"
        assert "Retry" in page.traits["error"]["remedy"]


async def test_a_closed_widget_ends_its_session(kernel: KernelPage) -> None:
    async with displayed(kernel) as page:
        page.say("start")
        await page.until(connection_state="generating")
        await kernel.run("w.close(); w.close()")
        await kernel.until(lambda: page.comm_id in kernel.closed)  # a page then releases the camera
        await kernel.run("import asyncio\nwhile w._controller.is_active: await asyncio.sleep(0.01)")
        printed = await kernel.run("try: w.connect()\nexcept Exception as e: print(e.code)")
        assert printed.strip() == "closed"


async def test_the_sandbox_ends_when_its_kernel_is_killed(kernel: KernelPage) -> None:
    async with displayed(kernel) as page:
        page.say("start")
        await page.until(connection_state="generating")
        await kernel.run("import os; from decart_widget.runtime.destination import _shared")
        pids = (await kernel.run("print(os.getpid(), _shared._child.pid)")).split()
        kernel_pid, child = (int(pid) for pid in pids)
        assert _running(child)
        os.kill(kernel_pid, signal.SIGKILL)
        async with asyncio.timeout(LIMIT):
            while _running(child):
                await asyncio.sleep(0.02)


def _running(pid: int) -> bool:
    try:
        return ") Z " not in Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_the_key_is_sent_to_the_service_only() -> None:
    with serve(api_key=MARKER) as sandbox:
        kernel = await KernelPage().open(DECART_API_KEY=MARKER)
        try:
            async with displayed(
                kernel,
                f"prompt='sepia', endpoint=({sandbox.base_url!r}, {sandbox.realtime_base_url!r}), "
                "api_key=__import__('os').environ['DECART_API_KEY']",
            ) as page:
                page.say("start")
                await page.until(connection_state="generating")
                await kernel.run("print(repr(w), w, w.get_state(), vars(w).keys(), w.error)")
                await kernel.run(
                    "print(repr(vars(w._controller)), repr(vars(w._controller._destination)))"
                )
                page.say("stop", attempt=1)
                await page.until(connection_state="disconnected")
                for message in kernel.everything:
                    assert MARKER not in message
                    assert "ek_" not in message
        finally:
            await kernel.close()
