"""Simulated failures of rooms: what the client notices, and what must continue."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import psutil
import pytest

from decart_widget.sandbox import Faults, Sandbox, serve
from tests.loopback.room_client import HEIGHT, WIDTH, in_room, is_grey, room_for
from tests.loopback.sandbox_client import KEY, client


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with serve(api_key=KEY) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_faults_left(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.faults = Faults()


async def test_video_continues_while_a_broken_signal_socket_is_resumed(sandbox: Sandbox) -> None:
    async with in_room(sandbox) as (control, user):
        await user.publish()
        await user.picture_that(is_grey)
        before = user.room.local_participant.sid
        sandbox.faults = Faults(drop_signal_after_s=0)
        await user.event("reconnecting")
        await user.next_pictures(5)
        await user.event("reconnected")
        sandbox.faults = Faults()
        assert user.room.local_participant.sid == before
        await user.next_pictures(10)
        # Prompts still change the picture, and the session has not ended.
        await control.prompt("invert")
        await user.picture_that(lambda picture: not is_grey(picture))
        kinds = [message["type"] for message in control.messages]
        assert "generation_ended" not in kinds


async def test_after_a_refused_resume_the_client_joins_again(sandbox: Sandbox) -> None:
    async with in_room(sandbox) as (_control, user):
        await user.publish()
        await user.picture_that(is_grey)
        sandbox.faults = Faults(drop_signal_after_s=0, refuse_resume=True)
        await user.event("reconnected")
        sandbox.faults = Faults()
        await user.next_pictures(10)
        await user.picture_that(is_grey)


async def test_a_dead_server_sends_no_media_while_its_sockets_stay_open(sandbox: Sandbox) -> None:
    async with in_room(sandbox) as (control, user):
        await user.publish()
        await user.picture_that(is_grey)
        sandbox.faults = Faults(dead_peer_after_s=0)
        await user.silence()
        assert user.events == [], "the client gets no event"
        await control.wait_for("generation_tick")


async def test_a_frozen_session_sends_no_pictures_until_it_is_resumed(sandbox: Sandbox) -> None:
    async with in_room(sandbox) as (_control, user):
        await user.publish()
        await user.picture_that(is_grey)
        sandbox.faults = Faults(freeze_after_s=0)
        await user.silence()
        assert user.events == []
        sandbox.faults = Faults()
        await user.next_pictures(5)


async def test_after_a_leave_with_disconnect_the_client_does_not_reconnect(
    sandbox: Sandbox,
) -> None:
    async with in_room(sandbox) as (_control, user):
        await user.publish()
        await user.picture_that(is_grey)
        sandbox.faults = Faults(leave_after_s=0)
        await user.event("disconnected")
        assert "reconnecting" not in user.events


@pytest.mark.parametrize("action", ["reconnect", "resume"])
async def test_after_any_other_leave_the_client_reconnects(sandbox: Sandbox, action: str) -> None:
    async with in_room(sandbox) as (_control, user):
        await user.publish()
        await user.picture_that(is_grey)
        sandbox.faults = Faults(leave_after_s=0, leave_action=action)
        await user.event("reconnected")
        await user.next_pictures(10)
        await user.picture_that(is_grey)


async def test_a_picture_begins_small_and_ends_blank_as_on_a_livekit_server(
    sandbox: Sandbox,
) -> None:
    sandbox.faults = Faults(low_layer_s=3600, blank_pictures=True)
    async with in_room(sandbox) as (control, user):
        await user.publish()
        await user.picture_that(lambda picture: picture.shape[:2] == (HEIGHT // 4, WIDTH // 4))
        sandbox.faults = Faults(blank_pictures=True)
        await user.picture_that(lambda picture: picture.shape[:2] == (HEIGHT, WIDTH))
        await control.close()
        await user.picture_that(lambda picture: max(picture.shape) <= 8)


async def test_a_delayed_join_succeeds(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(join_delay_s=0.5)
    async with in_room(sandbox) as (_control, user):
        await user.publish()
        await user.picture_that(is_grey)


async def test_a_client_gets_its_queue_position_before_its_room(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(queue_s=0.4)
    async with client(sandbox.realtime_base_url) as control:
        await room_for(control)
        kinds = [message["type"] for message in control.messages]
        assert kinds.index("queue_position") < kinds.index("livekit_room_info")


async def test_closed_rooms_leave_no_threads_tasks_or_sockets() -> None:
    def our_threads() -> set[str]:
        return {t.name for t in threading.enumerate() if t.name.startswith(("decart", "video-dec"))}

    process = psutil.Process()
    before = our_threads()
    sandbox = serve(api_key=KEY)
    for _ in range(2):
        async with in_room(sandbox) as (_control, user):
            await user.publish()
            await user.picture_that(is_grey)
    async with asyncio.timeout(10):
        while sandbox.stats()["sessions"] or sandbox.stats()["rooms"]:
            await asyncio.sleep(0.02)
    tasks = await asyncio.to_thread(sandbox._on_loop, lambda: asyncio.all_tasks(sandbox._loop))
    names = {task.get_coro().__qualname__ for task in tasks}
    assert not {name for name in names if "Room" in name or "RTC" in name or "Feed" in name}
    port = int(sandbox.base_url.rpartition(":")[2])
    held = [c for c in process.net_connections("tcp") if c.laddr and c.laddr.port == port]
    assert [c.status for c in held if c.status != psutil.CONN_TIME_WAIT] == [psutil.CONN_LISTEN]
    await asyncio.to_thread(sandbox.close)
    async with asyncio.timeout(10):
        while our_threads() - before:
            await asyncio.sleep(0.05)


async def test_a_server_that_is_closed_disconnects_all_clients_at_once() -> None:
    sandbox = serve(api_key=KEY)
    async with in_room(sandbox) as (control, user):
        await user.publish()
        await user.picture_that(is_grey)
        await asyncio.wait_for(asyncio.to_thread(sandbox.close), 10)
        await user.event("disconnected")
        assert (await control.closed())[0] == 1001
