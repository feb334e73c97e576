"""A client of the sandbox made with websockets and aiortc; it shares no code with the sandbox."""

from __future__ import annotations

import asyncio
import base64
import fractions
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import cv2
import numpy as np
from aiortc import (
    MediaStreamTrack,
    RTCConfiguration,
    RTCPeerConnection,
    RTCSessionDescription,
)
from av import VideoFrame
from websockets.asyncio.client import ClientConnection, connect
from websockets.protocol import State

KEY = "dct_test"
LIMIT = 60.0
WIDTH, HEIGHT, FPS = 320, 180, 20

Picture = np.ndarray


def test_card() -> Picture:
    """Red, green and blue areas above a gradient from black to white."""
    card = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    third = WIDTH // 3
    card[:, :third] = (200, 50, 40)
    card[:, third : 2 * third] = (50, 180, 60)
    card[:, 2 * third :] = (40, 60, 200)
    card[HEIGHT // 2 :] = np.linspace(0, 255, WIDTH, dtype=np.uint8)[None, :, None]
    return card


test_card.__test__ = False  # type: ignore[attr-defined]


class StillCamera(MediaStreamTrack):
    """A camera track that sends the same picture at a constant frame rate."""

    kind = "video"

    def __init__(self, picture: Picture) -> None:
        super().__init__()
        self._picture = picture
        self._count = 0
        self._began = 0.0

    async def recv(self) -> VideoFrame:
        loop = asyncio.get_running_loop()
        self._began = self._began or loop.time()
        await asyncio.sleep(max(0.0, self._began + self._count / FPS - loop.time()))
        frame = VideoFrame.from_ndarray(self._picture, format="rgb24")
        frame.pts, frame.time_base = self._count, fractions.Fraction(1, FPS)
        self._count += 1
        return frame


class Client:
    """One control channel and, after `start_video`, one peer connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.messages: list[dict[str, Any]] = []
        self.junk: list[str | bytes] = []
        self.offer = ""
        self.pc: RTCPeerConnection | None = None
        self.track: MediaStreamTrack | None = None

    # --- control ------------------------------------------------------------------------------

    async def send(self, kind: str, /, **fields: Any) -> None:
        await self.socket.send(json.dumps({"type": kind, **fields}))

    async def receive(self) -> dict[str, Any]:
        """The next message of the protocol; anything else is appended to ``junk``."""
        while True:
            raw = await self.socket.recv()
            try:
                message = json.loads(raw)
                assert isinstance(message, dict)
                assert isinstance(message["type"], str)
            except (ValueError, AssertionError, KeyError):
                self.junk.append(raw)
                continue
            self.messages.append(message)
            return message

    async def wait_for(self, kind: str, limit: float = LIMIT, **fields: Any) -> dict[str, Any]:
        """The next message of this type with these fields; all are appended to ``messages``."""
        async with asyncio.timeout(limit):
            while True:
                message = await self.receive()
                if message["type"] == kind and fields.items() <= message.items():
                    return message

    async def prompt(self, text: str, *, enrich: bool = False) -> dict[str, Any]:
        await self.send("prompt", prompt=text, enhance_prompt=enrich)
        return await self.wait_for("prompt_ack", prompt=text)

    async def image(self, picture: Picture | str | None, **fields: Any) -> dict[str, Any]:
        data = picture if picture is None or isinstance(picture, str) else png(picture)
        await self.send("set_image", image_data=data, **fields)
        return await self.wait_for("set_image_ack")

    async def closed(self, limit: float = LIMIT) -> tuple[int | None, str | None]:
        """Close code and reason, once the server has closed the connection."""
        await asyncio.wait_for(self.socket.wait_closed(), limit)
        return self.socket.close_code, self.socket.close_reason

    # --- media --------------------------------------------------------------------------------

    async def start_video(
        self, picture: Picture | None = None, *, edit: Callable[[str], str] = str
    ) -> None:
        """Offer a camera and apply the answer; then `picture` can be called.

        ``edit`` changes the offer before it is sent.
        """
        self.pc = pc = RTCPeerConnection(RTCConfiguration(iceServers=[]))
        track_received: asyncio.Future[MediaStreamTrack] = (
            asyncio.get_running_loop().create_future()
        )
        pc.on("track", track_received.set_result)
        camera = StillCamera(test_card() if picture is None else picture)
        pc.addTransceiver(camera, direction="sendrecv")
        await pc.setLocalDescription(await pc.createOffer())
        self.offer = edit(pc.localDescription.sdp)
        await self.send("offer", sdp=self.offer)
        answer = await self.wait_for("answer")
        await pc.setRemoteDescription(RTCSessionDescription(answer["sdp"], "answer"))
        self.track = await asyncio.wait_for(track_received, LIMIT)

    async def picture(self, limit: float = LIMIT) -> Picture:
        """The newest frame, as (h, w, 3) uint8 RGB."""
        assert self.track is not None
        queue = self.track._queue  # type: ignore[attr-defined]
        frame = await asyncio.wait_for(self.track.recv(), limit)
        while queue.qsize():
            frame = await self.track.recv()
        assert isinstance(frame, VideoFrame)
        return frame.to_ndarray(format="rgb24")

    async def picture_that(
        self, condition: Callable[[Picture], Any], limit: float = LIMIT
    ) -> Picture:
        """The first picture from now on for which ``condition`` is true."""
        picture = None
        try:
            async with asyncio.timeout(limit):
                while True:
                    picture = await self.picture()
                    if condition(picture):
                        return picture
        except TimeoutError:
            mean = None if picture is None else picture.mean(axis=(0, 1)).round()
            raise AssertionError(f"no such picture came; the last had mean {mean}") from None

    async def close(self) -> None:
        if self.pc is not None:
            await self.pc.close()
        if self.socket.state is State.OPEN:
            await self.socket.close()


@asynccontextmanager
async def client(
    base: str, *, headers: dict[str, str] | None = None, **query: str
) -> AsyncIterator[Client]:
    """A connected client; ``query`` goes into the URL, with a valid key unless it has one."""
    query = {"api_key": KEY, "model": "lucy-latest", **query}
    url = f"{base}/v1/stream?{urlencode(query)}"
    connected = Client(await connect(url, max_size=None, additional_headers=headers, proxy=None))
    try:
        yield connected
    finally:
        await connected.close()


def png(picture: Picture) -> str:
    """A picture as ``image_data``: PNG in base64."""
    encoded = cv2.imencode(".png", cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))[1]
    return base64.b64encode(encoded.tobytes()).decode()


def colourfulness(picture: Picture) -> float:
    """Mean difference between the largest and the smallest channel; 0 for grey."""
    return float(np.mean(picture.max(axis=2).astype(int) - picture.min(axis=2)))


def difference(one: Picture, other: Picture) -> float:
    """Mean absolute difference of two pictures of one size, 0 to 255."""
    return float(np.mean(cv2.absdiff(one, other)))
