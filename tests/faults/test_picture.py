"""Socket and state are well, but the picture isn't: what a watchdog is for."""

from __future__ import annotations

import pytest

from decart_widget.sandbox import Sandbox

from .conftest import Begin, Measured
from .scene import TRANSPORTS

both = pytest.mark.parametrize("transport", TRANSPORTS)


@both
@pytest.mark.fault("media-dead")
async def test_the_services_media_vanishes_without_a_word(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    since = scene.breaks(dead_peer_after_s=0)
    measured(await scene.recovers(since), transport)
    await scene.stops()


@both
@pytest.mark.fault("picture-frozen")
async def test_the_picture_freezes(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    since = scene.breaks(freeze_after_s=0)
    measured(await scene.recovers(since), transport)
    await scene.stops()
