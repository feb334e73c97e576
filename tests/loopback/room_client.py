"""A client of the sandbox's rooms: the package ``livekit``, and a client of the control channel."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar

import httpx
import numpy as np
from livekit import rtc

from decart_widget.rtc.room_pictures import pictures
from decart_widget.sandbox import Sandbox
from tests.loopback.sandbox_client import KEY, LIMIT, Client, Picture, client

WIDTH, HEIGHT, FPS = 1280, 720, 15
"""Size in pixels and frame rate of the camera; a lower simulcast layer has a smaller size."""

LEFT, RIGHT = (200, 50, 40), (40, 60, 200)
"""The camera's colours (RGB): red on the left, blue on the right."""

RATE, CHUNK = 48_000, 480
"""Sample rate (Hz) of the microphone, and samples in a frame of 10 ms."""

CODECS = {"h264": rtc.VideoCodec.H264, "vp8": rtc.VideoCodec.VP8, "vp9": rtc.VideoCodec.VP9}

TRAILER_FEATURES = tuple(rtc.FrameMetadataFeature.values())
"""All that a packet trailer may contain."""


class RoomUser:
    """A participant of a room.

    Args:
        size: (width, height) of the camera in pixels.

    Attributes:
        room: The package's room.
        picture: The newest picture, (h, w, 3) uint8 RGB; None before the first one.
        pictures: How many pictures were received.
        filmed: How many frames the camera has captured.
        events: The room's events: ``reconnecting``, ``reconnected``, ``disconnected <reason>``.
        seen_of: Identity of the participant whose track was subscribed to last.
        tone: The loudest frequency of the last 0.2 s of audio, in Hz; 0 for silence.
        audio_frames: How many frames of audio were received.
    """

    def __init__(self, size: tuple[int, int] = (WIDTH, HEIGHT)) -> None:
        self._size = size
        self.room = rtc.Room()
        self.picture: Picture | None = None
        self.pictures = 0
        self.filmed = 0
        self.events: list[str] = []
        self.seen_of: str | None = None
        self.tone = 0.0
        self.audio_frames = 0
        self._microphone: rtc.AudioSource | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._came = asyncio.Event()
        self._changed = asyncio.Event()
        self._source: rtc.VideoSource | None = None
        self.room.on("track_subscribed", self._on_track)
        self.room.on("disconnected", lambda reason: self._note(f"disconnected {reason}"))
        for name in ("reconnecting", "reconnected"):
            self.room.on(name, lambda name=name: self._note(name))

    async def join(self, info: dict[str, Any]) -> None:
        """Join with ``livekit_url`` and ``token``."""
        options = rtc.RoomOptions(connect_timeout=LIMIT)
        await self.room.connect(info["livekit_url"], info["token"], options)

    async def publish(
        self, codec: str = "h264", *, simulcast: bool = True, trailers: bool = False
    ) -> None:
        """Publish a camera, for the service alone; with ``trailers``, frames may have metadata."""
        # As the widget's page does: viewers don't receive the camera.
        server = rtc.ParticipantTrackPermission(
            participant_identity="inference-server-1", allow_all=True
        )
        self.room.local_participant.set_track_subscription_permissions(
            allow_all_participants=False, participant_permissions=[server]
        )
        self._source = rtc.VideoSource(*self._size)
        track = rtc.LocalVideoTrack.create_video_track("camera", self._source)
        self._spawn(self._capture_video(self._source))
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_CAMERA,
            video_codec=CODECS[codec],
            simulcast=simulcast,
            frame_metadata_features=TRAILER_FEATURES if trailers else (),
            video_encoding=rtc.VideoEncoding(max_bitrate=3_500_000, max_framerate=FPS),
        )
        await self.room.local_participant.publish_track(track, options)

    async def speak(self, hertz: float) -> None:
        """Publish a microphone with a tone of ``hertz``."""
        self._microphone = rtc.AudioSource(RATE, 1)
        track = rtc.LocalAudioTrack.create_audio_track("microphone", self._microphone)
        self._spawn(self._capture_tone(self._microphone, hertz))
        options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
        await self.room.local_participant.publish_track(track, options)

    async def hears(self, hertz: float, limit: float = LIMIT) -> None:
        """Wait until this tone is received."""
        try:
            async with asyncio.timeout(limit):
                while abs(self.tone - hertz) > 10:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            raise AssertionError(
                f"{self.tone} Hz after {self.audio_frames} frames of audio"
            ) from None

    async def next_pictures(self, count: int = 1, limit: float = LIMIT) -> Picture:
        """Wait for ``count`` more pictures; returns the last one."""
        wanted = self.pictures + count
        return await self.picture_that(lambda _: self.pictures >= wanted, limit)

    async def picture_that(self, seen: Callable[[Picture], Any], limit: float = LIMIT) -> Picture:
        """Wait for a picture of which ``seen`` is true; returns it."""
        try:
            async with asyncio.timeout(limit):
                while True:
                    self._came.clear()
                    await self._came.wait()
                    if self.picture is not None and seen(self.picture):
                        return self.picture
        except TimeoutError:
            mean = None if self.picture is None else self.picture.mean(axis=(0, 1)).round()
            raise AssertionError(f"no such picture came; the last had mean {mean}") from None

    async def silence(self, filmed: int = FPS, limit: float = LIMIT) -> None:
        """Wait until the camera captures ``filmed`` frames while no picture is received."""
        async with asyncio.timeout(limit):
            pictures, began = self.pictures, self.filmed
            while self.filmed < began + filmed:
                self._changed.clear()
                await self._changed.wait()
                if self.pictures != pictures:
                    pictures, began = self.pictures, self.filmed

    async def event(self, name: str, limit: float = LIMIT) -> None:
        """Wait for an event that begins with ``name``; see ``events``."""
        async with asyncio.timeout(limit):
            while not any(event.startswith(name) for event in self.events):
                self._changed.clear()
                await self._changed.wait()

    async def close(self) -> None:
        await self.room.disconnect()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for source in (self._source, self._microphone):
            if source is not None:
                await source.aclose()

    # --- inside -------------------------------------------------------------------------------

    def _note(self, event: str) -> None:
        self.events.append(event)
        self._changed.set()

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _on_track(self, track: Any, publication: Any, participant: Any) -> None:
        self.seen_of = participant.identity
        is_audio = track.kind == rtc.TrackKind.KIND_AUDIO
        if is_audio:
            self._spawn(self._receive_audio(track))
        else:
            self._spawn(self._receive_video(track, publication))

    async def _receive_audio(self, track: rtc.Track) -> None:
        stream = rtc.AudioStream(track, sample_rate=RATE, num_channels=1, capacity=20)
        wave = np.zeros(RATE // 5, np.int16)
        try:
            async for event in stream:
                wave = np.append(wave, np.frombuffer(event.frame.data, np.int16))[-len(wave) :]
                spectrum = np.abs(np.fft.rfft(wave * np.hanning(len(wave))))
                loud = np.abs(wave).max() > 1000
                self.tone = float(np.argmax(spectrum) * RATE / len(wave)) if loud else 0.0
                self.audio_frames += 1
        finally:
            await stream.aclose()

    async def _capture_tone(self, source: rtc.AudioSource, hertz: float) -> None:
        at = 0
        while True:
            times = np.arange(at, at + CHUNK) / RATE
            wave = (np.sin(times * hertz * 2 * np.pi) * 12_000).astype(np.int16)
            await source.capture_frame(rtc.AudioFrame(wave.tobytes(), RATE, 1, CHUNK))
            at += CHUNK

    async def _receive_video(
        self, track: rtc.Track, publication: rtc.RemoteTrackPublication
    ) -> None:
        async with contextlib.aclosing(pictures(track, publication)) as frames:
            async for event in frames:
                frame = event.frame.convert(rtc.VideoBufferType.RGB24)
                data = np.frombuffer(frame.data, np.uint8)
                self._take(data.reshape(frame.height, frame.width, 3), event)

    def _take(self, picture: Picture, _event: rtc.VideoFrameEvent) -> None:
        self.picture = picture
        self.pictures += 1
        self._came.set()

    async def _capture_video(self, source: rtc.VideoSource) -> None:
        loop = asyncio.get_running_loop()
        width, height = self._size
        picture = np.empty((height, width, 3), np.uint8)
        began, count = loop.time(), 0
        while True:
            picture[:, : width // 2], picture[:, width // 2 :] = LEFT, RIGHT
            x = count * 16 % (width - 64)
            picture[320:384, x : x + 64] = 255
            data = picture.tobytes()
            source.capture_frame(rtc.VideoFrame(width, height, rtc.VideoBufferType.RGB24, data))
            count += 1
            self.filmed = count
            self._changed.set()
            await asyncio.sleep(max(0.0, began + count / FPS - loop.time()))


User = TypeVar("User", bound=RoomUser)


@asynccontextmanager
async def joined(user: User, info: dict[str, Any]) -> AsyncIterator[User]:
    """A participant that has joined; it leaves at the end."""
    try:
        await user.join(info)
        yield user
    finally:
        await user.close()


def user_in(
    info: dict[str, Any], size: tuple[int, int] = (WIDTH, HEIGHT)
) -> AbstractAsyncContextManager[RoomUser]:
    """A participant that has joined; it leaves at the end."""
    return joined(RoomUser(size), info)


async def room_for(
    user: Client, prompt: str | None = "greyscale", *, frame_timing: bool = False
) -> dict[str, Any]:
    """Request a room and set the initial prompt at once; returns the room's credentials."""
    capabilities = {"client_capabilities": {"frame_timing": True}} if frame_timing else {}
    await user.send("livekit_join", passthrough=prompt is None, **capabilities)
    if prompt is not None:
        await user.send("prompt", prompt=prompt, enhance_prompt=False)
    info = await user.wait_for("livekit_room_info")
    if prompt is not None:
        assert (await user.wait_for("prompt_ack", prompt=prompt))["success"]
    return info


@asynccontextmanager
async def in_room(
    sandbox: Sandbox, prompt: str | None = "greyscale", **query: Any
) -> AsyncIterator[tuple[Client, RoomUser]]:
    """A session with a room, and its owner in it, who hasn't published yet."""
    async with (
        client(sandbox.realtime_base_url, **query) as control,
        user_in(await room_for(control, prompt)) as user,
    ):
        yield control, user


async def request_viewer_room(base_url: str, name: str, key: str = KEY) -> httpx.Response:
    """Request credentials for a viewer of the room ``name``."""
    async with httpx.AsyncClient() as http:
        return await http.post(f"{base_url}/watch-stream/{name}", headers={"x-api-key": key})


async def validate(base_url: str, token: str, path: str = "/rtc/v1/validate") -> httpx.Response:
    async with httpx.AsyncClient() as http:
        return await http.get(f"{base_url}{path}", params={"access_token": token})


def is_grey(picture: Picture) -> bool:
    return float(np.mean(picture.max(axis=2).astype(int) - picture.min(axis=2))) < 6


def is_camera(picture: Picture) -> bool:
    """Whether it is the camera's picture, at its full size."""
    return _is_like(picture, LEFT, RIGHT)


def is_inverted(picture: Picture) -> bool:
    left, right = ([255 - c for c in colour] for colour in (LEFT, RIGHT))
    return _is_like(picture, left, right)


def _is_like(picture: Picture, left: Any, right: Any) -> bool:
    if picture.shape != (HEIGHT, WIDTH, 3):
        return False
    halves = picture[:300, : WIDTH // 2 - 20], picture[:300, WIDTH // 2 + 20 :]
    means = [half.mean(axis=(0, 1)) for half in halves]
    return all(np.abs(m - c).max() < 25 for m, c in zip(means, (left, right), strict=True))
