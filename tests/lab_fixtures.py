"""JupyterLab for the layers that run a browser; a plugin that `conftest.py` names.

The packages of JupyterLab are imported when it is used: some environments of tests lack them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tools.lab import LabServer


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
