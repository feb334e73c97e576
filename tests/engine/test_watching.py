"""Pictures for watchers, from a real worker and a session with the local server."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any

import av
import cv2
import numpy as np
import pytest

from decart_widget.engine.media import EngineMedia
from decart_widget.inputs.sources import marker
from decart_widget.sandbox import Sandbox
from tests.engine.conftest import running

FPS = 30


class Watcher:
    """Watches a session, and reads the marker in what it is shown."""

    def __init__(self, media: EngineMedia, codec: str) -> None:
        self.pictures: list[dict[str, Any]] = []
        self.markers: list[tuple[str, int | None, float | None]] = []
        self.codec = codec
        self._media = media
        self._decoders: dict[str, Any] = {}
        media.views.on_picture = self._take

    def watch(self, attempt: int, *streams: str, width: int = 0) -> None:
        self._decoders.clear()
        self._media.views.watch(
            "page", attempt, streams=streams, codec=self.codec, width=width, height=width
        )

    def _take(self, watcher: str, attempt: int, about: dict[str, Any], data: bytes) -> None:
        assert watcher == "page"
        self.pictures.append({**about, "attempt": attempt})
        stream = about["stream"]
        for luma in self._lumas(stream, data):
            self.markers.append((stream, marker.read(luma), about["at"]))
        self._media.views.shown(watcher, attempt, stream, about["number"])

    def _lumas(self, stream: str, data: bytes) -> list[Any]:
        if self.codec == "jpeg":
            return [cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE)]
        decoder = self._decoders.get(stream)
        if decoder is None:
            decoder = self._decoders[stream] = av.CodecContext.create("h264", "r")
            decoder.flags |= 0x80000  # AV_CODEC_FLAG_LOW_DELAY
            decoder.thread_count = 1
        frames = decoder.decode(av.Packet(data))
        return [frame.to_ndarray()[: frame.height] for frame in frames]

    def seen(self, stream: str) -> Callable[[], int]:
        return lambda: len([1 for own, number, _ in self.markers if own == stream and number])


@pytest.mark.parametrize("codec", ["h264", "jpeg"])
@pytest.mark.parametrize("transport", ["webrtc", "livekit"])
async def test_a_watcher_sees_what_is_sent_and_what_comes_back(
    sandbox: Sandbox, codec: str, transport: str
) -> None:
    async with running(sandbox, transport=transport) as run:
        watcher = Watcher(run.media, codec)
        await run.until(lambda: run.states and run.states[-1] == "generating")
        watcher.watch(run.session.attempt, "output", "input")
        await run.until(lambda: watcher.seen("output")() > 5 and watcher.seen("input")() > 5)
        assert {(p["width"], p["height"]) for p in watcher.pictures} == {(320, 180)}
        # The pattern's marker is the frame's number.
        for stream, number, at in watcher.markers:
            if stream == "input" and number is not None and at is not None:
                assert at == pytest.approx(number / FPS, abs=0.01)
        watcher.watch(run.session.attempt)
        before = len(watcher.pictures)
        await run.media.figures()  # what was on its way has arrived
        after = len(watcher.pictures)
        assert after - before <= 4


async def test_a_watcher_goes_on_after_the_worker_was_killed(sandbox: Sandbox) -> None:
    async with running(sandbox) as run:
        watcher = Watcher(run.media, "h264")
        await run.until(lambda: run.states and run.states[-1] == "generating")
        watcher.watch(run.session.attempt, "output", width=160)
        await run.until(lambda: len(watcher.pictures) > 3)
        assert watcher.pictures[0]["width"] == 160
        os.kill(run.media.pid, signal.SIGKILL)
        await run.until(lambda: "reconnecting" in run.states and run.states[-1] == "generating")
        count = len(watcher.pictures)
        watcher.watch(run.session.attempt, "output")
        await run.until(lambda: len(watcher.pictures) > count + 3)
        assert watcher.pictures[-1]["attempt"] == run.session.attempt > 1
        assert watcher.pictures[count]["key"]
