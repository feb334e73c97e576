"""Media through the sandbox's rooms, with the package ``livekit``."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import numpy as np
import pytest

from decart_widget.rtc.room_pictures import RESUBSCRIBE_DELAY_S
from decart_widget.sandbox import Faults, Sandbox, serve
from tests.loopback.room_client import (
    HEIGHT,
    WIDTH,
    in_room,
    is_camera,
    is_grey,
    is_inverted,
    request_viewer_room,
    room_for,
    user_in,
)
from tests.loopback.sandbox_client import KEY, LIMIT, client


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with serve(api_key=KEY) as running:
        yield running


@pytest.fixture(autouse=True)
def _no_faults_left(sandbox: Sandbox) -> Iterator[None]:
    yield
    sandbox.faults = Faults()


@pytest.mark.parametrize("codec", ["h264", "vp8"])
async def test_the_first_picture_is_transformed_and_full_size(sandbox: Sandbox, codec: str) -> None:
    async with in_room(sandbox) as (control, user):
        await user.publish(codec)
        first = await user.next_pictures()
        assert first.shape == (HEIGHT, WIDTH, 3)
        assert is_grey(first)
        assert user.seen_of == "inference-server-1"
        (session,) = sandbox.stats()["sessions"]
        assert session["media"]["codecs"] == [codec]
        await control.wait_for("generation_started")
        await control.wait_for("generation_tick", seconds=1)


async def test_the_codec_of_the_transformed_video_can_be_requested(sandbox: Sandbox) -> None:
    async with in_room(sandbox, livekit_server_codec="vp8") as (_control, user):
        await user.publish("h264")
        await user.picture_that(is_grey)
        assert sandbox.stats()["sessions"][0]["media"]["codecs"] == ["vp8"]


async def test_a_track_without_simulcast_layers_is_full_size(sandbox: Sandbox) -> None:
    async with in_room(sandbox, prompt=None) as (_control, user):
        await user.publish(simulcast=False)
        await user.picture_that(is_camera)


async def test_a_client_that_subscribes_again_gets_the_picture_again(sandbox: Sandbox) -> None:
    async with in_room(sandbox) as (_control, user):
        subscribed = asyncio.Event()
        user.room.on("track_subscribed", lambda *_: subscribed.set())
        await user.publish()
        await user.picture_that(is_grey)
        (server,) = user.room.remote_participants.values()
        (publication,) = server.track_publications.values()
        for _ in range(2):
            subscribed.clear()
            publication.set_subscribed(False)
            await asyncio.sleep(RESUBSCRIBE_DELAY_S)
            publication.set_subscribed(True)
            async with asyncio.timeout(LIMIT):
                await subscribed.wait()
            await user.next_pictures(3)


async def test_a_change_of_prompt_changes_the_picture(sandbox: Sandbox) -> None:
    async with in_room(sandbox) as (control, user):
        await user.publish()
        await user.picture_that(is_grey)
        assert (await control.prompt("invert"))["success"]
        await user.picture_that(is_inverted)
        assert (await control.image(None, prompt=None))["success"]
        await user.picture_that(is_camera)


async def test_the_picture_takes_the_colours_of_an_image(sandbox: Sandbox) -> None:
    gold = np.full((64, 64, 3), (220, 170, 30), np.uint8)
    gold[::2] //= 2
    async with client(sandbox.realtime_base_url) as control:
        info = await room_for(control, prompt=None)
        assert (await control.image(gold, prompt=None))["success"]
        async with user_in(info) as user:
            await user.publish()

            def is_golden(picture: np.ndarray) -> bool:
                red, green, blue = picture.mean(axis=(0, 1))
                return bool(red > green + 15 and green > blue + 30)

            await user.picture_that(is_golden)


async def test_the_join_can_contain_the_initial_state(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as control:
        state = {"type": "prompt", "prompt": "greyscale", "enhance_prompt": False}
        await control.send("livekit_join", passthrough=False, initial_state=state)
        info = await control.wait_for("livekit_room_info")
        assert (await control.wait_for("prompt_ack", prompt="greyscale"))["success"]
        async with user_in(info) as user:
            await user.publish()
            assert is_grey(await user.next_pictures())


async def test_viewers_see_the_same_picture_which_is_encoded_once(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as control:
        info = await room_for(control)
        answer = await request_viewer_room(sandbox.base_url, info["room_name"])
        assert answer.json()["room_name"] == info["room_name"]
        async with user_in(info) as user, user_in(answer.json()) as early:
            await user.publish()
            await asyncio.gather(user.picture_that(is_grey), early.picture_that(is_grey))
            late = (await request_viewer_room(sandbox.base_url, info["room_name"])).json()
            async with user_in(late) as third:
                await third.picture_that(is_grey)
                assert third.seen_of == "inference-server-1"
                # Clients don't see each other.
                assert [p.identity for p in third.room.remote_participants.values()] == [
                    "inference-server-1"
                ]
                await control.prompt("invert")
                await asyncio.gather(*(u.picture_that(is_inverted) for u in (user, early, third)))
                media = sandbox.stats()["sessions"][0]["media"]
                assert media["codecs"] == ["h264"]
                assert len(media["participants"]) == 3
            # The others still get pictures after one has left.
            await asyncio.gather(user.next_pictures(10), early.next_pictures(10))


async def test_all_participants_hear_a_microphone_unchanged(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as control:
        info = await room_for(control)
        viewer_info = (await request_viewer_room(sandbox.base_url, info["room_name"])).json()
        async with user_in(info) as user, user_in(viewer_info) as early:
            await user.publish()
            await user.picture_that(is_grey)
            assert user.audio_frames == 0, "no audio is sent before a microphone is published"
            await user.speak(600)
            await asyncio.gather(user.hears(600), early.hears(600))
            late = (await request_viewer_room(sandbox.base_url, info["room_name"])).json()
            async with user_in(late) as third:
                await asyncio.gather(third.hears(600), third.picture_that(is_grey))
                media = sandbox.stats()["sessions"][0]["media"]
                assert media["sound"] > 10
            await user.next_pictures(5)


async def test_a_microphone_can_be_published_before_a_camera(sandbox: Sandbox) -> None:
    async with in_room(sandbox) as (_control, user):
        await user.speak(900)
        await user.hears(900)
        await user.publish()
        await user.picture_that(is_grey)
        await user.hears(900)


async def test_a_viewer_can_not_publish(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as control:
        info = await room_for(control)
        viewer_info = (await request_viewer_room(sandbox.base_url, info["room_name"])).json()
        async with user_in(info) as user, user_in(viewer_info) as viewer:
            await user.publish()
            await viewer.picture_that(is_grey)
            publishing = asyncio.ensure_future(viewer.publish())
            await viewer.event("disconnected")
            publishing.cancel()
            await asyncio.gather(publishing, return_exceptions=True)
            await user.next_pictures(10)


async def test_vp9_is_refused_with_a_reason(sandbox: Sandbox) -> None:
    async with in_room(sandbox) as (control, user):
        publishing = asyncio.ensure_future(user.publish("vp9", simulcast=False))
        error = await control.wait_for("error")
        assert "VP9" in error["error"]
        assert "H.264" in error["error"]
        await user.event("disconnected")
        publishing.cancel()
        await asyncio.gather(publishing, return_exceptions=True)
        # The session continues: another client can join its room.
        assert (await control.prompt("sepia"))["success"]


async def test_a_second_holder_of_a_token_replaces_the_first_one(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as control:
        info = await room_for(control)
        async with user_in(info) as first:
            await first.publish()
            await first.picture_that(is_grey)
            async with user_in(info) as second:
                await first.event("disconnected")
                await second.publish()
                await second.picture_that(is_grey)
                kinds = [message["type"] for message in control.messages]
                assert "generation_ended" not in kinds


async def test_the_room_is_closed_with_its_session(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as control:
        info = await room_for(control)
        async with user_in(info) as user:
            await user.publish()
            await user.picture_that(is_grey)
            await control.close()
            await user.event("disconnected")


async def test_leaving_the_room_ends_generation(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as control:
        info = await room_for(control)
        async with user_in(info) as user:
            await user.publish()
            await user.picture_that(is_grey)
        assert (await control.wait_for("generation_ended"))["reason"] == "media_lost"
        assert (await control.prompt("sepia"))["success"]


async def test_a_session_with_a_room_accepts_no_offer_and_no_second_join(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as control:
        await room_for(control)
        await control.send("offer", sdp="v=0")
        assert "room" in (await control.wait_for("error"))["error"]
        await control.send("livekit_join", passthrough=True)
        assert "already" in (await control.wait_for("error"))["error"]
