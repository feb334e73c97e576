"""Who can join a room, and why others are refused."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from typing import Any

import httpx
import pytest
from livekit.protocol import models, rtc
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from decart_widget.sandbox import Faults, Sandbox, serve
from decart_widget.sandbox.rooms.tokens import RoomKeys
from tests.loopback.room_client import is_grey, request_viewer_room, room_for, user_in, validate
from tests.loopback.sandbox_client import KEY, LIMIT, Client, client

MALFORMED_CANDIDATES = [
    '{"candidate": "candidate:1 1 tcp"}',
    '{"candidate": "candidate:1 9 udp 1 192.0.2.1 9 typ host"}',
    '{"candidate": "candidate:1 1 udp 1 192.0.2.1 9 typ host", "sdpMid": "x"}',
    '{"candidate": "candidate:1 1 udp 1 nowhere 9 typ host", "sdpMLineIndex": 99}',
    '{"candidate": {"a": 1}, "sdpMLineIndex": "x"}',
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with serve(api_key=KEY) as running:
        yield running


@pytest.fixture
async def control(sandbox: Sandbox) -> AsyncIterator[Client]:
    async with client(sandbox.realtime_base_url) as connected:
        yield connected


async def refusal(sandbox: Sandbox, token: str) -> str:
    """The reason why a client with this token is refused; checks that `validate` refuses it too."""
    with pytest.raises(InvalidStatus) as refused:
        async with connect(f"{sandbox.realtime_base_url}/rtc?access_token={token}", proxy=None):
            pass
    assert refused.value.response.status_code == 401, "after a 401 clients don't try again"
    for path in ("/rtc/v1/validate", "/rtc/validate"):
        answer = await validate(sandbox.base_url, token, path)
        assert answer.status_code == 401
        assert answer.headers["access-control-allow-origin"] == "*"
    return answer.text


async def test_invalid_tokens_are_refused_without_effect_on_the_participants(
    sandbox: Sandbox, control: Client
) -> None:
    keys: RoomKeys = sandbox._server._rooms.keys
    info = await room_for(control)
    good = info["token"]
    async with user_in(info) as user:
        await user.publish()
        await user.picture_that(is_grey)
        grant = keys.read(good, time.time())

        head, body, signature = good.split(".")
        forged = f"{head}.{body[:-2]}{'AA' if body[-2:] != 'AA' else 'BB'}.{signature}"
        assert "signature" in await refusal(sandbox, forged)
        other_server = RoomKeys(keys.key).sign(grant)
        assert "signature" in await refusal(sandbox, other_server)
        assert "expired" in await refusal(sandbox, keys.sign(replace(grant, expires=1.0)))
        later = keys.sign(replace(grant, issued=time.time() + 600))
        assert "not valid yet" in await refusal(sandbox, later)
        another_room = keys.sign(replace(grant, room="room-of-somebody-else"))
        assert "room" in await refusal(sandbox, another_room)
        assert "no room token" in await refusal(sandbox, "")
        assert (await validate(sandbox.base_url, good)).status_code == 200

        assert user.events == []
        await user.next_pictures(5)
    kinds = [message["type"] for message in control.messages]
    assert "error" not in kinds


async def test_a_token_for_one_room_joins_no_other(sandbox: Sandbox, control: Client) -> None:
    async with client(sandbox.realtime_base_url) as other:
        first_info, other_info = await room_for(control), await room_for(other)
        async with user_in(other_info) as user:
            await user.publish()
            await user.picture_that(is_grey)
            # With the token for the first room, only that room is joined, which has no picture.
            async with user_in(first_info) as first:
                assert first.room.name == first_info["room_name"]
                await user.next_pictures(10)
                assert first.pictures == 0


async def test_a_token_is_void_when_its_session_has_ended(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as control:
        info = await room_for(control)
        assert (await validate(sandbox.base_url, info["token"])).status_code == 200
    async with asyncio.timeout(LIMIT):
        while (await validate(sandbox.base_url, info["token"])).status_code == 200:
            await asyncio.sleep(0.02)
    assert "closed" in await refusal(sandbox, info["token"])
    answer = await request_viewer_room(sandbox.base_url, info["room_name"])
    assert answer.status_code == 404
    assert "ended" in answer.json()["error"]


async def test_participants_get_a_new_token_before_theirs_expires(sandbox: Sandbox) -> None:
    sandbox.faults = Faults(room_token_s=2.0)
    try:
        async with client(sandbox.realtime_base_url) as control:
            info = await room_for(control)
            async with signal(info) as socket:
                await reply(socket, "join")
                token: rtc.SignalResponse | None = None
                async with asyncio.timeout(LIMIT):
                    while token is None:
                        await ask(socket, ping_req=rtc.Ping(timestamp=1))
                        await ask(socket, ping=1)
                        token = (await replies(socket, until="pong")).get("refresh_token")
                        await asyncio.sleep(0.05)
                assert token.refresh_token != info["token"]
                assert (await validate(sandbox.base_url, token.refresh_token)).is_success
    finally:
        sandbox.faults = Faults()


async def test_viewers_need_a_valid_key(sandbox: Sandbox, control: Client) -> None:
    name = (await room_for(control))["room_name"]
    assert (await request_viewer_room(sandbox.base_url, name, "nonsense")).status_code == 401
    assert (await request_viewer_room(sandbox.base_url, name, "")).status_code == 401
    async with httpx.AsyncClient() as http:
        minted = await http.post(
            f"{sandbox.base_url}/v1/client/tokens",
            headers={"x-api-key": KEY},
            json={"allowedModels": ["lucy-2.1"]},
        )
        wrong_model = await request_viewer_room(sandbox.base_url, name, minted.json()["apiKey"])
        assert wrong_model.status_code == 403
        minted = await http.post(f"{sandbox.base_url}/v1/client/tokens", headers={"x-api-key": KEY})
        assert (
            await request_viewer_room(sandbox.base_url, name, minted.json()["apiKey"])
        ).is_success
        response = await http.get(f"{sandbox.base_url}/watch-stream/{name}")
        assert response.status_code == 405
        # The CORS preflight of a page that sends the header with the key.
        response = await http.options(f"{sandbox.base_url}/watch-stream/{name}")
        assert response.is_success
        assert response.headers["access-control-allow-headers"] == "*"


async def test_a_room_admits_ten_participants(sandbox: Sandbox, control: Client) -> None:
    info = await room_for(control)
    sockets = []
    try:
        for _ in range(10):
            viewer_info = (await request_viewer_room(sandbox.base_url, info["room_name"])).json()
            sockets.append(await open_signal(viewer_info))
            await reply(sockets[-1], "join")
        viewer_info = (await request_viewer_room(sandbox.base_url, info["room_name"])).json()
        async with signal(viewer_info) as eleventh:
            refused = await reply(eleventh, "leave")
            assert refused.leave.reason == models.DisconnectReason.JOIN_FAILURE
            await eleventh.wait_closed()
            assert eleventh.close_reason == "the room is full"
    finally:
        for socket in sockets:
            await socket.close()


async def test_a_malformed_message_ends_only_the_participant_that_sent_it(
    sandbox: Sandbox, control: Client
) -> None:
    info = await room_for(control)
    async with user_in(info) as user:
        await user.publish()
        await user.picture_that(is_grey)
        for malformed in (
            b"\xff\xff\xff\xff",
            message(offer=rtc.SessionDescription(type="offer", sdp="junk", id=1)),
            message(offer=rtc.SessionDescription(type="offer", sdp="m=" * 40, id=1)),
            message(answer=rtc.SessionDescription(type="answer", sdp="junk", id=1)),
            message(add_track=rtc.AddTrackRequest(cid="x", type=models.TrackType.VIDEO)),
        ):
            viewer_info = (await request_viewer_room(sandbox.base_url, info["room_name"])).json()
            async with signal(viewer_info) as socket:
                await reply(socket, "join")
                await socket.send(malformed)
                await reply(socket, "leave")
                await asyncio.wait_for(socket.wait_closed(), LIMIT)
        async with signal(viewer_info) as socket:
            await reply(socket, "join")
            for candidate in ("", "junk", "{}", "[]", *MALFORMED_CANDIDATES):
                await ask(socket, trickle=rtc.TrickleRequest(candidateInit=candidate))
            await socket.send("text")
            await ask(socket, ping=7)
            assert (await reply(socket, "pong")).pong == 7
        await user.next_pictures(5)
        assert user.events == []


async def test_a_flood_of_messages_closes_the_socket(sandbox: Sandbox, control: Client) -> None:
    viewer_info = await room_for(control)
    async with signal(viewer_info) as socket:
        with contextlib.suppress(ConnectionClosed):
            for _ in range(2000):
                await ask(socket, ping=1)
        with contextlib.suppress(ConnectionClosed):
            async with asyncio.timeout(LIMIT):
                while True:
                    await socket.recv()
        assert socket.close_code == 1008


@pytest.mark.parametrize("query", ["join_request=junk!", "join_request=AAAA", ""])
async def test_a_malformed_join_request_closes_the_signal_socket(
    sandbox: Sandbox, control: Client, query: str
) -> None:
    info = await room_for(control)
    url = f"{sandbox.realtime_base_url}/rtc/v1?access_token={info['token']}&{query}"
    async with connect(url, proxy=None) as socket:
        if query:
            await asyncio.wait_for(socket.wait_closed(), LIMIT)
            assert socket.close_code == 1008
        else:
            await reply(socket, "join")


async def test_tokens_and_keys_are_not_logged(
    sandbox: Sandbox, control: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    info = await room_for(control)
    async with user_in(info) as user:
        await user.publish()
        await user.picture_that(is_grey)
    records = [r for r in caplog.records if r.name.startswith("decart_widget")]
    assert info["token"] not in json.dumps([r.getMessage() for r in records])
    assert "secret" not in repr(sandbox._server._rooms.keys).lower()


async def test_a_client_that_mutes_is_not_told_to_mute(control: Client) -> None:
    """As on a LiveKit server; a client obeys by muting, and says so: an endless exchange."""
    async with signal(await room_for(control)) as socket:
        await reply(socket, "join")
        await ask(socket, mute=rtc.MuteTrackRequest(sid="TR_camera", muted=True))
        await ask(socket, ping=1)
        assert "mute" not in await replies(socket, until="pong")


# --- signal sockets without a client --------------------------------------------------------------


async def open_signal(info: dict[str, Any]) -> ClientConnection:
    url = f"{info['livekit_url']}/rtc?access_token={info['token']}"
    return await connect(url, proxy=None)


class signal:  # noqa: N801
    def __init__(self, info: dict[str, Any]) -> None:
        self._info = info

    async def __aenter__(self) -> ClientConnection:
        self._socket = await open_signal(self._info)
        return self._socket

    async def __aexit__(self, *_: object) -> None:
        await self._socket.close()


def message(**fields: Any) -> bytes:
    return rtc.SignalRequest(**fields).SerializeToString()


async def ask(socket: ClientConnection, **fields: Any) -> None:
    await socket.send(message(**fields))


async def reply(socket: ClientConnection, kind: str) -> rtc.SignalResponse:
    """The next message of this kind."""
    return (await replies(socket, until=kind))[kind]


async def replies(socket: ClientConnection, until: str) -> dict[str, rtc.SignalResponse]:
    """The messages up to the first one of the kind ``until``, by their kinds."""
    received: dict[str, rtc.SignalResponse] = {}
    async with asyncio.timeout(LIMIT):
        while until not in received:
            raw = await socket.recv()
            assert isinstance(raw, bytes)
            response = rtc.SignalResponse.FromString(raw)
            received[str(response.WhichOneof("message"))] = response
    return received
