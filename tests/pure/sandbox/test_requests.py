"""Prompts and images of a session: applied in their order, each acknowledged."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from decart_widget.inputs.decoder_thread import THREAD_NAME
from decart_widget.sandbox import images, requests
from decart_widget.sandbox.effects.effect_state import EffectState
from decart_widget.sandbox.faults import NONE, Faults
from decart_widget.sandbox.requests import LONGEST_PROMPT, WAITING_LIMIT, Requests


class Session:
    """Requests with what they send and change."""

    def __init__(self, faults: Faults = NONE, begin: Any = lambda _state: None) -> None:
        self.sent: list[dict[str, Any]] = []
        self.state = EffectState()
        self.requests = Requests(self.state, self._send, lambda: faults, begin)

    async def _send(self, kind: str, /, **fields: Any) -> None:
        self.sent.append({"type": kind, **fields})

    async def apply(self, *messages: dict[str, Any]) -> list[dict[str, Any]]:
        """The acknowledgements of these messages."""
        for message in messages:
            await self.requests.add(message)
        applying = asyncio.create_task(self.requests.run())
        async with asyncio.timeout(10):
            while len(self.sent) < len(messages):
                await asyncio.sleep(0)
        applying.cancel()
        return self.sent


async def test_images_are_decoded_on_the_decoder_s_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    threads = []

    def note_thread(_data: object) -> None:
        threads.append(threading.current_thread().name)
        raise images.ImageError("no image")

    monkeypatch.setattr(images, "decode", note_thread)
    await Session().apply({"type": "set_image", "image_data": "AAAA"})
    assert [name.startswith(THREAD_NAME) for name in threads] == [True]


async def test_requests_are_applied_and_acknowledged_in_their_order() -> None:
    session = Session()
    acks = await session.apply(
        {"type": "prompt", "prompt": "sepia"}, {"type": "prompt", "prompt": "noir"}
    )
    assert [ack["prompt"] for ack in acks] == ["sepia", "noir"]
    assert all(ack["type"] == "prompt_ack" and ack["success"] for ack in acks)
    assert session.state.effect == "noir"


@pytest.mark.parametrize("prompt", [None, "", "  ", 7, "x" * (LONGEST_PROMPT + 1)])
async def test_an_unusable_prompt_is_refused_and_changes_nothing(prompt: object) -> None:
    session = Session()
    (ack,) = await session.apply({"type": "prompt", "prompt": prompt})
    assert not ack["success"]
    assert ack["error"]
    assert session.state.is_passthrough


async def test_a_null_image_removes_the_image_and_a_file_reference_is_refused() -> None:
    removed, refused = await Session().apply(
        {"type": "set_image", "image_data": None}, {"type": "set_image", "image_ref": "file_1"}
    )
    assert removed == {"type": "set_image_ack", "success": True, "error": None}
    assert "image_data" in refused["error"]


async def test_requests_over_the_limit_are_refused_at_once() -> None:
    session = Session()
    for number in range(WAITING_LIMIT + 1):
        await session.requests.add({"type": "prompt", "prompt": f"{number}"})
    (ack,) = session.sent
    assert ack["prompt"] == f"{WAITING_LIMIT}"
    assert "Too many" in ack["error"]


async def test_what_a_model_cannot_start_is_refused_and_leaves_the_former_state() -> None:
    def begin(state: EffectState) -> Future[None]:
        started: Future[None] = Future()
        if state.prompt == "sepia":
            started.set_result(None)
        else:
            started.set_exception(LookupError("no such style"))
        return started

    session = Session(begin=begin)
    acks = await session.apply(
        {"type": "prompt", "prompt": "sepia", "enhance_prompt": False},
        {"type": "prompt", "prompt": "noir"},
    )
    assert [ack["success"] for ack in acks] == [True, False]
    assert acks[1]["error"] == "The model's start() raised LookupError: no such style"
    assert (session.state.prompt, session.state.enrich) == ("sepia", False)


async def test_a_prompt_is_acknowledged_late_where_a_model_is_slow(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(requests, "START_LIMIT_S", 0.01)
    session = Session(begin=lambda _state: Future())
    [ack] = await session.apply({"type": "prompt", "prompt": "sepia"})
    assert ack["success"]
    assert session.state.prompt == "sepia"
