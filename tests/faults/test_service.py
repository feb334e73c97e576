"""The service refuses, delays, is silent or sends junk: the widget says so or carries on."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from typing import Any

import pytest

from decart_widget.sandbox import Faults, Sandbox
from decart_widget.sandbox.control import ControlSession
from tests.faults.conftest import Measured
from tests.faults.kernel_scene import failed, generating, shown
from tests.faults.scene import SECOND, TRANSPORTS, eventually
from tests.kernel.fake_page import KernelPage, WidgetPage

both = pytest.mark.parametrize("transport", TRANSPORTS)


def is_at_position(page: WidgetPage, place: int) -> bool:
    return bool(page.traits["queue_position"] == place)


@both
@pytest.mark.fault("queued")
async def test_the_queue_before_the_start(
    kernel: KernelPage, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    sandbox.faults = Faults(queue_s=4)
    async with shown(kernel, sandbox, transport, {"connection_timeout": 2}) as page:
        page.say("start")
        for place in (3, 2, 1):
            await kernel.until(partial(is_at_position, page, place))
        assert page.traits["queue_size"] == 4
        since = time.time()
        await page.until(connection_state="generating", queue_position=None)
        measured(time.time() - since, transport)


@pytest.mark.fault("at-capacity")
async def test_the_service_is_at_capacity(
    kernel: KernelPage, sandbox: Sandbox, measured: Measured
) -> None:
    sandbox.faults = Faults(capacity=0)
    async with shown(kernel, sandbox, "livekit") as page:
        since = time.time()
        page.say("start")
        await failed(page, sandbox, "at-capacity")
        measured(time.time() - since)


@pytest.mark.fault("key-refused")
async def test_the_key_is_refused(kernel: KernelPage, sandbox: Sandbox, measured: Measured) -> None:
    async with generating(kernel, sandbox, "livekit") as page:
        sandbox.faults = Faults(refuse_key=True, drop_control_after_s=0)
        since = time.time()
        error = await failed(page, sandbox, "authentication")
        measured(time.time() - since)
        assert "dct_" not in str(error)
        assert page.traits["_retry"] == {}, "no attempt to reconnect"


@both
@pytest.mark.fault("session-expired")
async def test_the_session_reaches_the_limit_of_its_token(
    kernel: KernelPage, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    async with generating(kernel, sandbox, transport) as page:
        since = time.time()
        sandbox.faults = Faults(error_after_s=0, error_text="Session expired", sessions=1)
        await failed(page, sandbox, "session-expired")
        measured(time.time() - since, transport)


@both
@pytest.mark.fault("credits-used-up")
async def test_the_credits_are_used_up(
    kernel: KernelPage, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    async with generating(kernel, sandbox, transport) as page:
        admitted = sandbox.stats()["admitted"]
        since = time.time()
        sandbox.faults = Faults(credits_s=0)
        await failed(page, sandbox, "insufficient-credits")
        measured(time.time() - since, transport)
        assert page.traits["_retry"] == {}, "no attempt to reconnect"
        assert sandbox.stats()["admitted"] == admitted


@pytest.mark.fault("service-error")
async def test_the_service_reports_an_error_and_continues(
    kernel: KernelPage, sandbox: Sandbox, measured: Measured
) -> None:
    async with generating(kernel, sandbox, "webrtc") as page:
        since = time.time()
        sandbox.faults = Faults(error_after_s=0, error_text="internal server error")
        await kernel.until(
            lambda: "internal server error" in page.traits["error"].get("message", "")
        )
        measured(time.time() - since)
        await page.camera.next_picture(3)
        assert page.traits["connection_state"] == "generating"


@pytest.mark.fault("prompt-refused")
async def test_a_prompt_is_refused_while_live(
    kernel: KernelPage, sandbox: Sandbox, measured: Measured
) -> None:
    async with generating(kernel, sandbox, "webrtc") as page:
        sandbox.faults = Faults(refuse_prompts="no such style")
        since = time.time()
        page.say("apply", prompt="invert", enrich=True)
        await page.until(prompt_status="rejected", applied_prompt=SECOND)
        measured(time.time() - since)
        assert "no such style" in page.traits["error"]["message"]
        await page.camera.next_picture(3)
        assert page.traits["connection_state"] == "generating"
        sandbox.faults = Faults()
        page.say("apply", prompt="invert", enrich=True)
        await page.until(prompt_status="applied", applied_prompt="invert", error={})


@pytest.mark.fault("image-refused")
async def test_an_image_is_refused_while_live(
    kernel: KernelPage, sandbox: Sandbox, measured: Measured
) -> None:
    async with generating(kernel, sandbox, "webrtc") as page:
        sandbox.faults = Faults(refuse_images="too blurred")
        since = time.time()
        await kernel.run(
            "import numpy as np\n"
            "try: await w.set(image=np.full((64, 64, 3), 90, np.uint8))\n"
            "except DecartError as refused: print('said:', refused)"
        )
        measured(time.time() - since)
        assert "too blurred" in kernel.printed
        sandbox.faults = Faults()
        page.say("apply", prompt="invert", enrich=True)  # the refused image is not sent again
        await page.until(prompt_status="applied", applied_prompt="invert", error={})


@pytest.mark.fault("ack-never")
async def test_an_ack_never_comes(kernel: KernelPage, sandbox: Sandbox, measured: Measured) -> None:
    async with generating(kernel, sandbox, "webrtc", connection={"ack_timeout": 2}) as page:
        sandbox.faults = Faults(no_ack=True)
        since = time.time()
        page.say("apply", prompt="invert", enrich=True)
        await page.until(prompt_status="rejected", applied_prompt=SECOND)
        measured(time.time() - since)
        assert page.traits["error"]["code"] == "ack-timeout"
        assert page.traits["connection_state"] == "generating"
        sandbox.faults = Faults()
        page.say("apply", prompt="sepia", enrich=True)
        await page.until(prompt_status="applied", applied_prompt="sepia")


@pytest.mark.fault("answer-never")
async def test_an_offer_is_never_answered(
    kernel: KernelPage, sandbox: Sandbox, measured: Measured
) -> None:
    sandbox.faults = Faults(no_answer=True)
    async with shown(kernel, sandbox, "webrtc", {"connection_timeout": 3}) as page:
        since = time.time()
        page.say("start")
        error = await failed(page, sandbox, "connect-timeout")
        measured(time.time() - since, "webrtc")
        assert "has not answered the offer" in error["message"]


@pytest.mark.fault("room-never")
async def test_a_room_is_never_named(
    kernel: KernelPage, sandbox: Sandbox, measured: Measured, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def ignore(_session: ControlSession, _message: dict[str, Any]) -> None:
        """Does not answer the client's request for a room."""

    monkeypatch.setattr(ControlSession, "_on_join", ignore)
    async with shown(kernel, sandbox, "livekit", {"connection_timeout": 3}) as page:
        since = time.time()
        page.say("start")
        error = await failed(page, sandbox, "connect-timeout")
        measured(time.time() - since, "livekit")
        assert "named no room" in error["message"]


