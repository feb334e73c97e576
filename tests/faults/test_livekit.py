"""Rooms on a real LiveKit server: the server, its room, or the process of a session fails.

Skipped where no LiveKit server could be built.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil
import pytest
from livekit import api

from decart_widget.sandbox import Sandbox
from tests.faults.conftest import Begin, Measured
from tests.faults.scene import Scene
from tests.loopback.room_livekit import rooms_api
from tests.loopback.test_room_livekit import end_sessions
from tests.rooms import rooms_on
from tools.livekit import LiveKitProcess, UnavailableError


@pytest.fixture
def server() -> Iterator[LiveKitProcess]:
    """A LiveKit server of its own, which the test may kill."""
    try:
        own = LiveKitProcess()
    except UnavailableError as reason:
        pytest.skip(f"no LiveKit server: {reason}")
    with own:
        yield own


@pytest.fixture
def bridge(server: LiveKitProcess) -> Iterator[Sandbox]:
    """A service whose rooms are on `server`."""
    with rooms_on(server) as running:
        yield running


def process_of(scene: Scene) -> psutil.Process:
    (session,) = scene.sessions()
    return psutil.Process(session["media"]["pid"])


@pytest.mark.fault("livekit-process")
async def test_the_process_of_a_session_crashes(
    begin: Begin, bridge: Sandbox, measured: Measured
) -> None:
    scene = await begin(bridge, "livekit")
    since = time.time()
    process_of(scene).kill()
    measured(await scene.recovers(since), "livekit")
    await scene.stop()


@pytest.mark.fault("livekit-room-deleted")
async def test_the_room_is_deleted_on_the_server(
    begin: Begin, bridge: Sandbox, server: LiveKitProcess, measured: Measured
) -> None:
    scene = await begin(bridge, "livekit")
    (session,) = scene.sessions()
    since = time.time()
    async with rooms_api(server) as lk:
        await lk.room.delete_room(api.DeleteRoomRequest(room=session["media"]["room"]))
    measured(await scene.recovers(since), "livekit")
    await scene.stop()


@pytest.mark.fault("livekit-restarted")
async def test_the_livekit_server_is_killed_and_comes_back(
    begin: Begin, bridge: Sandbox, server: LiveKitProcess, measured: Measured
) -> None:
    scene = await begin(bridge, "livekit")
    server.kill()
    await scene.probes.still(2.0)
    since = time.time()
    server.start()
    measured(await scene.recovers(since, attempt=1), "livekit")
    await scene.stop()


@pytest.mark.fault("livekit-sessions")
@pytest.mark.timeout(900)
async def test_a_hundred_sessions_end_in_every_way_and_none_harms_another(
    livekit: LiveKitProcess, measured: Measured
) -> None:
    since = time.time()
    await end_sessions(livekit, sessions=100, at_once=8, seed=1)
    measured(time.time() - since, "livekit")
