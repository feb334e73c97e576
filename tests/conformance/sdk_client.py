"""PyPI's ``decart`` 0.0.40 against a sandbox; run by the interpreter of its environment.

    python sdk_client.py BASE_URL REALTIME_BASE_URL SCENARIO

Each scenario prints a JSON object of what the client saw; `test_python_client.py` checks it.
Nothing of this project is imported.
"""

from __future__ import annotations

import asyncio
import fractions
import io
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from unittest import mock

import numpy as np
from aiohttp import ClientSession
from aiortc import MediaStreamTrack
from av import VideoFrame
from decart import (
    DecartClient,
    DecartSDKError,
    ModelState,
    Prompt,
    TokenCreateError,
    WebRTCError,
    models,
)
from decart.realtime import RealtimeClient, RealtimeConnectOptions, SetInput

WIDTH, HEIGHT, FPS = 320, 180, 20
LIMIT_S = 20.0


class Camera(MediaStreamTrack):
    """Red on the left, blue on the right."""

    kind = "video"

    def __init__(self) -> None:
        super().__init__()
        self._count = 0
        self._began = 0.0

    async def recv(self) -> VideoFrame:
        loop = asyncio.get_running_loop()
        self._began = self._began or loop.time()
        await asyncio.sleep(max(0.0, self._began + self._count / FPS - loop.time()))
        picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        picture[:, : WIDTH // 2] = (200, 50, 40)
        picture[:, WIDTH // 2 :] = (40, 60, 200)
        frame = VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts, frame.time_base = self._count, fractions.Fraction(1, FPS)
        self._count += 1
        return frame


class Viewer:
    """Keeps the newest picture of the received track."""

    def __init__(self) -> None:
        self.first: np.ndarray | None = None
        self.picture: np.ndarray | None = None
        self._came = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def __call__(self, track: MediaStreamTrack) -> None:
        self._task = asyncio.create_task(self._receive(track))

    async def _receive(self, track: MediaStreamTrack) -> None:
        while True:
            frame = await track.recv()
            assert isinstance(frame, VideoFrame)
            self.picture = frame.to_ndarray(format="rgb24")
            self.first = self.picture if self.first is None else self.first
            self._came.set()

    async def until(self, seen: Callable[[np.ndarray], Any]) -> list[float]:
        """Wait for a picture of which ``seen`` is true; returns its mean RGB."""
        async with asyncio.timeout(LIMIT_S):
            while self.picture is None or not seen(self.picture):
                self._came.clear()
                await self._came.wait()
        return [round(float(value), 1) for value in self.picture.mean(axis=(0, 1))]


def colourfulness(picture: np.ndarray) -> float:
    return float(np.mean(picture.max(axis=2).astype(int) - picture.min(axis=2)))


@asynccontextmanager
async def session(
    urls: list[str], viewer: Viewer, key: str = "dct_test", **state: Any
) -> AsyncIterator[RealtimeClient]:
    base_url, realtime_base_url = urls
    decart = DecartClient(api_key=key, base_url=base_url, realtime_base_url=realtime_base_url)
    options = RealtimeConnectOptions(
        model=models.realtime("lucy-2.1"),
        on_remote_stream=viewer,
        initial_state=ModelState(**state) if state else None,
    )
    try:
        connected = await RealtimeClient.connect(decart.realtime_base_url, key, Camera(), options)
        try:
            yield connected
        finally:
            await connected.disconnect()
    finally:
        await decart.close()


async def whole_session(urls: list[str]) -> dict[str, Any]:
    """Connect with a prompt, change it, set an image, count ticks, disconnect."""
    viewer = Viewer()
    ticks: list[float] = []
    states: list[str] = []
    gold = np.full((64, 64, 3), (220, 170, 30), np.uint8)
    gold[::2] //= 2
    prompt = Prompt(text="greyscale", enhance=False)
    async with session(urls, viewer, prompt=prompt) as live:
        live.on("generation_tick", lambda tick: ticks.append(tick.seconds))
        live.on("connection_change", states.append)
        await viewer.until(lambda picture: True)
        assert viewer.first is not None
        seen: dict[str, Any] = {"first_colourfulness": colourfulness(viewer.first)}
        await live.set_prompt("make a negative of it", enhance=True)
        seen["inverted"] = await viewer.until(lambda p: colourfulness(p) > 40)
        await live.set_image(_png(gold), prompt="sepia", enhance=False)
        seen["sepia"] = await viewer.until(
            lambda p: p[..., 0].mean() > p[..., 1].mean() > p[..., 2].mean() + 20
        )
        try:
            await live.set(SetInput(image=b"GIF89a is no image here"))
        except DecartSDKError as error:
            seen["refused"] = str(error)
        async with asyncio.timeout(LIMIT_S):
            while len(ticks) < 3:
                await asyncio.sleep(0.05)
        seen |= {
            "state": live.get_connection_state(),
            "session_id": live.session_id,
            "subscribe_token": live.subscribe_token,
        }
    return {**seen, "ticks": ticks, "states": states, "after": live.get_connection_state()}


async def passthrough(urls: list[str]) -> dict[str, Any]:
    """Without a prompt the picture comes back unchanged; a client token serves as the key."""
    decart = DecartClient(api_key="dct_test", base_url=urls[0])
    token = await decart.tokens.create(expires_in=60, allowed_models=["lucy-2.1"])
    await decart.close()
    viewer = Viewer()
    async with session(urls, viewer, token.api_key):
        seen = await viewer.until(lambda p: colourfulness(p) > 40)
        assert viewer.picture is not None
        return {
            "mean": seen,
            "left": viewer.picture[:, 20:140].mean(axis=(0, 1)).round().tolist(),
            "permissions": token.permissions,
        }


async def wrong_key(urls: list[str]) -> dict[str, Any]:
    """The client gives up at once, on the WebSocket and over HTTP."""
    seen: dict[str, Any] = {}
    connect = ClientSession.ws_connect
    sockets: list[Any] = []

    def counted(*arguments: Any, **options: Any) -> Any:
        sockets.append(arguments)
        return connect(*arguments, **options)

    with mock.patch.object(ClientSession, "ws_connect", counted):
        try:
            async with session(urls, Viewer(), "nonsense"):
                pass
        except WebRTCError as error:
            seen["socket"] = str(error)
    decart = DecartClient(api_key="nonsense", base_url=urls[0])
    try:
        await decart.tokens.create()
    except TokenCreateError as error:
        seen["http"] = error.data["status"]
    await decart.close()
    return {**seen, "sockets": len(sockets)}


def _png(picture: np.ndarray) -> bytes:
    import cv2

    encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    return io.BytesIO(encoded.tobytes()).getvalue()


SCENARIOS = {scenario.__name__: scenario for scenario in (whole_session, passthrough, wrong_key)}

if __name__ == "__main__":
    *addresses, wanted = sys.argv[1:]
    print(json.dumps(asyncio.run(SCENARIOS[wanted](addresses))))
