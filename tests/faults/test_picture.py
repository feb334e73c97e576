"""The picture stops, freezes or turns black while the connection stays up."""

from __future__ import annotations

import threading
import time
from typing import Any, Final

import numpy as np
import pytest

from decart_widget.sandbox import Faults, Sandbox, serve
from tests.faults.conftest import Begin, Measured
from tests.faults.scene import SECOND, TRANSPORTS, eventually

SEEN: Final = """
(state) => {
  Object.defineProperty(document, 'visibilityState', {get: () => state, configurable: true});
  Object.defineProperty(document, 'hidden', {get: () => state !== 'visible', configurable: true});
  document.dispatchEvent(new Event('visibilitychange'));
}
"""
"""Simulates a hidden tab, which a headless browser does not have."""

both = pytest.mark.parametrize("transport", TRANSPORTS)


@both
@pytest.mark.fault("media-dead")
async def test_the_services_media_stops_without_notice(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    since = scene.inject(dead_peer_after_s=0)
    measured(await scene.recovers(since), transport)
    await scene.stop()


@both
@pytest.mark.fault("picture-frozen")
async def test_the_picture_freezes(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    since = scene.inject(freeze_after_s=0)
    measured(await scene.recovers(since), transport)
    await scene.stop()


@both
@pytest.mark.fault("picture-black")
async def test_the_picture_turns_black(begin: Begin, measured: Measured, transport: str) -> None:
    dark = threading.Event()

    def transform(frame: Any, prompt: str | None, _image: Any) -> Any:
        if dark.is_set():
            return np.zeros_like(frame)
        grey = np.repeat(frame.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
        return grey if prompt == SECOND else 255 - frame

    with serve(transform) as sandbox:
        scene = await begin(sandbox, transport)
        since = time.time()
        dark.set()
        await scene.view.wait_attribute("data-state", "reconnecting")
        dark.clear()
        measured(await scene.recovers(since), transport)
        await scene.stop()


@both
@pytest.mark.fault("page-hidden")
async def test_the_page_is_hidden_for_a_while(
    begin: Begin, sandbox: Sandbox, measured: Measured, transport: str
) -> None:
    scene = await begin(sandbox, transport)
    await scene.page.evaluate(SEEN, "hidden")
    scene.inject(freeze_after_s=0)  # as browsers do that stop decoding in hidden tabs
    before = scene.sessions()[0]["seconds"]
    await eventually(lambda: scene.sessions()[0]["seconds"] >= before + 6, "the session goes on")
    sandbox.faults = Faults()
    since = time.time()
    await scene.page.evaluate(SEEN, "visible")
    measured(await scene.recovers(since, attempt=1), transport)
    assert await scene.notebook.execute("w._controller.attempt") == "1", "still the first attempt"
    await scene.stop()
