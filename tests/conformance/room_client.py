"""Third-party clients with rooms: PyPI's ``decart`` 0.2.4, and ``livekit`` 1.2.1 alone.

    python room_client.py BASE_URL REALTIME_BASE_URL CLIENT SCENARIO

Run by the interpreter of their environment. The last line of output is a JSON object of what the
client saw; `test_room_python.py` checks it. A line before that with ``faults`` requests faults of
the sandbox, and a line on standard input confirms them. Nothing of this project is imported.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, Protocol

import aiohttp
import cv2
import numpy as np
from decart import DecartSDKError, ModelState, Prompt, models
from decart.realtime import RealtimeClient, RealtimeConnectOptions, SubscribeOptions
from livekit import rtc

WIDTH, HEIGHT, FPS = 640, 360, 20
LIMIT_S = 30.0
KEY = "dct_test"
ROOM_EVENTS = ("reconnecting", "reconnected", "disconnected")


class Camera:
    """Red on the left, blue on the right, and a moving white bar."""

    def __init__(self) -> None:
        self._source = rtc.VideoSource(WIDTH, HEIGHT)
        self.track = rtc.LocalVideoTrack.create_video_track("camera", self._source)
        self._task = asyncio.create_task(self._capture())

    async def _capture(self) -> None:
        loop = asyncio.get_running_loop()
        began, count = loop.time(), 0
        while True:
            picture = np.empty((HEIGHT, WIDTH, 3), np.uint8)
            picture[:, : WIDTH // 2] = (200, 50, 40)
            picture[:, WIDTH // 2 :] = (40, 60, 200)
            picture[:, count * 4 % WIDTH :][:, :8] = 255
            kind = rtc.VideoBufferType.RGB24
            self._source.capture_frame(rtc.VideoFrame(WIDTH, HEIGHT, kind, picture.tobytes()))
            count += 1
            await asyncio.sleep(max(0.0, began + count / FPS - loop.time()))

    async def close(self) -> None:
        self._task.cancel()
        await self._source.aclose()


class Viewer:
    """Keeps the newest picture of the newest track."""

    def __init__(self) -> None:
        self.first: np.ndarray | None = None
        self.picture: np.ndarray | None = None
        self.frames = 0
        self.tracks = 0
        self._came = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []

    def __call__(self, track: rtc.RemoteVideoTrack) -> None:
        for task in self._tasks:
            task.cancel()
        self.tracks += 1
        self._tasks.append(asyncio.create_task(self._receive(track)))

    async def _receive(self, track: rtc.RemoteVideoTrack) -> None:
        stream = rtc.VideoStream(track, format=rtc.VideoBufferType.RGB24)
        try:
            async for event in stream:
                frame = event.frame
                data = np.frombuffer(frame.data, np.uint8)
                self.picture = data.reshape(frame.height, frame.width, 3)
                self.first = self.picture if self.first is None else self.first
                self.frames += 1
                self._came.set()
        finally:
            await stream.aclose()

    async def until(self, seen: Callable[[np.ndarray], Any]) -> list[float]:
        """Wait for a picture of which ``seen`` is true; returns its mean RGB."""
        async with asyncio.timeout(LIMIT_S):
            while self.picture is None or not seen(self.picture):
                self._came.clear()
                await self._came.wait()
        return [round(float(value), 1) for value in self.picture.mean(axis=(0, 1))]

    async def moves(self, frames: int = 15) -> int:
        """Wait for that many more pictures; returns how many came in all."""
        goal = self.frames + frames
        await self.until(lambda picture: self.frames >= goal)
        return self.frames

    def close(self) -> None:
        for task in self._tasks:
            task.cancel()


class Client(Protocol):
    """What the scenarios need of either client.

    Attributes:
        ticks: Seconds of generation, as they were reported.
        states: States of the connection, as they were reported.
        room: Events of the room; see `ROOM_EVENTS`.
    """

    ticks: list[float]
    states: list[str]
    room: list[str]

    async def prompt(self, text: str) -> None: ...
    async def image(self, data: bytes, prompt: str) -> None: ...
    async def end(self) -> None: ...
    def about(self) -> dict[str, Any]: ...


class Sdk:
    """Decart's client."""

    def __init__(self) -> None:
        self.ticks: list[float] = []
        self.states: list[str] = []
        self.room: list[str] = []

    async def connect(
        self, url: str, track: rtc.LocalVideoTrack, viewer: Viewer, prompt: str | None
    ) -> None:
        state = ModelState(prompt=Prompt(text=prompt, enhance=False)) if prompt else None
        options = RealtimeConnectOptions(
            model=models.realtime("lucy-2.1"), on_remote_stream=viewer, initial_state=state
        )
        self._controller = await RealtimeClient.connect(url, KEY, track, options)
        self._controller.on("generation_tick", lambda tick: self.ticks.append(tick.seconds))
        self._controller.on("connection_change", self.states.append)
        # The client reports no resume, but its room does.
        note_events(self._controller._manager._connection._room, self.room)

    async def prompt(self, text: str) -> None:
        await self._controller.set_prompt(text, enhance=True)

    async def image(self, data: bytes, prompt: str) -> None:
        await self._controller.set_image(data, prompt=prompt, enhance=False)

    async def end(self) -> None:
        await self._controller.disconnect()

    def about(self) -> dict[str, Any]:
        return {
            "state": self._controller.get_connection_state(),
            "session_id": self._controller.session_id,
            "subscribe_token": self._controller.subscribe_token,
        }