@both
@pytest.mark.fault("junk")
async def test_junk_between_the_messages(
    kernel: KernelPage, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    sandbox.faults = Faults(junk=True)
    since = time.time()
    async with generating(kernel, sandbox, transport) as page:
        measured(time.time() - since, transport)
        page.say("apply", prompt="invert", enrich=True)
        await page.until(applied_prompt="invert", prompt_status="applied", error={})
        await kernel.until(lambda: page.traits["generation_tick"] >= 2)


@pytest.mark.fault("gigantic-message")
async def test_a_gigantic_message(kernel: KernelPage, sandbox: Sandbox, measured: Measured) -> None:
    async with generating(kernel, sandbox, "webrtc") as page:
        pid = int((await kernel.run("import os; print(os.getpid())")).split()[-1])
        before = memory(pid)
        (session,) = sandbox._server._sessions
        since = time.time()
        sandbox._on_loop(lambda: session._spawn(session._send_raw, "x" * 64_000_000))
        await page.until(connection_state="reconnecting")
        await page.until(connection_state="generating")
        measured(time.time() - since)
        assert memory(pid) - before < 40_000_000, "the message was never in memory as a whole"


@both
@pytest.mark.fault("generation-ended")
async def test_the_service_ends_the_generation(
    kernel: KernelPage, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    async with generating(kernel, sandbox, transport) as page:
        (session,) = sandbox._server._sessions
        since = time.time()
        await eventually(lambda: session._generation.seconds >= 1, "a second was billed")
        since = time.time()
        asyncio.run_coroutine_threadsafe(
            session._generation.end("maintenance"), sandbox._loop
        ).result(5)
        await page.until(connection_state="connected")
        measured(time.time() - since, transport)
        assert page.traits["generation_tick"] >= 1, "the billed seconds stay visible"
        page.say("stop", attempt=1)
        await page.until(connection_state="disconnected")
        await eventually(lambda: not sandbox.stats()["sessions"], "the service has no session")


def memory(pid: int) -> int:
    import psutil

    return int(psutil.Process(pid).memory_info().rss)
