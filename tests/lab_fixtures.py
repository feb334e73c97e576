"""JupyterLab for the layers that run a browser; a plugin that `conftest.py` names.

The packages of JupyterLab are imported when it is used: some environments of tests lack them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import pytest

if TYPE_CHECKING:
    from tools.lab import LabServer


LONG_RELOADS: Final = """
from decart_widget.page import pages
pages.PAGEHIDE_GRACE_S = pages.HEARTBEAT_TIMEOUT_S = 300.0
"""
"""First lines of a cell: its kernel waits 300 s for a page that is being loaded again.

On a busy machine JupyterLab takes longer than the 10 s and 20 s that a kernel waits otherwise. How
a session ends whose page was silent for too long is tested in tests/pure/page.
"""


@pytest.fixture(scope="session")
def lab_server(request: pytest.FixtureRequest) -> Iterator[LabServer]:
    """One JupyterLab for the session; use `lab`, which leaves no kernel behind."""
    from tests.conftest import ROOMS_ON_LIVEKIT
    from tests.rooms import kernel_startup
    from tools.lab import LabServer

    # Notebooks are saved with their widgets' state, so that tests see what a file can hold.
    settings = {"@jupyter-widgets/jupyterlab-manager/plugin": {"saveState": True}}
    startup = kernel_startup(request.getfixturevalue("livekit")) if ROOMS_ON_LIVEKIT else ""
    with LabServer(settings=settings, startup=startup) as server:
        yield server


@pytest.fixture
def lab(lab_server: LabServer) -> Iterator[LabServer]:
    """The shared JupyterLab; the kernels that a test started end with it."""
    yield lab_server
    lab_server.end_kernels()