class Bare:
    """LiveKit's client, with a WebSocket for the control channel."""

    def __init__(self) -> None:
        self.ticks: list[float] = []
        self.states: list[str] = []
        self.room: list[str] = []
        self._answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self._http = aiohttp.ClientSession()

    async def connect(
        self, url: str, track: rtc.LocalVideoTrack, viewer: Viewer, prompt: str | None
    ) -> None:
        query = {"api_key": KEY, "model": "lucy-2.1", "livekit_early_room_info": "true"}
        self._socket = await self._http.ws_connect(f"{url}/v1/stream", params=query)
        self._reader = asyncio.create_task(self._read())
        await self._socket.send_json({"type": "livekit_join", "passthrough": prompt is None})
        if prompt:
            await self._socket.send_json(
                {"type": "prompt", "prompt": prompt, "enhance_prompt": False}
            )
        self._info = await self._answer("livekit_room_info")
        if prompt:
            await self._answer("prompt_ack")
        self._room = rtc.Room()
        self._room.on("track_subscribed", lambda track, *_: viewer(track))
        note_events(self._room, self.room)
        await self._room.connect(self._info["livekit_url"], self._info["token"])
        options = rtc.TrackPublishOptions(video_codec=rtc.VideoCodec.H264)
        await self._room.local_participant.publish_track(track, options)

    async def _read(self) -> None:
        async for raw in self._socket:
            message = raw.json()
            if message["type"] == "generation_tick":
                self.ticks.append(message["seconds"])
            elif message["type"] == "generation_started":
                self.states.append("generating")
            else:
                self._answers.put_nowait(message)

    async def _answer(self, kind: str) -> dict[str, Any]:
        async with asyncio.timeout(LIMIT_S):
            while (message := await self._answers.get())["type"] != kind:
                pass
        if message.get("success") is False:
            raise DecartSDKError(message["error"])
        return message

    async def prompt(self, text: str) -> None:
        await self._socket.send_json({"type": "prompt", "prompt": text, "enhance_prompt": True})
        await self._answer("prompt_ack")

    async def image(self, data: bytes, prompt: str) -> None:
        picture = base64.b64encode(data).decode()
        message = {"type": "set_image", "image_data": picture, "prompt": prompt}
        await self._socket.send_json({**message, "enhance_prompt": False})
        await self._answer("set_image_ack")

    async def end(self) -> None:
        await self._room.disconnect()
        await self._socket.close()
        await self._http.close()

    def about(self) -> dict[str, Any]:
        token = base64.b64encode(json.dumps({"room_name": self._info["room_name"]}).encode())
        return {
            "state": self._room.connection_state,
            "session_id": self._info["session_id"],
            "subscribe_token": token.decode(),
        }


CLIENTS: dict[str, type[Sdk | Bare]] = {"sdk": Sdk, "livekit": Bare}


