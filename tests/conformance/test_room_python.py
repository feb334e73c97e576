"""Python clients work with the sandbox's rooms as they do with the service's.

PyPI's ``decart[realtime]`` 0.2.4, Decart's current client, and LiveKit's client, ``livekit`` 1.2.1,
alone.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from decart_widget.sandbox import Sandbox
from tests.conformance.clients import HERE, interpreter, run_client, stats_until

RunClient = Callable[[str, str], Awaitable[dict[str, Any]]]

both = pytest.mark.parametrize("client", ["sdk", "livekit"])


@pytest.fixture(scope="module")
def python() -> Path:
    return interpreter(decart="0.2.4", livekit="1.2.1")


@pytest.fixture
def run(python: Path, sandbox: Sandbox) -> RunClient:
    """Runs a scenario of room_client.py and waits until the sandbox has no session."""

    async def run(client: str, scenario: str) -> dict[str, Any]:
        urls = [sandbox.base_url, sandbox.realtime_base_url]
        script: list[str | Path] = [python, HERE / "room_client.py", *urls, client, scenario]
        seen = await run_client(script, sandbox)
        await stats_until(sandbox, lambda stats: stats["sessions"] == [])
        return seen

    return run


@both
async def test_whole_session(run: RunClient, client: str) -> None:
    seen = await run(client, "whole_session")
    assert seen["first_colourfulness"] < 6, "the first frame is already transformed"
    red, green, _ = seen["inverted"]
    assert green > red + 30
    red, green, blue = seen["sepia"]
    assert red > green > blue + 20
    assert "JPEG, PNG or WebP" in seen["refused"]
    assert seen["ticks"][:3] == [1, 2, 3]
    assert "generating" in seen["states"]
    assert "reconnecting" not in seen["states"] + seen["room"]
    assert seen["session_id"]
    assert seen["subscribe_token"]
    assert seen["after"] in ("disconnected", 0)


@both
async def test_passthrough(run: RunClient, client: str) -> None:
    red, green, blue = (await run(client, "passthrough"))["left"]
    assert abs(red - 200) + abs(green - 50) + abs(blue - 40) < 30


@both
async def test_a_dropped_signal_socket_is_resumed(run: RunClient, client: str) -> None:
    seen = await run(client, "dropped_signal_socket")
    assert seen["tracks"] == 1, "it was resumed, without another join"
    assert "disconnected" not in seen["states"], "the session continues"
    assert seen["colourfulness"] < 6, "the picture is still transformed"
    red, green, _ = seen["inverted"]
    assert green > red + 30, "the next prompt changes the picture"


async def test_a_dropped_control_socket_brings_a_new_session(run: RunClient) -> None:
    seen = await run("sdk", "dropped_control_socket")
    assert not seen["same"], "a new session with a new room"
    # This client doesn't send the prompt again, but asks for passthrough.
    assert seen["picture"] > 40


@both
async def test_a_viewer_sees_the_running_session(run: RunClient, client: str) -> None:
    assert (await run(client, "subscribe"))["colourfulness"] < 6
