"""The participant of a LiveKit room that transforms the camera's video and publishes the result.

It publishes a microphone's audio unchanged. Public API of the package ``livekit`` only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from concurrent.futures import Executor
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from av import VideoFrame
from livekit import rtc

from decart_widget.sandbox.grace import Grace
from decart_widget.sandbox.peer import PeerEvents
from decart_widget.sandbox.rooms.session_room import CLIENT, REJOIN_LIMIT_S

if TYPE_CHECKING:
    from decart_widget.sandbox.effects.effect_state import EffectState
    from decart_widget.sandbox.effects.render import Renderer

logger = logging.getLogger(__name__)

MAX_BITRATE_BPS: Final = 3_500_000
"""Highest bitrate of the encoder; LiveKit's bandwidth estimate may lower it."""

MAX_FRAME_RATE: Final = 30.0
"""Frames per second."""

FIRST_SIZE: Final = (1280, 720)
"""(width, height) in pixels of the track until the first frame, whose size it takes."""

CODECS: Final = {"h264": rtc.VideoCodec.H264, "vp8": rtc.VideoCodec.VP8}

SAMPLE_RATE_HZ: Final = 48_000
"""Sample rate of audio, as Opus has it."""

CHANNELS: Final = 1
"""Channels of audio."""

AUDIO_QUEUE_MS: Final = 200
"""Milliseconds of audio that may wait to be sent."""

_MICROSECOND: Final = Fraction(1, 1_000_000)


class Transformer:
    """The transforming participant of one room.

    Args:
        renderer: Transforms the frames.
        effect_state: The session's effect; it may change at any time.
        executor: Runs the renderer.
        events: Callbacks of the session.
        codec: Codec of the transformed video, ``h264`` or ``vp8``.

    Attributes:
        is_silent: Whether it sends no more frames.
        frames: How many frames it has sent.
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
        self._microphone: asyncio.Task[None] | None = None
        self._room = rtc.Room()
        self._room.on("track_subscribed", self._on_track)
        self._room.on("track_unsubscribed", self._on_track_gone)

    async def join(self, url: str, token: str) -> None:
        """Join the room and publish the transformed track.

        Args:
            url: Address of the LiveKit server.
            token: Access token.

        Raises:
            Exception: The room can't be joined; the LiveKit package documents no types.
        """
        await self._room.connect(url, token)
        track = rtc.LocalVideoTrack.create_video_track("output", self._source)
        options = rtc.TrackPublishOptions(
            source=rtc.TrackSource.SOURCE_CAMERA,
            video_codec=CODECS[self._codec],
            simulcast=False,
            video_encoding=rtc.VideoEncoding(
                max_bitrate=MAX_BITRATE_BPS, max_framerate=MAX_FRAME_RATE
            ),
        )
        await self._room.local_participant.publish_track(track, options)

    async def close(self) -> None:
        """Leave the room. May be called twice."""
        self._grace.end()
        await self._stop(self._camera)
        await self._stop(self._microphone)
        await self._room.disconnect()
        await self._source.aclose()

    def stats(self) -> dict[str, Any]:
        """Frames sent, and (width, height) in pixels of the last one."""
        return {"frames": self.frames, "size": self.size}

    # --- tracks of the client ----------------------------------------------------------------

    def _on_track(self, track: rtc.Track, _: object, participant: rtc.RemoteParticipant) -> None:
        if not participant.identity.startswith(f"{CLIENT}-"):
            return
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            if self._microphone is not None:
                self._microphone.cancel()
            self._microphone = asyncio.create_task(self._pass_on(track))
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

    async def _pass_on(self, track: rtc.Track) -> None:
        source = rtc.AudioSource(SAMPLE_RATE_HZ, CHANNELS, queue_size_ms=AUDIO_QUEUE_MS)
        stream = rtc.AudioStream(
            track, sample_rate=SAMPLE_RATE_HZ, num_channels=CHANNELS, capacity=AUDIO_QUEUE_MS // 10
        )
        participant = self._room.local_participant
        publication: rtc.LocalTrackPublication | None = None
        try:
            sound = rtc.LocalAudioTrack.create_audio_track("sound", source)
            options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
            publication = await participant.publish_track(sound, options)
            async for event in stream:
                if not self.is_silent:
                    await source.capture_frame(event.frame)
        except Exception:
            logger.exception("the audio of a room stopped")
        finally:
            await stream.aclose()
            if publication is not None:
                with contextlib.suppress(Exception):  # the room may be gone
                    await participant.unpublish_track(publication.sid)
            await source.aclose()

    async def _transform(self, track: rtc.Track) -> None:
        # Only the newest frame waits: frames that come while one is rendered are dropped.
        stream = rtc.VideoStream(track, capacity=1, format=rtc.VideoBufferType.I420)
        loop = asyncio.get_running_loop()
        try:
            async for event in stream:
                if self.is_silent or self._events.is_frozen():
                    continue
                rendered = await loop.run_in_executor(self._executor, self._render, event)
                self._source.capture_frame(rendered, timestamp_us=event.timestamp_us)
                self.frames += 1
                self.size = (rendered.width, rendered.height)
                if self.frames == 1:
                    self._events.first_frame()
        except Exception:
            logger.exception("the video of a room stopped")
        finally:
            await stream.aclose()

    def _render(self, event: rtc.VideoFrameEvent) -> rtc.VideoFrame:
        source = event.frame
        width, height = source.width, source.height
        if width % 2 or height % 2:  # PyAV reads I420 of even sizes only
            source = source.convert(rtc.VideoBufferType.RGB24)
            pixels = np.frombuffer(source.data, np.uint8).reshape(height, width, 3)
            frame = VideoFrame.from_ndarray(pixels, format="rgb24")
        else:
            planes = np.frombuffer(source.data, np.uint8).reshape(height * 3 // 2, width)
            frame = VideoFrame.from_ndarray(planes, format="yuv420p")
        frame.pts, frame.time_base = event.timestamp_us, _MICROSECOND
        rendered = self._renderer(frame, self._effect_state)
        if rendered.format.name != "yuv420p":
            rendered = rendered.reformat(format="yuv420p")
        data = rendered.to_ndarray().tobytes()
        return rtc.VideoFrame(rendered.width, rendered.height, rtc.VideoBufferType.I420, data)
