"""A session with a room of the sandbox, which LiveKit's own client joins."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest

from decart_widget.errors import AuthenticationError, RequestRejectedError, ServiceError
from decart_widget.inputs.secrets import Secret
from decart_widget.protocol.requests import PromptState
from decart_widget.protocol.states import ConnectionState
from decart_widget.sandbox import Faults, Sandbox, serve
from decart_widget.session.endpoints import parse_endpoint
from decart_widget.session.subscribe import Subscription, request_viewer_room
from tests.loopback.camera_peer import colourfulness
from tests.loopback.room_camera import RoomCamera
from tests.loopback.room_client import RoomUser
from tests.loopback.test_session import KEY, LIMIT, generating, running


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with serve(api_key=KEY) as running_sandbox:
        yield running_sandbox


def grey(picture: object) -> bool:
    return colourfulness(picture) < 8  # type: ignore[arg-type]


async def test_the_first_picture_is_transformed_and_full_size(sandbox: Sandbox) -> None:
    camera = RoomCamera()
    async with running(sandbox, PromptState("greyscale"), media=camera, transport="livekit") as run:
        picture = await camera.picture_that(lambda p: p.shape == (720, 1280, 3))
        assert grey(picture)
        await run.until(generating)
        assert run.session.machine.applied == PromptState("greyscale")
        assert run.session.machine.room_name == camera.rooms[0].room_name
        await run.until(lambda s: s.machine.generation_tick >= 1)


async def test_a_prompt_changes_the_picture(sandbox: Sandbox) -> None:
    camera = RoomCamera()
    async with running(sandbox, PromptState("greyscale"), media=camera, transport="livekit") as run:
        await run.until(generating)
        outcome = run.session.submit(PromptState("invert"), with_image=False)
        assert await asyncio.wait_for(outcome, LIMIT) == "applied"
        await camera.picture_that(lambda p: colourfulness(p) > 60)


async def test_without_a_prompt_the_picture_passes_through(sandbox: Sandbox) -> None:
    camera = RoomCamera()
    async with running(sandbox, PromptState(), media=camera, transport="livekit") as run:
        await run.until(generating)
        assert run.session.machine.applied == PromptState()
        await camera.picture_that(lambda p: p[100:200, 100:300].mean(axis=(0, 1))[0] > 150)


async def test_a_refused_first_prompt_ends_the_session(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(refuse_prompts="not nice")
    camera = RoomCamera()
    async with running(sandbox, PromptState("rude"), media=camera, transport="livekit") as run:
        await run.over()
        assert isinstance(run.session.error, RequestRejectedError)


async def test_a_dropped_control_socket_leads_to_a_new_room_with_the_applied_prompt_state(
    sandbox: Sandbox,
) -> None:
    camera = RoomCamera()
    async with running(sandbox, PromptState("invert"), media=camera, transport="livekit") as run:
        await run.until(generating)
        await asyncio.wait_for(
            run.session.submit(PromptState("greyscale"), with_image=False), LIMIT
        )
        sandbox.faults = Faults(drop_control_after_s=0.1, sessions=1)
        await run.until(lambda s: s.machine.state is ConnectionState.RECONNECTING)
        sandbox.faults = Faults()
        await run.until(lambda s: generating(s) and s.attempt == 2)
        await camera.picture_that(grey)
        assert len({room.room_name for room in camera.rooms}) == 2


async def test_viewers_can_subscribe_until_the_session_ends(sandbox: Sandbox) -> None:
    camera, endpoint, key = RoomCamera(), parse_endpoint(sandbox), Secret(KEY)
    async with running(sandbox, PromptState("greyscale"), media=camera, transport="livekit") as run:
        await run.until(generating)
        assert run.session.machine.room_name is not None
        token = Subscription(run.session.machine.room_name, endpoint).token()
        subscription = Subscription.parse(token)
        assert KEY not in token
        assert subscription.endpoint == endpoint
        with pytest.raises(AuthenticationError):
            await request_viewer_room(subscription, endpoint, Secret("dct_another_one"))
        room = await request_viewer_room(subscription, endpoint, key)
        assert room.token not in repr(room)
        viewer = RoomUser()
        try:
            await viewer.join({"livekit_url": room.url, "token": room.token})
            await viewer.picture_that(grey)
        finally:
            await viewer.close()
    with pytest.raises(ServiceError, match="over"):
        await request_viewer_room(subscription, endpoint, key)
