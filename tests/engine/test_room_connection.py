"""Connections to the local server's rooms: frames, their identity, states and ends."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from itertools import pairwise

import numpy as np
import pytest

from decart_widget.errors import MediaUnreachableError, ServiceError
from decart_widget.sandbox import Faults
from decart_widget.sandbox.server import SandboxServer
from tests.engine.room_exchange import FPS, HEIGHT, WIDTH, NumberedFrames, connected, session
from tests.loopback.room_client import RoomUser, request_viewer_room, room_for
from tests.loopback.sandbox_client import KEY, client


@pytest.fixture
async def sandbox() -> AsyncIterator[SandboxServer]:
    async with SandboxServer(api_key=KEY, marker=True) as running:
        yield running


@pytest.mark.parametrize("codec", ["AUTO", "VP8"])
async def test_each_picture_names_the_frame_that_it_was_made_from(
    sandbox: SandboxServer, codec: str
) -> None:
    exchange = NumberedFrames()
    async with session(sandbox.realtime_base_url, exchange, codec) as (control, _, connection):
        for number, index, exact in await exchange.frames(3 * FPS):
            assert number == index is not None
            assert exact
        await control.wait_for("generation_started")
        figures = await connection.figures()
    assert exchange.states == ["connected"]
    assert exchange.sizes == {(WIDTH, HEIGHT)}
    assert figures["codec"] == {"AUTO": "H264"}.get(codec, codec)
    assert figures["sent"] == exchange.sent > 0
    assert figures["sent_bytes"] > 0 < figures["received_bytes"]


async def test_frames_that_a_slow_model_drops_displace_no_identity() -> None:
    def slow(frame: np.ndarray, _prompt: str | None, _image: np.ndarray | None) -> np.ndarray:
        time.sleep(2.5 / FPS)
        return frame

    exchange = NumberedFrames()
    async with (
        SandboxServer(slow, api_key=KEY, marker=True) as sandbox,
        session(sandbox.realtime_base_url, exchange),
    ):

        def has_gaps() -> bool:
            indices = [index for _, index, _ in exchange.received if index is not None]
            return len(indices) >= 12 and any(b > a + 1 for a, b in pairwise(indices))

        await exchange.until(has_gaps)
    assert all(number == index and exact for number, index, exact in exchange.received)


async def test_without_trailers_nothing_is_said_of_a_picture_s_frame(
    sandbox: SandboxServer,
) -> None:
    exchange = NumberedFrames()
    async with session(sandbox.realtime_base_url, exchange, frame_timing=False):
        for number, index, exact in await exchange.frames(10):
            assert number is not None
            assert index is None
            assert not exact


async def test_a_room_can_be_left_and_joined_again(sandbox: SandboxServer) -> None:
    async with client(sandbox.realtime_base_url) as control:
        info = await room_for(control, frame_timing=True)
        for _ in range(2):
            exchange = NumberedFrames()
            async with connected(exchange, info):
                assert all(number == index for number, index, _ in await exchange.frames(10))
            received, states = len(exchange.received), list(exchange.states)
            await asyncio.sleep(0.2)
            assert len(exchange.received) == received
            assert exchange.states == states == ["connected"]


async def test_a_viewer_does_not_get_the_camera(sandbox: SandboxServer) -> None:
    exchange = NumberedFrames()
    async with session(sandbox.realtime_base_url, exchange, prompt="invert") as (_, info, _room):
        await exchange.frames(5)
        viewer = RoomUser()
        try:
            answer = await request_viewer_room(sandbox.base_url, info["room_name"])
            await viewer.join(answer.json())
            await viewer.next_pictures(5)
            assert viewer.seen_of == "inference-server-1"
        finally:
            await viewer.close()


async def test_a_refused_token_is_named_and_not_shown(sandbox: SandboxServer) -> None:
    exchange = NumberedFrames()
    async with client(sandbox.realtime_base_url) as control:
        info = await room_for(control)
        wrong = info["token"][:-6] + "AAAAAA"
        async with connected(exchange, {**info, "token": wrong}):
            await exchange.until(lambda: exchange.errors)
    (error,) = exchange.errors
    assert isinstance(error, ServiceError)
    assert error.code == "room-refused"
    assert wrong not in str(error)
    assert "eyJ" not in str(error)
    assert "://" not in str(error)
    assert exchange.states == []


async def test_a_server_that_is_not_there_is_named(
    sandbox: SandboxServer, unused_tcp_port: int
) -> None:
    exchange = NumberedFrames()
    async with client(sandbox.realtime_base_url) as control:
        info = await room_for(control)
        url = f"ws://127.0.0.1:{unused_tcp_port}"
        async with connected(exchange, {**info, "livekit_url": url}):
            await exchange.until(lambda: exchange.errors)
    (error,) = exchange.errors
    assert isinstance(error, MediaUnreachableError)
    assert error.code == "room-unreachable"


async def test_a_room_that_is_closed_fails(sandbox: SandboxServer) -> None:
    exchange = NumberedFrames()
    async with session(sandbox.realtime_base_url, exchange) as (control, _, _room):
        await exchange.frames(5)
        await control.close()
        await exchange.until(lambda: exchange.states[-1] == "failed")
    assert exchange.states == ["connected", "failed"]


async def test_a_signal_socket_that_breaks_is_resumed(sandbox: SandboxServer) -> None:
    exchange = NumberedFrames()
    async with session(sandbox.realtime_base_url, exchange):
        await exchange.frames(5)
        sandbox.faults = Faults(drop_signal_after_s=0.1)
        await exchange.until(lambda: "reconnecting" in exchange.states)
        await exchange.until(lambda: exchange.states[-1] == "connected")
        assert all(number == index for number, index, _ in await exchange.frames(10))


async def test_a_connection_that_is_closed_while_it_joins_leaves_the_room(
    sandbox: SandboxServer,
) -> None:
    async with client(sandbox.realtime_base_url) as control:
        info = await room_for(control)
        exchange = NumberedFrames()
        async with connected(exchange, info):
            pass
        assert exchange.states == []
        assert exchange.errors == []
        # The room is free for another one.
        exchange = NumberedFrames()
        async with connected(exchange, info):
            await exchange.frames(3)
