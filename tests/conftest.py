"""Each test belongs to a layer, named by its folder; layers run fastest first."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from tools.livekit import LiveKitProcess

pytest_plugins = ["tests.lab_fixtures"]

TESTS: Final = Path(__file__).parent

LAYERS: Final = {
    "pure": 120,
    "loopback": 180,
    "engine": 180,
    "explore": 300,
    "kernel": 180,
    "notebooks": 300,
    "browser": 300,
    "firefox": 300,
    "conformance": 300,
    "packaging": 900,
    "faults": 300,
}
"""Layer (folder and marker) -> timeout of a test, in seconds; layers run in this order.

A timeout ends a test that hangs. It is ten times what the slowest test takes on an idle machine, so
that a busy machine never reaches it.
"""

ROOMS_ON_LIVEKIT: Final = os.environ.get("DECART_WIDGET_TEST_ROOMS") == "livekit"
"""Whether the rooms of every service are on a LiveKit server."""

TIMEOUT_FACTOR: Final = 2 if os.environ.get("COVERAGE_PROCESS_START") else 1
"""Measuring coverage makes Python code, as in a test with many examples, up to twice as slow."""


_exit_status = pytest.StashKey[int]()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    session.config.stash[_exit_status] = int(exitstatus)


@pytest.hookimpl(trylast=True)
def pytest_unconfigure(config: pytest.Config) -> None:
    """Ends the process at once if the package livekit was used.

    Its threads may panic while the interpreter ends (8 of 80 processes), which aborts the process
    and loses its exit status.
    """
    status = config.stash.get(_exit_status, None)
    if "livekit.rtc" not in sys.modules or status is None:
        return
    if "coverage" in sys.modules:
        from coverage import Coverage

        if (measured := Coverage.current()) is not None:
            measured.stop()
            measured.save()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(status)


def layer_of(item: pytest.Item) -> str:
    if not item.path.is_relative_to(TESTS):
        return "notebooks"
    return item.path.relative_to(TESTS).parts[0]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        layer = layer_of(item)
        if layer not in LAYERS:
            raise pytest.UsageError(
                f"{item.path} is in no layer: put it into one of tests/{{{','.join(LAYERS)}}}/"
            )
        item.add_marker(layer)
        if item.get_closest_marker("local_rooms") and ROOMS_ON_LIVEKIT:
            reason = "a LiveKit server can't be told to do that"
            item.add_marker(pytest.mark.skip(reason=reason))
        if "livekit" in getattr(item, "fixturenames", ()):
            item.add_marker("livekit")
        if item.get_closest_marker("timeout") is None:
            item.add_marker(pytest.mark.timeout(TIMEOUT_FACTOR * LAYERS[layer]))
    order = list(LAYERS)
    items.sort(key=lambda item: order.index(layer_of(item)))


@pytest.fixture(scope="session")
def livekit() -> Iterator[LiveKitProcess]:
    """A running LiveKit server, shared by the tests that neither stop nor configure it."""
    # Not at the top: JupyterLab's packages, which it needs, are not in the oldest environment.
    from tools.livekit import LiveKitProcess, UnavailableError

    try:
        server = LiveKitProcess()
    except UnavailableError as reason:
        pytest.skip(f"no LiveKit server: {reason}")
    with server:
        yield server


@pytest.fixture(scope="session", autouse=True)
def all_rooms_on_livekit(request: pytest.FixtureRequest) -> Iterator[None]:
    """Puts the rooms of every service on a LiveKit server where the environment says so."""
    if not ROOMS_ON_LIVEKIT:
        yield
        return
    from tests import rooms

    with rooms.services_on(request.getfixturevalue("livekit")):
        yield
