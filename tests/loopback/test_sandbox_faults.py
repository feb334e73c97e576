"""The faults that the sandbox simulates on demand, observed by a client."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest

from decart_widget.sandbox import Faults, Sandbox, serve, start_child
from decart_widget.sandbox.control import ControlSession
from tests.loopback.sandbox_client import KEY, client


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with serve(api_key=KEY) as running:
        yield running


@pytest.fixture
def sandbox(shared: Sandbox) -> Iterator[Sandbox]:
    yield shared
    shared.faults = Faults()


def mint(sandbox: Sandbox, body: object = None, key: str | None = KEY) -> httpx.Response:
    headers = {} if key is None else {"x-api-key": key}
    with httpx.Client(trust_env=False) as http:
        url = f"{sandbox.base_url}/v1/client/tokens"
        return http.post(url, json={} if body is None else body, headers=headers)


async def test_a_queued_client_is_sent_its_queue_position_under_both_names(
    sandbox: Sandbox,
) -> None:
    sandbox.faults = Faults(queue_s=0.3)
    async with client(sandbox.realtime_base_url) as user:
        await user.send("prompt", prompt="sepia", enhance_prompt=False)
        await user.wait_for("status", status="Ready")
        kinds = [message["type"] for message in user.messages]
        assert "entering queue" in user.messages[0]["status"].lower()
        assert "prompt_ack" not in kinds, "nothing is applied in the queue"
        places = [m for m in user.messages if m["type"] == "queue_position"]
        assert [m.get("queue_position", m.get("position")) for m in places] == [4, 3, 2, 1]
        assert {"queue_position", "position"} <= {key for m in places for key in m}
        assert all(m["queue_size"] == 4 for m in places)
        await user.wait_for("prompt_ack")


async def test_a_client_that_leaves_the_queue_has_no_session(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(queue_s=600)
    async with client(sandbox.realtime_base_url) as user:
        await user.wait_for("queue_position")
    async with asyncio.timeout(10):
        while sandbox.stats()["sessions"]:
            await asyncio.sleep(0.02)


async def test_capacity_closes_with_1013(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(capacity=1)
    async with client(sandbox.realtime_base_url) as first:
        await first.prompt("sepia")
        async with client(sandbox.realtime_base_url) as second:
            assert (await second.closed())[0] == 1013
            assert second.messages == []
        assert (await first.prompt("noir"))["success"]


async def test_the_number_of_sessions_is_limited_without_any_fault(sandbox: Sandbox) -> None:
    async with asyncio.TaskGroup() as group, client(sandbox.realtime_base_url) as last:
        entered, leave = asyncio.Semaphore(0), asyncio.Event()

        async def hold() -> None:
            async with client(sandbox.realtime_base_url) as user:
                await user.wait_for("status")
                entered.release()
                await leave.wait()

        await last.wait_for("status")
        for _ in range(7):
            group.create_task(hold())
        for _ in range(7):
            await entered.acquire()
        async with client(sandbox.realtime_base_url) as ninth:
            assert (await ninth.closed())[0] == 1013
        leave.set()


async def test_a_refused_key_is_refused_everywhere(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(refuse_key=True)
    assert mint(sandbox).status_code == 401
    async with client(sandbox.realtime_base_url) as user:
        assert "Invalid API key" in (await user.receive())["error"]
        assert (await user.closed())[0] == 4401


async def test_refused_prompts_and_images_change_nothing(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        await user.prompt("sepia")
        sandbox.faults = Faults(refuse_prompts="no swearing", refuse_images="no faces")
        ack = await user.prompt("noir")
        assert (ack["success"], ack["error"]) == (False, "no swearing")
        ack = await user.image(np.zeros((9, 9, 3), np.uint8))
        assert (ack["success"], ack["error"]) == (False, "no faces")
        assert sandbox.stats()["sessions"][0]["effect"] == "sepia"


async def test_delayed_acks_do_not_delay_video(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(ack_delay_s=30)
    async with client(sandbox.realtime_base_url) as user:
        await user.send("prompt", prompt="sepia")
        await user.start_video()
        await user.picture()
        assert "prompt_ack" not in [m["type"] for m in user.messages]
    sandbox.faults = Faults(ack_delay_s=0.2)
    async with client(sandbox.realtime_base_url) as user:
        began = asyncio.get_running_loop().time()
        await user.prompt("sepia")
        assert asyncio.get_running_loop().time() - began >= 0.2


async def test_acks_and_answers_can_be_missing(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(no_ack=True, no_answer=True)
    async with client(sandbox.realtime_base_url) as user:
        await user.wait_for("status")
        await user.send("prompt", prompt="sepia")
        await user.send("offer", sdp="v=0")
        await user.socket.send("{")  # is answered after the answers to the two messages before
        await user.wait_for("error")
        assert [m["type"] for m in user.messages] == ["status", "error"]


async def test_the_socket_can_be_dropped_without_a_close_frame(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        await user.prompt("sepia")
        sandbox.faults = Faults(drop_control_after_s=0)
        code, _ = await user.closed()
        assert code == 1006, "no close frame"


async def test_only_the_first_sessions_are_faulty(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(refuse_prompts="no", sessions=1)
    async with client(sandbox.realtime_base_url) as first, client(sandbox.realtime_base_url) as two:
        assert not (await first.prompt("sepia"))["success"]
        assert (await two.prompt("sepia"))["success"]


async def test_a_session_whose_client_has_left_takes_no_faults(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end, end_media = threading.Event(), ControlSession._end_media

    async def end_late(self: ControlSession) -> None:
        await asyncio.to_thread(may_end.wait, 20)
        await end_media(self)

    monkeypatch.setattr(ControlSession, "_end_media", end_late)
    try:
        async with client(sandbox.realtime_base_url) as left:
            await left.prompt("sepia")
        async with client(sandbox.realtime_base_url) as user:
            await user.prompt("sepia")
            sandbox.faults = Faults(refuse_prompts="no", sessions=1)
            assert not (await user.prompt("noir"))["success"]
    finally:
        may_end.set()


async def test_an_error_can_be_sent_at_any_time(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        await user.prompt("sepia")
        sandbox.faults = Faults(error_after_s=0, error_text="insufficient credits")
        assert (await user.wait_for("error"))["error"] == "insufficient credits"
        assert (await user.prompt("sepia"))["success"]


async def test_junk_is_sent_between_the_real_messages(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(junk=True, junk_bytes=1_000_000)
    async with client(sandbox.realtime_base_url) as user:
        for number in range(20):
            assert (await user.prompt(f"style {number}"))["success"]
        assert any(isinstance(raw, bytes) for raw in user.junk)
        assert any(isinstance(raw, str) and not raw.startswith("{") for raw in user.junk)
        large = next(m for m in user.messages if m["type"] == "large")
        assert abs(len(json.dumps(large)) - 1_000_000) < 100


async def test_a_model_that_starts_slowly_sends_no_picture_and_bills_nothing_until_then(
    sandbox: Sandbox,
) -> None:
    sandbox.faults = Faults(start_s=3600)
    async with client(sandbox.realtime_base_url) as user:
        await user.prompt("greyscale")
        await user.start_video()
        assert user.pc is not None
        camera: Any = user.pc.getSenders()[0].track
        async with asyncio.timeout(30):
            while user.pc.connectionState != "connected":
                await asyncio.sleep(0.02)
            sent = camera._count
            while camera._count < sent + 20:
                await asyncio.sleep(0.02)
        assert sandbox.ledger()[-1]["seconds"] == 0
        assert not any(message["type"] == "generation_started" for message in user.messages)
        sandbox.faults = Faults()
        await user.picture()
        await user.wait_for("generation_started")


async def test_the_ledger_keeps_what_was_billed_and_which_prompts_were_refused(
    sandbox: Sandbox,
) -> None:
    sandbox.faults = Faults(moderated_word="blood")
    async with client(sandbox.realtime_base_url) as user:
        await user.prompt("greyscale")
        await user.start_video()
        await user.picture()
        assert not (await user.prompt("blood"))["success"]
        await user.prompt("invert")
    async with asyncio.timeout(30):
        while sandbox.stats()["sessions"]:
            await asyncio.sleep(0.02)
    entry = sandbox.ledger()[-1]
    assert entry["seconds"] > 0
    asked = [(prompt["prompt"], prompt["refused"] is None) for prompt in entry["prompts"]]
    assert asked == [("greyscale", True), ("blood", False), ("invert", True)]
    assert 0 == entry["prompts"][0]["at_s"] < entry["prompts"][2]["at_s"] <= entry["seconds"]
    assert sandbox.ledger()[-1] == entry, "an ended session costs no more"


async def test_a_child_process_takes_faults_and_has_a_ledger() -> None:
    with start_child(KEY, faults=Faults(refuse_prompts="not today", junk=True)) as child:
        async with client(child.realtime_base_url) as user:
            assert (await user.prompt("greyscale"))["error"] == "not today"
            entry = child.ledger()[-1]
            assert entry["prompts"][0]["refused"] == "not today"
