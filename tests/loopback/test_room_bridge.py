"""Rooms on a LiveKit server: on `meeting` always, and on a real one where it could be built."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator

import pytest
from livekit import rtc

from decart_widget.errors import SandboxError
from decart_widget.sandbox import Faults
from decart_widget.sandbox.rooms.livekit_api import LiveKitServer
from decart_widget.sandbox.server import SandboxServer
from tests.loopback.meeting import livekit_server
from tests.loopback.room_client import (
    HEIGHT,
    is_grey,
    is_inverted,
    request_viewer_room,
    room_for,
    user_in,
)
from tests.loopback.room_livekit import address, process_of
from tests.loopback.sandbox_client import KEY, client
from tools.livekit import LiveKitProcess


@pytest.fixture(params=["stand-in", pytest.param("real", marks=pytest.mark.livekit)])
async def sandbox(request: pytest.FixtureRequest) -> AsyncIterator[SandboxServer]:
    """A sandbox whose rooms are on a LiveKit server."""
    if request.param == "real":
        real: LiveKitProcess = request.getfixturevalue("livekit")
        async with SandboxServer(livekit=address(real), api_key=KEY) as server:
            yield server
    else:
        key, secret = "devkey", "a-secret-that-is-long-enough-for-hs256"
        async with livekit_server(key, secret) as (url, rooms):
            livekit = LiveKitServer(url, key, secret)
            async with SandboxServer(livekit=livekit, api_key=KEY) as server:
                yield server
            # All participants have left.
            async with asyncio.timeout(20):
                while any(room.participants for room in rooms._rooms.values()):
                    await asyncio.sleep(0.05)


# The longest scenario of the layer: two LiveKit clients decode video.
@pytest.mark.timeout(180)
async def test_a_session_is_transformed_on_a_livekit_server(
    sandbox: SandboxServer,
) -> None:
    async with client(sandbox.realtime_base_url) as control:
        info = await room_for(control)
        assert info["livekit_url"] != sandbox.realtime_base_url
        async with user_in(info) as user:
            await user.publish()
            await user.picture_that(is_grey)
            assert user.seen_of is not None
            assert user.seen_of.startswith("inference-server-")
            await control.wait_for("generation_started")
            await control.wait_for("generation_tick")
            await control.prompt("invert")
            await user.picture_that(is_inverted)
            await user.speak(600)
            await user.hears(600)

            answer = await request_viewer_room(sandbox.base_url, info["room_name"])
            async with user_in(answer.json()) as viewer:
                await viewer.picture_that(is_inverted)

            sandbox.faults = Faults(freeze_after_s=0)
            await user.silence()
            sandbox.faults = Faults()
            await user.next_pictures(3)
        assert (await control.wait_for("generation_ended"))["reason"] == "media_lost"


async def test_small_first_pictures_and_blank_last_ones_are_not_transformed() -> None:
    """What a LiveKit server sends, on the stand-in; a blank picture would end the process."""
    key, secret = "devkey", "a-secret-that-is-long-enough-for-hs256"
    # The transformer waits for up to 2 s for the full size.
    faults = Faults(blank_pictures=True, low_layer_s=1.0)
    async with livekit_server(key, secret, faults) as (url, _rooms):
        livekit = LiveKitServer(url, key, secret)
        async with (
            SandboxServer(livekit=livekit, api_key=KEY) as server,
            client(server.realtime_base_url) as control,
        ):
            info = await room_for(control)
            async with user_in(info) as user:
                await user.publish()
                # The stand-in makes the transformed picture small at first, too.
                await user.picture_that(lambda picture: is_grey(picture) and len(picture) == HEIGHT)
                process = process_of(server)
                (publication,) = user.room.local_participant.track_publications.values()
                assert isinstance(publication.track, rtc.LocalVideoTrack)
                publication.track.mute()
                await user.silence()
                publication.track.unmute()
                await user.next_pictures(3)
                assert process_of(server).pid == process.pid


async def test_an_unreachable_livekit_server_is_named_as_the_cause() -> None:
    unreachable = LiveKitServer("ws://127.0.0.1:9", "key", "s" * 32)
    async with (
        SandboxServer(livekit=unreachable, api_key=KEY) as server,
        client(server.realtime_base_url) as control,
    ):
        await control.send("livekit_join", passthrough=True)
        error = (await control.wait_for("error"))["error"]
        assert "The LiveKit server at ws://127.0.0.1:9 can't be reached. Start it" in error
        assert (await control.closed())[0] == 1011


def test_the_secret_is_not_in_the_repr() -> None:
    assert "hidden" not in repr(LiveKitServer("ws://host:7880", "key", "hidden"))


@pytest.mark.parametrize(
    ("url", "secret"), [("http://host", "s"), ("ws://", "s"), ("host:7880", "s"), ("ws://host", "")]
)
def test_an_invalid_livekit_server_is_refused(url: str, secret: str) -> None:
    with pytest.raises(ValueError, match="LiveKit"):
        LiveKitServer(url, "key", secret)


def test_missing_packages_are_reported_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "livekit.rtc", None)
    with pytest.raises(SandboxError, match=r"pip install 'decart-widget\[livekit\]'"):
        SandboxServer(livekit=LiveKitServer("ws://127.0.0.1:7880", "key", "secret"))


def test_a_sandbox_without_a_livekit_server_does_not_import_the_packages() -> None:
    code = (
        "import sys; from decart_widget.sandbox.server import SandboxServer; SandboxServer();"
        "print(sorted({'livekit.rtc', 'livekit.api', 'aiohttp'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30
    )
    assert result.stdout.strip() == "[]"


def test_the_program_has_options_for_the_livekit_server() -> None:
    command = [sys.executable, "-m", "decart_widget.sandbox", "--livekit", "ws://127.0.0.1:9"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=30)
    assert result.returncode == 1
    assert "key and a secret" in result.stderr
    command += ["--livekit-key", "k", "--livekit-secret", "s"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert "base_url" in program.stdout.readline()
        program.terminate()
        assert program.wait(10) == 0


def test_a_function_of_the_user_and_a_livekit_server_exclude_each_other() -> None:
    with pytest.raises(ValueError, match="function"):
        SandboxServer(lambda frame, *_: frame, livekit=LiveKitServer("ws://h:1", "k", "s"))
