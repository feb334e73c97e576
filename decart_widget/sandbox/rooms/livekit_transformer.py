"""The participant that transforms: takes a LiveKit room's camera, publishes the picture.

A microphone's sound goes back as it came.
"""

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

from decart_widget.sandbox.grace import Grace
from decart_widget.sandbox.peer import PeerEvents
from decart_widget.sandbox.rooms.stage import CLIENT, REJOIN_LIMIT_S

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.effect_state import EffectState
    from decart_widget.sandbox.effects.render import Renderer

logger = logging.getLogger(__name__)

#: What is asked of the encoder; LiveKit's own estimate may lower it.
MAX_BITRATE = 3_500_000
MAX_FRAMERATE = 30.0

#: Only a beginning: the track takes the size of the pictures that come.
FIRST_SIZE = (1280, 720)

CODECS = {"h264": rtc.VideoCodec.H264, "vp8": rtc.VideoCodec.VP8}

#: Samples/s and channels of sound, as Opus has it; milliseconds of it that may wait to be sent.
SAMPLE_RATE, CHANNELS, SOUND_QUEUE_MS = 48_000, 1, 200

_MICROSECOND = Fraction(1, 1_000_000)


class Transformer:
    """One participant of one room.

    Args:
        renderer: Transforms the frames.
        effect_state: What the session asked for.
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
        effect_state: EffectState,
        executor: Executor,
        events: PeerEvents,
        codec: str,
    ) -> None:
        self.is_silent = False
        self.frames = 0
        self.size: tuple[int, int] | None = None
        self._renderer = renderer
        self._effect_state = effect_state
        self._executor = executor
        self._events = events
        self._codec = codec
        self._grace = Grace(REJOIN_LIMIT_S, events.lost)
        self._source = rtc.VideoSource(*FIRST_SIZE)
        self._camera: asyncio.Task[None] | None = None
        self._voice: asyncio.Task[None] | None = None
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
        await self._stop(self._camera)
        await self._stop(self._voice)
        await self._room.disconnect()
        await self._source.aclose()

    def stats(self) -> dict[str, Any]:
        """Frames sent and size of the last one."""
        return {"frames": self.frames, "size": self.size}

    # --- what the client sends ---------------------------------------------------------------

    def _on_track(self, track: rtc.Track, _: object, participant: rtc.RemoteParticipant) -> None:
        if not participant.identity.startswith(f"{CLIENT}-"):
            return
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            if self._voice is not None:
                self._voice.cancel()
            self._voice = asyncio.create_task(self._send_back(track))
            return
        self._grace.end()
        if self._camera is not None:
            self._camera.cancel()
        self._camera = asyncio.create_task(self._transform(track))

    def _on_track_gone(
        self, track: rtc.Track, _: object, participant: rtc.RemoteParticipant
    ) -> None:
        is_camera = track.kind == rtc.TrackKind.KIND_VIDEO
        if is_camera and participant.identity.startswith(f"{CLIENT}-"):
            self._grace.begin()

    async def _stop(self, task: asyncio.Task[None] | None) -> None:
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    # --- the microphone -----------------------------------------------------------------------

    async def _send_back(self, track: rtc.Track) -> None:
        source = rtc.AudioSource(SAMPLE_RATE, CHANNELS, queue_size_ms=SOUND_QUEUE_MS)
        stream = rtc.AudioStream(
            track, sample_rate=SAMPLE_RATE, num_channels=CHANNELS, capacity=SOUND_QUEUE_MS // 10
        )
        here = self._room.local_participant
        publication: rtc.LocalTrackPublication | None = None
        try:
            sound = rtc.LocalAudioTrack.create_audio_track("sound", source)
            options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
            publication = await here.publish_track(sound, options)
            async for event in stream:
                if not self.is_silent:
                    await source.capture_frame(event.frame)
        except Exception:
            logger.exception("a room's sound stopped")
        finally:
            await stream.aclose()
            if publication is not None:
                with contextlib.suppress(Exception):  # the room may be gone
                    await here.unpublish_track(publication.sid)
            await source.aclose()

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
        shown = self._renderer(frame, self._effect_state)
        if shown.format.name != "yuv420p":
            shown = shown.reformat(format="yuv420p")
        data = shown.to_ndarray().tobytes()
        return rtc.VideoFrame(shown.width, shown.height, rtc.VideoBufferType.I420, data)
