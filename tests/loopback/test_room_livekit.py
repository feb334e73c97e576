"""Rooms on a real LiveKit server: what it does that no stand-in does, and how sessions end."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import random
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import psutil
import pytest
from livekit import api, rtc

from decart_widget.sandbox.__main__ import KEY_VARIABLE
from decart_widget.sandbox.rooms import livekit_rooms
from decart_widget.sandbox.rooms.livekit_api import LiveKitServer
from decart_widget.sandbox.server import SandboxServer
from tests.loopback.room_client import RoomUser, is_grey, room_for, user_in
from tests.loopback.room_livekit import (
    LIMIT_S,
    SMALL,
    bridge_on,
    eventually,
    participants,
    process_of,
    rooms_api,
    session_on,
)
from tests.loopback.sandbox_client import KEY, Client, client
from tools.livekit import LiveKitProcess

pytestmark = pytest.mark.timeout(180)

CLIENT = """
import asyncio, json, sys
from tests.loopback.room_client import RoomUser

async def main():
    user = RoomUser((320, 180))
    await user.join(json.loads(sys.stdin.readline()))
    await user.publish(simulcast=False)
    print("published", flush=True)
    await asyncio.Event().wait()

asyncio.run(main())
"""
"""A client in a process of its own, which can be killed."""


# --- what a client does ------------------------------------------------------------------------


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_the_blank_pictures_that_close_a_track_end_no_process(
    livekit: LiveKitProcess, codec: str
) -> None:
    async with bridge_on(livekit) as sandbox, session_on(sandbox, codec) as (control, _info, user):
        process = process_of(sandbox)
        (publication,) = user.room.local_participant.track_publications.values()
        assert isinstance(publication.track, rtc.LocalVideoTrack)
        publication.track.mute()
        await user.silence()
        publication.track.unmute()
        await user.next_pictures(3)
        await user.room.local_participant.unpublish_track(publication.sid)
        assert (await control.wait_for("generation_ended", LIMIT_S))["reason"] == "media_lost"
        assert process_of(sandbox).pid == process.pid
        assert process.is_running()


async def test_a_client_that_rejoins_after_the_grace_starts_generation_again(
    livekit: LiveKitProcess,
) -> None:
    async with bridge_on(livekit) as sandbox, session_on(sandbox) as (control, info, user):
        await user.room.disconnect()
        await control.wait_for("generation_ended", LIMIT_S)
        async with user_in(info, SMALL) as again:
            await again.publish(simulcast=False)
            await again.picture_that(is_grey, LIMIT_S)
            await control.wait_for("generation_started")
            await control.wait_for("generation_tick")


async def test_a_killed_client_is_billed_no_longer_than_its_pictures_are_missed(
    livekit: LiveKitProcess,
) -> None:
    async with bridge_on(livekit) as sandbox, client(sandbox.realtime_base_url) as control:
        info = await room_for(control)
        killed = await asyncio.create_subprocess_exec(
            sys.executable, "-c", CLIENT, stdin=asyncio.subprocess.PIPE
        )
        assert killed.stdin is not None
        try:
            killed.stdin.write((json.dumps(info) + "\n").encode())
            await control.wait_for("generation_started", LIMIT_S)
        finally:
            killed.kill()
            await killed.wait()
        assert (await control.wait_for("generation_ended", LIMIT_S))["reason"] == "media_lost"
        # Earlier than the server misses it.
        people = (await participants(livekit))[info["room_name"]]
        assert any(identity.startswith("client-") for identity in people)


@pytest.mark.parametrize("camera", ["vp8", "vp9"])
async def test_a_requested_h264_picture_is_vp8_where_the_camera_is_not_h264(
    livekit: LiveKitProcess, camera: str
) -> None:
    async with (
        bridge_on(livekit) as sandbox,
        client(sandbox.realtime_base_url, livekit_server_codec="h264") as control,
    ):
        info = await room_for(control)
        async with user_in(info, SMALL) as user:
            await user.publish(camera, simulcast=False)
            await user.picture_that(is_grey, LIMIT_S)

            def codecs() -> list[str]:
                (server,) = user.room.remote_participants.values()
                return [track.mime_type for track in server.track_publications.values()]

            await eventually(lambda: codecs() == ["video/VP8"], "one track, in VP8")
            await user.next_pictures(3, LIMIT_S)


async def test_the_first_pictures_are_neither_black_nor_small(livekit: LiveKitProcess) -> None:
    async with bridge_on(livekit) as sandbox, client(sandbox.realtime_base_url) as control:
        info = await room_for(control)
        async with user_in(info) as user:
            seen: list[tuple[int, float]] = []

            async def look(track: rtc.Track) -> None:
                stream = rtc.VideoStream(track, format=rtc.VideoBufferType.RGB24)
                async for event in stream:
                    brightness = sum(event.frame.data[::997]) / len(event.frame.data[::997])
                    seen.append((event.frame.width, brightness))
                    if len(seen) >= 3:
                        break
                await stream.aclose()

            looking: list[asyncio.Task[None]] = []
            user.room.on(
                "track_subscribed",
                lambda track, *_: looking.append(asyncio.ensure_future(look(track))),
            )
            await user.publish()
            await eventually(lambda: len(seen) >= 3, "three pictures")
            await asyncio.gather(*looking)
    assert all(width == 1280 and brightness > 20 for width, brightness in seen), seen


# --- how sessions end --------------------------------------------------------------------------


async def test_a_process_that_crashes_ends_its_session_alone(livekit: LiveKitProcess) -> None:
    async with bridge_on(livekit) as sandbox, session_on(sandbox) as (control, _, _user):
        crashing = process_of(sandbox)
        async with session_on(sandbox) as (other, _, bystander):
            crashing.send_signal(signal.SIGABRT)
            error = (await control.wait_for("error"))["error"]
            assert "SIGABRT" in error
            assert "Other sessions are not affected" in error
            assert (await control.closed())[0] == 1011
            assert [m["type"] for m in control.messages].count("generation_ended") == 1
            await bystander.next_pictures(3)
            await other.prompt("invert")
        async with session_on(sandbox):  # the place is free, and another process is there
            pass


async def test_a_session_that_ends_while_joining_leaves_nothing(livekit: LiveKitProcess) -> None:
    async with bridge_on(livekit) as sandbox:
        for wait_for_room in (False, True, True):
            async with client(sandbox.realtime_base_url) as control:
                await control.send("livekit_join", passthrough=True)
                if wait_for_room:
                    await control.wait_for("livekit_room_info")
        await eventually(lambda: not sandbox.stats()["sessions"], "no session")
        async with session_on(sandbox):
            pass
        await eventually(lambda: not sandbox.stats()["sessions"], "no session")

        async def empty() -> bool:
            return not await participants(livekit)

        await eventually(empty, "no participant")


async def test_a_removed_participant_ends_the_session(livekit: LiveKitProcess) -> None:
    async with bridge_on(livekit) as sandbox, session_on(sandbox) as (control, info, _):
        who = api.RoomParticipantIdentity(room=info["room_name"], identity="inference-server-1")
        async with rooms_api(livekit) as lk:
            await lk.room.remove_participant(who)
        assert "PARTICIPANT_REMOVED" in (await control.wait_for("error", LIMIT_S))["error"]
        assert [m["type"] for m in control.messages].count("generation_ended") == 1


async def test_the_token_of_an_ended_session_does_not_keep_its_room_open(
    livekit: LiveKitProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(livekit_rooms, "SWEEP_INTERVAL_S", 0.2)
    async with bridge_on(livekit) as sandbox:
        async with session_on(sandbox) as (_, info, _user):
            pass
        await eventually(lambda: not sandbox.stats()["sessions"], "no session")
        again = RoomUser()
        await again.join(info)
        await again.event("disconnected", LIMIT_S)
        await again.close()


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="needs SIGSTOP")
@pytest.mark.usefixtures("livekit")  # which skips the test where there is no server
async def test_a_server_that_does_not_respond_keeps_no_session() -> None:
    with LiveKitProcess() as server:
        async with bridge_on(server) as sandbox, client(sandbox.realtime_base_url) as control:
            info = await room_for(control)
            user = RoomUser()
            await user.join(info)
            await user.publish()
            await user.picture_that(is_grey, LIMIT_S)
            process = process_of(sandbox)
            server.send(signal.SIGSTOP)
            await control.close()
            # The LiveKit package itself would wait for 60 s.
            await eventually(lambda: not sandbox.stats()["sessions"], "no session", 20)
            assert not process.is_running()
            server.send(signal.SIGCONT)
            await user.close()


async def test_a_refused_secret_is_named_and_no_token_is_logged(
    livekit: LiveKitProcess, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    wrong = LiveKitServer(livekit.url, livekit.key, "wrong" * 10)
    async with (
        SandboxServer(livekit=wrong, api_key=KEY) as sandbox,
        client(sandbox.realtime_base_url) as control,
    ):
        await control.send("livekit_join", passthrough=True)
        error = (await control.wait_for("error"))["error"]
        assert "refuses the key or its secret. Check LIVEKIT_API_KEY" in error
        info = [m for m in control.messages if m["type"] == "livekit_room_info"]
    assert "eyJ" not in caplog.text
    assert "wrong" not in caplog.text
    assert all(m["token"] not in caplog.text for m in info)


async def test_all_processes_end_with_the_bridge_even_if_it_is_killed(
    livekit: LiveKitProcess,
) -> None:
    command = [sys.executable, "-m", "decart_widget.sandbox", "--livekit", livekit.url]
    command += ["--livekit-key", livekit.key, "--livekit-secret", livekit.secret]
    bridge = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, env={**os.environ, KEY_VARIABLE: KEY}
    )
    assert bridge.stdout is not None
    try:
        started = json.loads(await bridge.stdout.readline())
        async with client(started["realtime_base_url"]) as control:
            info = await room_for(control)
            async with user_in(info, SMALL) as user:
                await user.publish(simulcast=False)
                await user.picture_that(is_grey, LIMIT_S)
                children = psutil.Process(bridge.pid).children()
                assert children
                bridge.kill()
                await eventually(
                    lambda: not any(child.is_running() for child in children), "no process is left"
                )
    finally:
        if bridge.returncode is None:
            bridge.kill()
        await bridge.wait()


async def test_sessions_end_in_every_way_at_once_and_none_harms_another(
    livekit: LiveKitProcess,
) -> None:
    await end_sessions(livekit, sessions=12, at_once=4, seed=7)


async def end_sessions(livekit: LiveKitProcess, *, sessions: int, at_once: int, seed: int) -> None:
    """Sessions end in ways chosen at random; then no place is lost, and no participant is left."""
    chance = random.Random(seed)
    ways = [chance.choice(["leave", "stop", "joining", "named", "crash"]) for _ in range(sessions)]
    admission = asyncio.Lock()

    @asynccontextmanager
    async def admitted(sandbox: SandboxServer) -> AsyncIterator[Client]:
        """The control channel of a session, as soon as there is a place for it."""
        async with AsyncExitStack() as stack:
            async with admission:
                await eventually(lambda: len(sandbox.stats()["sessions"]) < at_once, "a place", 120)
                control = await stack.enter_async_context(client(sandbox.realtime_base_url))
                await control.wait_for("status", LIMIT_S)
            yield control

    async def one(sandbox: SandboxServer, way: str) -> None:
        async with admitted(sandbox) as control:
            if way in ("joining", "named"):
                await control.send("livekit_join", passthrough=True)
                if way == "named":
                    await control.wait_for("livekit_room_info", LIMIT_S)
                return
            info = await room_for(control)
            async with user_in(info, SMALL) as user:
                await user.publish(simulcast=False)
                await control.wait_for("generation_started", 120)
                if way == "leave":
                    await user.room.disconnect()
                    await control.wait_for("generation_ended", LIMIT_S)
                if way == "crash":
                    (pid,) = (
                        session["media"]["pid"]
                        for session in sandbox.stats()["sessions"]
                        if session["media"] and session["media"]["room"] == info["room_name"]
                    )
                    psutil.Process(pid).kill()
                    assert "SIGKILL" in (await control.wait_for("error", LIMIT_S))["error"]

    async with bridge_on(livekit) as sandbox:
        await asyncio.gather(*(one(sandbox, way) for way in ways))
        await eventually(lambda: not sandbox.stats()["sessions"], "no place is lost")

        async def empty() -> bool:
            return not await participants(livekit)

        await eventually(empty, "no participant is left")
        async with session_on(sandbox):
            pass
