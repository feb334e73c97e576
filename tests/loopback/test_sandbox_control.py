"""The control channel of the sandbox: every message of the protocol, and malformed ones."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from decart_widget.sandbox import Faults, Sandbox, serve
from tests.loopback.sandbox_client import KEY, client, png

PERMANENT = ("invalid api key", "not allowed", "session expired", "permission denied")


@pytest.fixture(scope="module")
def shared() -> Iterator[Sandbox]:
    with serve(api_key=KEY) as running:
        yield running


@pytest.fixture
def sandbox(shared: Sandbox) -> Iterator[Sandbox]:
    yield shared
    shared.faults = Faults()


def mint(sandbox: Sandbox, body: object = None, key: str | None = KEY) -> httpx.Response:
    headers = {} if key is None else {"x-api-key": key}
    with httpx.Client(trust_env=False) as http:
        url = f"{sandbox.base_url}/v1/client/tokens"
        return http.post(url, json={} if body is None else body, headers=headers)


# --- a session ------------------------------------------------------------------------------------


async def test_a_session_gets_the_services_messages(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        assert (await user.wait_for("status"))["status"].lower() == "ready"
        text = "a  prompt with, Ünïcode 🎨 and spaces "
        ack = await user.prompt(text)
        assert ack == {"type": "prompt_ack", "prompt": text, "success": True, "error": None}
        await user.start_video()
        named = next(m for m in user.messages if m["type"] == "session_id")
        assert isinstance(named["session_id"], str)
        assert named["server_ip"] == "127.0.0.1"
        assert named["server_port"] == int(sandbox.base_url.rpartition(":")[2])
        await user.picture()
        await user.wait_for("generation_started")
        ticks = [await user.wait_for("generation_tick") for _ in range(2)]
        assert [tick["seconds"] for tick in ticks] == [1, 2]
        assert all(isinstance(tick["seconds"], int) for tick in ticks)
    assert not {"ready", "ice-candidate"} & {m["type"] for m in user.messages}


async def test_the_answer_contains_loopback_candidates_and_a_start_bitrate(
    sandbox: Sandbox,
) -> None:
    async with client(sandbox.realtime_base_url) as user:
        await user.start_video()
        sdp = next(m["sdp"] for m in user.messages if m["type"] == "answer")
    lines = sdp.splitlines()
    candidates = [line for line in lines if line.startswith("a=candidate:")]
    assert candidates
    assert all(" 127.0.0.1 " in line for line in candidates), "no packet may leave the machine"
    assert "a=end-of-candidates" in lines
    assert "a=sendrecv" in lines
    assert "x-google-start-bitrate=3000" in sdp


async def test_an_unknown_model_name_gets_the_default_picture_size(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url, model="no such model!") as user:
        await user.start_video()
        await user.picture()


async def test_nothing_is_billed_before_a_frame(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        await user.prompt("sepia")
        await user.start_video()
        assert not any(m["type"].startswith("generation") for m in user.messages)


async def test_images_are_checked(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        for data, reason in (
            ("not base64 !", "base64"),
            ("data:image/png;base64,AAAA", "data:"),
            ("AAAA", "JPEG, PNG or WebP"),
            ("A" * 14_000_000, "10 MB"),
            (png(np.zeros((9, 9, 3), np.uint8))[:80], "cut off"),
        ):
            ack = await user.image(data, prompt="sepia")
            assert ack["success"] is False
            assert reason in ack["error"], ack
        assert sandbox.stats()["sessions"][0]["effect"] is None, (
            "a refused image must not change the effect"
        )
        assert (await user.image(np.zeros((9, 9, 3), np.uint8), prompt="sepia"))["success"]
        assert sandbox.stats()["sessions"][0]["effect"] == "sepia"


async def test_file_references_are_refused_with_a_reason(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        await user.send("set_image", image_ref="file_123")
        ack = await user.wait_for("set_image_ack")
        assert not ack["success"]
        assert "image_data" in ack["error"]


async def test_prompts_are_checked(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        assert not (await user.prompt("  "))["success"]
        assert "longer" in (await user.prompt("x" * 20_000))["error"]
        await user.send("prompt", prompt=7)
        assert not (await user.wait_for("prompt_ack"))["success"]


async def test_an_image_without_a_prompt_keeps_the_prompt(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        await user.prompt("sepia")
        await user.image(np.zeros((9, 9, 3), np.uint8))
        assert sandbox.stats()["sessions"][0]["effect"] == "sepia"
        await user.image(None, prompt=None)
        assert sandbox.stats()["sessions"][0]["effect"] is None


async def test_malformed_messages_do_not_end_the_session(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        for malformed in ("{", "[" * 50_000, b"\x00\x01", ""):
            await user.socket.send(malformed)
            error = await user.wait_for("error")
            assert not any(word in error["error"].lower() for word in PERMANENT)
        for ignored in (
            "null",
            "[1]",
            '"prompt"',
            "{}",
            '{"type": ["prompt"]}',
            '{"type": "weather"}',
            '{"type": "ice-candidate", "candidate": {"candidate": "candidate:x"}}',
            '{"type": "ice-candidate", "candidate": {"candidate": 5, "sdpMid": 5}}',
            '{"type": "ice-candidate", "candidate": "x"}',
            '{"type": "ice-candidate", "candidate": null}',
        ):
            await user.socket.send(ignored)
        for sdp in (None, "", "nonsense", "v=0\r\n", "v=0\r\nm=video 9 X 1\r\n"):
            await user.send("offer", sdp=sdp)
            assert "offer" in (await user.wait_for("error"))["error"].lower()
        assert (await user.prompt("sepia"))["success"]
        await user.start_video()
        await user.picture()


async def test_a_message_over_the_limit_closes_with_1009(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        await user.send("set_image", image_data="A" * (17 * 1024 * 1024))
        code, _ = await user.closed()
        assert code == 1009


async def test_a_flood_closes_with_1008(sandbox: Sandbox) -> None:
    async with client(sandbox.realtime_base_url) as user:
        for _ in range(600):
            await user.socket.send("{}")
        code, reason = await user.closed()
        assert (code, reason) == (1008, "too many messages")


# --- keys and tokens ------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["", "dct_", "dct_local", "nonsense", "ek_nonsense", "ek_e30=.00"])
async def test_an_invalid_key_is_refused_with_4401(sandbox: Sandbox, key: str) -> None:
    async with client(sandbox.realtime_base_url, api_key=key) as user:
        error = await user.receive()
        assert error["type"] == "error"
        assert "invalid api key" in error["error"].lower()
        assert (await user.closed())[0] == 4401


async def test_with_a_key_set_no_other_is_valid() -> None:
    with serve(api_key="dct_mine") as sandbox:
        assert "dct_mine" not in repr(sandbox)
        assert mint(sandbox, key="dct_other").status_code == 401
        async with client(sandbox.realtime_base_url, api_key="dct_other") as user:
            assert (await user.closed())[0] == 4401
        token = mint(sandbox, key="dct_mine").json()["apiKey"]
        async with client(sandbox.realtime_base_url, api_key=token) as user:
            assert (await user.prompt("sepia"))["success"]


def test_client_tokens_are_made_over_http(sandbox: Sandbox) -> None:
    assert mint(sandbox, key="nonsense").status_code == 401
    assert mint(sandbox, key=None).status_code == 401
    answer = mint(sandbox, {"expiresIn": 30, "allowedModels": ["lucy-2.1"]})
    assert answer.status_code == 200
    minted = answer.json()
    assert minted["apiKey"].startswith("ek_")
    assert minted["permissions"] == {"models": ["lucy-2.1"]}
    assert mint(sandbox, key=minted["apiKey"]).status_code == 403
    bodies: list[Any] = [
        {"expiresIn": 0},
        {"allowedModels": "all"},
        [],
        {"constraints": {"realtime": 3}},
    ]
    for body in bodies:
        assert mint(sandbox, body).status_code == 422, body


async def test_a_token_is_valid_for_its_models_only(sandbox: Sandbox) -> None:
    token = mint(sandbox, {"allowedModels": ["lucy-2.1"]}).json()["apiKey"]
    async with client(sandbox.realtime_base_url, api_key=token, model="lucy-2.1") as user:
        assert (await user.prompt("sepia"))["success"]
    async with client(sandbox.realtime_base_url, api_key=token, model="lucy-2.5") as user:
        assert "not allowed" in (await user.receive())["error"]
        assert (await user.closed())[0] == 4403


async def test_a_session_ends_after_its_tokens_session_duration(sandbox: Sandbox) -> None:
    body = {"constraints": {"realtime": {"maxSessionDuration": 10}}}
    token = mint(sandbox, body).json()["apiKey"]
    async with client(sandbox.realtime_base_url, api_key=token) as user:
        await user.start_video()
        await user.picture()
        ended = await user.wait_for("generation_ended", 15)
        assert ended["reason"]
        assert "session expired" in (await user.wait_for("error"))["error"].lower()
        await user.closed()


# --- access check ---------------------------------------------------------------------------


FOREIGN = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost.evil.example"},
]
OURS: list[dict[str, str]] = [
    {},
    {"Origin": "http://localhost:8888"},
    {"Origin": "http://127.0.0.1:8888"},
    {"Origin": "http://[::1]:8888"},
]


def test_pages_of_other_machines_are_refused_over_http(sandbox: Sandbox) -> None:
    with httpx.Client(trust_env=False, base_url=sandbox.base_url) as http:
        for headers in [*FOREIGN, {"Host": "rebound.example"}]:
            assert http.get("/", headers=headers).status_code == 403
        for headers in OURS:
            assert http.get("/", headers=headers).status_code == 200


async def test_pages_of_other_machines_are_refused_on_the_socket(sandbox: Sandbox) -> None:
    for headers in FOREIGN:
        with pytest.raises(InvalidStatus) as refused:
            async with client(sandbox.realtime_base_url, headers=headers):
                pass
        assert refused.value.response.status_code == 403
    for headers in OURS:
        async with client(sandbox.realtime_base_url, headers=headers) as user:
            assert (await user.prompt("sepia"))["success"]


async def test_a_rebound_host_name_is_refused_on_the_socket(sandbox: Sandbox) -> None:
    port = int(sandbox.base_url.rpartition(":")[2])
    url = f"ws://rebound.example:{port}/v1/stream?api_key={KEY}"
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, host="127.0.0.1", port=port, proxy=None)
    assert refused.value.response.status_code == 403


def test_other_paths_and_methods_are_refused(sandbox: Sandbox) -> None:
    with httpx.Client(trust_env=False, base_url=sandbox.base_url) as http:
        assert http.get("/nowhere").status_code == 404
        assert http.get("/v1/client/tokens").status_code == 405
        assert http.get("/v1/stream").status_code == 404
        assert http.post("/v1/client/tokens", content=b"x" * 100_000).status_code == 413
        assert http.post("/v1/client/tokens", content=iter([b"{}"])).status_code == 411
        assert http.get("/", headers={"x": "y" * 20_000}).status_code == 431


async def test_sockets_on_other_paths_are_refused(sandbox: Sandbox) -> None:
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{sandbox.realtime_base_url}/v2/other", proxy=None)
    assert refused.value.response.status_code == 404


async def test_bytes_that_are_no_http_are_refused_with_400(sandbox: Sandbox) -> None:
    port = int(sandbox.base_url.rpartition(":")[2])
    for nonsense in (b"\x16\x03\x01\x02\x00\r\n\r\n", b"GET\r\n\r\n", b"GET / HTTP/9\r\n\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(nonsense)
        assert b" 400 " in await reader.readline()
        writer.close()
    async with client(sandbox.realtime_base_url) as user:
        assert (await user.prompt("sepia"))["success"]
