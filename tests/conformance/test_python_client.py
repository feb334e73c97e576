"""PyPI's ``decart[realtime]`` 0.0.40 works with the sandbox as it does with the service.

It uses offer and answer; `test_room_python.py` has its successor, which uses rooms.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from decart_widget.sandbox import ChildSandbox, start_child
from tests.conformance.clients import KEY, interpreter

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def python() -> Path:
    """The interpreter of the environment with the client."""
    return interpreter(decart="0.0.40")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[ChildSandbox]:
    with start_child(KEY) as child:
        yield child


@pytest.fixture
def run(python: Path, sandbox: ChildSandbox, request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the client saw in the scenario with the test's name."""
    scenario = request.node.name.removeprefix("test_")
    environment = {k: v for k, v in os.environ.items() if k != "DECART_API_KEY"}
    done = subprocess.run(
        [python, HERE / "sdk_client.py", sandbox.base_url, sandbox.realtime_base_url, scenario],
        capture_output=True,
        text=True,
        timeout=90,
        env=environment,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    seen = json.loads(done.stdout.splitlines()[-1])
    assert isinstance(seen, dict)
    return seen


def test_whole_session(run: dict[str, Any]) -> None:
    assert run["first_colourfulness"] < 6, "the first frame is already transformed"
    red, green, _ = run["inverted"]
    assert green > red + 30
    assert "JPEG, PNG or WebP" in run["refused"]
    assert run["ticks"][:3] == [1, 2, 3]
    assert run["state"] == "generating"
    assert run["session_id"]
    assert run["subscribe_token"], "needs server_ip and server_port as it wants them"
    assert "reconnecting" not in run["states"]
    assert run["after"] == "disconnected"


def test_passthrough(run: dict[str, Any]) -> None:
    red, green, blue = run["left"]
    assert abs(red - 200) + abs(green - 50) + abs(blue - 40) < 30
    assert run["permissions"] == {"models": ["lucy-2.1"]}


def test_wrong_key(run: dict[str, Any]) -> None:
    assert "invalid api key" in run["socket"].lower()
    assert run["http"] == 401
    assert run["sockets"] == 1, "no other attempt"
