"""Connections and sessions of the engine in rooms on a real LiveKit server (`make livekit`)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from decart_widget.sandbox import serve
from decart_widget.sandbox.server import SandboxServer
from tests import rooms
from tests.engine.conftest import KEY as ENGINE_KEY
from tests.engine.conftest import Collected, running
from tests.engine.room_exchange import FPS, HEIGHT, WIDTH, NumberedFrames, session
from tests.engine.test_room_session import VIDEO, check_identities, generating, shown
from tests.loopback.room_client import RoomUser, request_viewer_room
from tests.loopback.room_livekit import address
from tests.loopback.sandbox_client import KEY
from tools.livekit import LiveKitProcess


@pytest.fixture
async def bridge(livekit: LiveKitProcess) -> AsyncIterator[SandboxServer]:
    async with SandboxServer(livekit=address(livekit), api_key=KEY, marker=True) as sandbox:
        yield sandbox


@pytest.mark.parametrize("codec", ["AUTO", "VP8"])
async def test_each_picture_names_the_frame_that_it_was_made_from(
    bridge: SandboxServer, codec: str
) -> None:
    exchange = NumberedFrames()
    async with session(bridge.realtime_base_url, exchange, codec, livekit_server_codec="h264") as (
        _,
        _info,
        connection,
    ):
        for number, index, exact in await exchange.frames(3 * FPS):
            assert number == index is not None
            assert exact
        figures = await connection.figures()
    assert exchange.states == ["connected"]
    assert exchange.sizes == {(WIDTH, HEIGHT)}
    assert figures["codec"] == {"AUTO": "H264"}.get(codec, codec)


async def test_the_camera_of_a_room_is_not_passed_on_to_viewers(bridge: SandboxServer) -> None:
    exchange = NumberedFrames()
    async with session(bridge.realtime_base_url, exchange) as (_, info, _room):
        await exchange.frames(3)
        viewer, subscribed = RoomUser(), set[str]()
        viewer.room.on("track_subscribed", lambda _t, _p, who: subscribed.add(who.identity))
        try:
            answer = await request_viewer_room(bridge.base_url, info["room_name"])
            await viewer.join(answer.json())
            await viewer.next_pictures(3)
            (camera,) = [
                publication
                for who in viewer.room.remote_participants.values()
                if who.identity.startswith("client-")
                for publication in who.track_publications.values()
            ]
            camera.set_subscribed(True)
            await viewer.next_pictures(2 * FPS)
        finally:
            await viewer.close()
    assert subscribed == {"inference-server-1"}


async def test_a_room_that_is_left_is_empty(bridge: SandboxServer) -> None:
    """Whoever leaves is gone at once, not after the server's time-out."""
    exchange = NumberedFrames()
    async with session(bridge.realtime_base_url, exchange) as (control, _, connection):
        await exchange.frames(3)
        await connection.close()
        assert (await control.wait_for("generation_ended", 40))["reason"] == "media_lost"
    assert exchange.states == ["connected"]


async def test_blank_pictures_at_the_end_of_a_track_are_not_passed_on(
    bridge: SandboxServer,
) -> None:
    exchange = NumberedFrames()
    async with session(bridge.realtime_base_url, exchange, livekit_server_codec="h264") as (
        control,
        _,
        _room,
    ):
        await exchange.frames(3)
        await control.close()
        await exchange.until(lambda: exchange.states[-1] in ("ended", "failed"))
    assert exchange.sizes == {(WIDTH, HEIGHT)}


@pytest.mark.usefixtures("livekit")  # which skips the test where there is no server
async def test_a_session_goes_on_after_the_server_was_started_again() -> None:
    sink = Collected(keep=shown)
    with (
        LiveKitProcess() as server,
        rooms.services_on(server),
        serve(api_key=ENGINE_KEY, marker=True) as sandbox,
    ):
        async with running(sandbox, sink=sink, transport="livekit", video=VIDEO) as run:
            await run.until(lambda: len(sink.frames) >= 5 and generating(run))
            server.kill()
            await run.until(lambda: "reconnecting" in run.states)
            server.start()
            begin = len(sink.frames)
            await run.until(lambda: len(sink.frames) >= begin + 5 and generating(run))
    check_identities(sink)