class Run:
    """One client against one sandbox."""

    def __init__(self, base_url: str, url: str, client: str) -> None:
        self.base_url = base_url
        self.url = url
        self.kind = CLIENTS[client]

    @asynccontextmanager
    async def session(self, viewer: Viewer, prompt: str | None) -> AsyncIterator[Client]:
        camera, client = Camera(), self.kind()
        try:
            await client.connect(self.url, camera.track, viewer, prompt)
            try:
                yield client
            finally:
                await client.end()
        finally:
            viewer.close()
            await camera.close()

    async def whole_session(self) -> dict[str, Any]:
        """Connect with a prompt, change it, set an image, count ticks, disconnect."""
        viewer = Viewer()
        async with self.session(viewer, "greyscale") as live:
            await viewer.until(lambda picture: True)
            assert viewer.first is not None
            seen: dict[str, Any] = {"first_colourfulness": colourfulness(viewer.first)}
            await live.prompt("make a negative of it")
            seen["inverted"] = await viewer.until(lambda p: colourfulness(p) > 40)
            await live.image(png((220, 170, 30)), "sepia")
            seen["sepia"] = await viewer.until(
                lambda p: p[..., 0].mean() > p[..., 1].mean() > p[..., 2].mean() + 20
            )
            try:
                await live.image(b"GIF89a is no image here", "sepia")
            except DecartSDKError as error:
                seen["refused"] = str(error)
            await until(lambda: len(live.ticks) >= 3)
            await viewer.until(lambda p: p.shape == (HEIGHT, WIDTH, 3))
            seen |= live.about()
        return {
            **seen,
            "ticks": live.ticks,
            "states": live.states,
            "room": live.room,
            "after": live.about()["state"],
        }

    async def passthrough(self) -> dict[str, Any]:
        """Without a prompt the picture comes back unchanged."""
        viewer = Viewer()
        async with self.session(viewer, None):
            await viewer.until(lambda p: colourfulness(p) > 40)
            assert viewer.picture is not None
            left = viewer.picture[:, 20 : WIDTH // 2 - 20]
            return {"left": np.median(left, axis=(0, 1)).tolist()}

    async def dropped_signal_socket(self) -> dict[str, Any]:
        """The room's signal socket breaks and is resumed, while video continues."""
        viewer = Viewer()
        async with self.session(viewer, "greyscale") as live:
            await viewer.moves()
            await fault(drop_signal_after_s=0, sessions=1)
            await until(lambda: live.room == ["reconnecting", "reconnected"])
            await viewer.moves()
            assert viewer.picture is not None
            seen: dict[str, Any] = {"colourfulness": colourfulness(viewer.picture)}
            await live.prompt("make a negative of it")
            seen["inverted"] = await viewer.until(lambda p: colourfulness(p) > 40)
            ticks = len(live.ticks)
            await until(lambda: len(live.ticks) > ticks)
            return {**seen, "tracks": viewer.tracks, "states": list(live.states)}

    async def dropped_control_socket(self) -> dict[str, Any]:
        """The control channel breaks, after which Decart's client opens a new session."""
        viewer = Viewer()
        async with self.session(viewer, "greyscale") as live:
            await viewer.moves()
            before = live.about()["session_id"]
            await fault(drop_control_after_s=0, sessions=1)
            await until(lambda: "reconnecting" in live.states)
            await until(lambda: live.states[-1] == "generating")
            await viewer.moves()
            assert viewer.picture is not None
            after = live.about()["session_id"]
            return {"same": before == after, "picture": colourfulness(viewer.picture)}

    async def subscribe(self) -> dict[str, Any]:
        """A client without a camera subscribes to the running session."""
        viewer, subscriber = Viewer(), Viewer()
        async with self.session(viewer, "greyscale") as live:
            await viewer.moves()
            token = live.about()["subscribe_token"]
            options = SubscribeOptions(token=token, on_remote_stream=subscriber)
            subscription = await RealtimeClient.subscribe(self.url, KEY, options)
            try:
                await subscriber.moves()
                assert subscriber.picture is not None
                return {"colourfulness": colourfulness(subscriber.picture)}
            finally:
                subscriber.close()
                await subscription.disconnect()


def note_events(room: rtc.Room, events: list[str]) -> None:
    event: Any
    for event in ROOM_EVENTS:
        room.on(event, partial(_note, events, event))


def _note(events: list[str], event: str, *_: Any) -> None:
    events.append(event)


async def until(holds: Callable[[], Any]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not holds():
            await asyncio.sleep(0.02)


async def fault(**faults: Any) -> None:
    """Request faults of the sandbox; returns when they are set."""
    print(json.dumps({"faults": faults}), flush=True)
    await asyncio.to_thread(sys.stdin.readline)


def colourfulness(picture: np.ndarray) -> float:
    return float(np.mean(picture.max(axis=2).astype(int) - picture.min(axis=2)))


def png(colour: tuple[int, int, int]) -> bytes:
    picture = np.full((64, 64, 3), colour[::-1], np.uint8)
    picture[::2] //= 2
    return bytes(cv2.imencode(".png", picture)[1])


if __name__ == "__main__":
    *where, scenario = sys.argv[1:]
    print(json.dumps(asyncio.run(getattr(Run(*where), scenario)())), flush=True)
    os._exit(0)  # threads of the package livekit may panic while the interpreter ends
