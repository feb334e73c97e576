"""Services whose rooms are on a real LiveKit server, for the layers that have a browser.

With ``DECART_WIDGET_TEST_ROOMS=livekit`` in the environment the rooms of every service are
there: of those that a test starts with `decart_widget.sandbox.serve` (`tests/conftest.py`), and of
those that JupyterLab's kernels start for ``endpoint="sandbox"`` (`tests/lab_fixtures.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

from decart_widget.sandbox import Sandbox, local, serve
from decart_widget.sandbox.rooms.livekit_api import LiveKitServer
from decart_widget.sandbox.server import SandboxServer
from tools.livekit import LiveKitProcess


@contextmanager
def services_on(server: LiveKitProcess) -> Iterator[None]:
    """Until it is left, `serve` makes services whose rooms are on that server.

    A service with a function of the test keeps its own rooms: there it would not be called.
    """
    address = LiveKitServer(server.url, server.key, server.secret)

    def make(transform: Any, **options: Any) -> SandboxServer:
        livekit = address if transform is None else None
        return SandboxServer(transform, livekit=livekit, **options)

    with mock.patch.object(local, "SandboxServer", make):
        yield


def kernel_startup(server: LiveKitProcess) -> str:
    """Code for a kernel, whose ``endpoint="sandbox"`` then has its rooms on that server."""
    # As arguments: a child doesn't inherit LiveKit's variables.
    more = ["--livekit", server.url, "--livekit-key", server.key, "--livekit-secret", server.secret]
    return f"""
def _children_on_livekit():
    from decart_widget.sandbox import child

    start = child.PythonChild
    child.PythonChild = lambda module, arguments: start(module, [*arguments, *{more!r}])

_children_on_livekit()
"""


@contextmanager
def rooms_on(server: LiveKitProcess) -> Iterator[Sandbox]:
    """A service whose rooms are on that server."""
    with services_on(server), serve() as running:
        yield running
