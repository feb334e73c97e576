"""The participant that transforms: takes a LiveKit room's camera, publishes the picture."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import Executor
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np
from av import VideoFrame
from livekit import rtc

from .grace import Grace
from .peer import PeerEvents
from .room_stage import CLIENT, REJOIN_LIMIT_S

if TYPE_CHECKING:
    from .look import Look
    from .render import Renderer

logger = logging.getLogger(__name__)

#: What is asked of the encoder; LiveKit's own estimate may lower it.
MAX_BITRATE = 3_500_000
MAX_FRAMERATE = 30.0

#: Only a beginning: the track takes the size of the pictures that come.
FIRST_SIZE = (1280, 720)

CODECS = {"h264": rtc.VideoCodec.H264, "vp8": rtc.VideoCodec.VP8}

_MICROSECOND = Fraction(1, 1_000_000)


class Transformer:
    """One participant of one room.

    Args:
        renderer: Transforms the frames.
        look: What the session asked for.
        executor: Where frames are transformed.
        events: Whom to tell what.
        codec: What the picture is sent with, ``h264`` or ``vp8``.

    Attributes:
        is_silent: Whether no frame goes out any more.
        frames: How many went out.
        size: (width, height) of the last one in pixels, or None.
    """

    def __init__(
        self,
        *,
        renderer: Renderer,
        look: Look,
        executor: Executor,
        events: PeerEvents,
        codec: str,
    ) -> None:
        self.is_silent = False
        self.frames = 0
        self.size: tuple[int, int] | None = None
        self._renderer = renderer
        self._look = look
        self._executor = executor
        self._events = events
        self._codec = codec
        self._grace = Grace(REJOIN_LIMIT_S, events.lost)
        self._source = rtc.VideoSource(*FIRST_SIZE)
        self._camera: asyncio.Task[None] | None = None
        self._room = rtc.Room()
        self._room.on("track_subscribed", self._on_track)
        self._room.on("track_unsubscribed", self._on_track_gone)

    async def join(self, url: str, token: str) -> None:
        """Join and publish. Raises what the LiveKit package raises when it can't."""
        await self._room.connect(url, token)
        track = rtc.LocalVideoTrack.create_video_track("output", self._source)
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_CAMERA,
            video_codec=CODECS[self._codec],
            simulcast=False,
            video_encoding=rtc.VideoEncoding(max_bitrate=MAX_BITRATE, max_framerate=MAX_FRAMERATE),
        )
        await self._room.local_participant.publish_track(track, options)

    async def close(self) -> None:
        """Leave. May be called twice."""
        self._grace.end()
        await self._stop_camera()
        await self._room.disconnect()
        await self._source.aclose()

    def stats(self) -> dict[str, Any]:
        """Frames sent and size of the last one."""
        return {"frames": self.frames, "size": self.size}

    # --- the camera ---------------------------------------------------------------------------

    def _on_track(self, track: rtc.Track, _: object, participant: rtc.RemoteParticipant) -> None:
        is_camera = track.kind == rtc.TrackKind.KIND_VIDEO
        if is_camera and participant.identity.startswith(f"{CLIENT}-"):
            self._grace.end()
            if self._camera is not None:
                self._camera.cancel()
            self._camera = asyncio.create_task(self._transform(track))

    def _on_track_gone(
        self, track: rtc.Track, _: object, participant: rtc.RemoteParticipant
    ) -> None:
        if participant.identity.startswith(f"{CLIENT}-"):
            self._grace.begin()

    async def _stop_camera(self) -> None:
        if self._camera is not None:
            self._camera.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._camera
            self._camera = None

    async def _transform(self, track: rtc.Track) -> None:
        # One frame may wait, the newest: what a slow function takes its time for isn't made up.
        stream = rtc.VideoStream(track, capacity=1, format=rtc.VideoBufferType.I420)
        loop = asyncio.get_running_loop()
        try:
            async for event in stream:
                if self.is_silent or self._events.is_frozen():
                    continue
                shown = await loop.run_in_executor(self._executor, self._render, event)
                self._source.capture_frame(shown, timestamp_us=event.timestamp_us)
                self.frames += 1
                self.size = (shown.width, shown.height)
                if self.frames == 1:
                    self._events.first_frame()
        except Exception:
            logger.exception("a room's picture stopped")
        finally:
            await stream.aclose()

    def _render(self, event: rtc.VideoFrameEvent) -> rtc.VideoFrame:
        taken = event.frame
        width, height = taken.width, taken.height
        if width % 2 or height % 2:
            taken = taken.convert(rtc.VideoBufferType.RGB24)
            pixels = np.frombuffer(taken.data, np.uint8).reshape(height, width, 3)
            frame = VideoFrame.from_ndarray(pixels, format="rgb24")
        else:
            planes = np.frombuffer(taken.data, np.uint8).reshape(height * 3 // 2, width)
            frame = VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = event.timestamp_us, _MICROSECOND
        shown = self._renderer(frame, self._look)
        if shown.format.name != "yuv420p":
            shown = shown.reformat(format="yuv420p")
        data = shown.to_ndarray().tobytes()
        return rtc.VideoFrame(shown.width, shown.height, rtc.VideoBufferType.I420, data)
