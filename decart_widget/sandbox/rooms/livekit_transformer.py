"""The participant of a LiveKit room that transforms the camera's video and publishes the result.

It publishes a microphone's audio unchanged. It runs in a process of its own (`livekit_child`), as a
fault of libwebrtc or of the Rust code below ``livekit`` ends the whole process. Public API of the
package ``livekit`` only.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from typing import Any, Final

import numpy as np
from av import VideoFrame
from livekit import rtc

from decart_widget.rtc.room_pictures import pictures
from decart_widget.sandbox.effects.effect_state import EffectState
from decart_widget.sandbox.effects.render import Renderer
from decart_widget.sandbox.grace import Grace
from decart_widget.sandbox.rooms.session_room import CLIENT, REJOIN_LIMIT_S

logger = logging.getLogger(__name__)

MAX_BITRATE_BPS: Final = 3_500_000
"""Highest bitrate of the encoder; LiveKit's bandwidth estimate may lower it."""

MAX_FRAME_RATE: Final = 30.0
"""Frames per second."""

FIRST_SIZE: Final = (1280, 720)
"""(width, height) in pixels of the track until the first frame, whose size it takes."""

SMALLEST_SIDE_PX: Final = 32
"""Pixels; a picture with a shorter side is not transformed. LiveKit closes and mutes a track with
blank pictures of 2x2 (H.264) or 8x8 pixels (VP8), and libwebrtc aborts the process that encodes
them (``Check failed: width > 0``)."""

FULL_SIZE_LIMIT_S: Final = 2.0
"""Seconds from a simulcast track's first picture for which pictures of lower layers are discarded:
a LiveKit server starts with the lowest (320x180) and changes to the best after about 0.8 s."""

SILENCE_LIMIT_S: Final = 10.0
"""Seconds without a picture of the camera after which it counts as lost, and billing ends. LiveKit
notices a client that was killed after 15 to 20 s only."""

CONNECT_TIMEOUT_S: Final = 15.0
"""Seconds that joining may take. Joining is never cancelled: the Rust code below would panic, which
ends the process."""

CODECS: Final = {"h264": rtc.VideoCodec.H264, "vp8": rtc.VideoCodec.VP8}

TRAILER_FEATURES: Final = (
    rtc.FrameMetadataFeature.FMF_USER_TIMESTAMP,
    rtc.FrameMetadataFeature.FMF_FRAME_ID,
    rtc.FrameMetadataFeature.FMF_USER_DATA,
)
"""What the packet trailers of the transformed track may contain: all that the camera's may."""

MAINTAIN_RESOLUTION: Final[Any] = rtc.DegradationPreference.MAINTAIN_RESOLUTION
"""Any: the package's types expect its protobuf enumeration, which it doesn't export."""

SAMPLE_RATE_HZ: Final = 48_000
"""Sample rate of audio, as Opus has it."""

CHANNELS: Final = 1
"""Channels of audio."""

AUDIO_QUEUE_MS: Final = 200
"""Milliseconds of audio that may wait to be sent."""

_MICROSECOND: Final = Fraction(1, 1_000_000)

Report = Callable[..., None]
"""Receives what happens: its kind (see `Transformer`), and further fields as keywords."""


def output_codec(requested: str | None, camera: str | None) -> str:
    """The codec of the transformed video: VP8, or H.264 if that is requested and can be decoded.

    The package ``livekit`` publishes without retransmission packets (RTX), so that libwebrtc probes
    the bandwidth with padding in the video's own stream. Padding that the network loses is never
    repeated. A receiver of H.264 waits 3 s for each such packet, as it can't tell it from a part of
    a picture; VP8 numbers its pictures. VP8 is also what every browser decodes (RFC 7742): one
    without H.264 (Firefox before it has downloaded its plugin) publishes another codec.

    Args:
        requested: ``h264``, ``vp8``, or None for no request.
        camera: MIME type of the camera's track, such as ``video/H264``; None before it is known.
    """
    has_h264 = camera is None or camera.lower().endswith(("/h264", "/h265"))
    return "h264" if requested == "h264" and has_h264 else "vp8"


class Transformer:
    """The transforming participant of one room.

    It reports ``joined``; ``failed`` (the room can't be joined; ``reason``); ``first_frame`` (the
    first transformed frame of a camera, again after ``lost``); ``lost`` (no camera any more);
    ``ended`` (it isn't in the room any more; ``reason``).

    Args:
        effect_state: The session's effect; it may change at any time.
        codec: Requested codec of the transformed video, ``h264`` or ``vp8``; None: any.
        echoes_trailers: Whether the camera's packet trailers are sent back with the transformed
            frames; the LiveKit server removes them for clients that don't read trailers.
        keeps_marker: As for `Renderer`.
        report: Called on the event loop with what happens.

    Attributes:
        is_silent: Whether it sends nothing more, as a killed server does (a fault).
        is_frozen: Whether it sends no video (a fault).
    """

    def __init__(
        self,
        *,
        effect_state: EffectState,
        codec: str | None,
        echoes_trailers: bool,
        keeps_marker: bool,
        report: Report,
    ) -> None:
        self.is_silent = self.is_frozen = False
        self._frames = 0
        self._size: tuple[int, int] | None = None
        self._renderer = Renderer(keeps_marker=keeps_marker)
        self._effect_state = effect_state
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="decart-frame")
        self._requested_codec = codec
        self._trailer_features = TRAILER_FEATURES if echoes_trailers else ()
        self._report = report
        self._grace = Grace(REJOIN_LIMIT_S, self._lose)
        self._source: rtc.VideoSource | None = None
        self._codec: str | None = None
        self._publication: rtc.LocalTrackPublication | None = None
        self._publishing = asyncio.Lock()
        self._generating = False
        self._last_picture_at = 0.0
        self._closing = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._camera: asyncio.Task[None] | None = None
        self._microphone: asyncio.Task[None] | None = None
        self._room = rtc.Room()
        self._room.on("track_published", self._on_announced)
        self._room.on("track_subscribed", self._on_track)
        self._room.on("track_unsubscribed", self._on_track_gone)
        self._room.on("disconnected", self._on_disconnected)

    async def run(self, url: str, token: str) -> None:
        """Join the room, publish the transformed track, and watch the camera until cancelled.

        Cancel it only after ``joined`` or ``failed``.

        Args:
            url: Address of the LiveKit server.
            token: Access token.
        """
        try:
            await self._room.connect(url, token, rtc.RoomOptions(connect_timeout=CONNECT_TIMEOUT_S))
            await self._publish()
        except Exception as error:  # the LiveKit package documents no types
            self._report("failed", reason=f"{type(error).__name__}: {error}")
            return
        self._report("joined")
        loop = asyncio.get_running_loop()
        while True:
            await asyncio.sleep(1.0)
            if self._generating and loop.time() > self._last_picture_at + SILENCE_LIMIT_S:
                self._lose()

    async def close(self) -> None:
        """Leave the room; the caller limits how long that may take."""
        self._closing = True
        self._grace.end()
        for task in (self._camera, self._microphone, *self._tasks):
            await _stop(task)
        await self._room.disconnect()
        if self._source is not None:
            await self._source.aclose()

    def stats(self) -> dict[str, Any]:
        """Frames sent, (width, height) in pixels of the last one; rendering: s, frames, errors."""
        renderer = self._renderer
        return {
            "frames": self._frames,
            "size": self._size,
            "render_s": renderer.seconds,
            "rendered": renderer.frames,
            "errors": renderer.errors,
        }

    # --- publishing ---------------------------------------------------------------------------

    async def _publish(self) -> None:
        """Publish the transformed track, or publish it anew if it needs another codec."""
        async with self._publishing:
            # A camera may be announced while a track is being published.
            while (codec := self._wanted_codec()) != self._codec and not self._closing:
                await self._publish_as(codec)

    async def _publish_as(self, codec: str) -> None:
        source = rtc.VideoSource(*FIRST_SIZE)
        # Until its first frame a source sends black pictures, which clients would show. Nobody
        # receives this frame, as the track isn't published yet.
        black = bytes(FIRST_SIZE[0] * FIRST_SIZE[1] * 3 // 2)
        source.capture_frame(rtc.VideoFrame(*FIRST_SIZE, rtc.VideoBufferType.I420, black))
        participant = self._room.local_participant
        publication = await participant.publish_track(
            rtc.LocalVideoTrack.create_video_track("output", source),
            rtc.TrackPublishOptions(
                source=rtc.TrackSource.SOURCE_CAMERA,
                video_codec=CODECS[codec],
                simulcast=False,
                # Otherwise it shrinks the picture while bandwidth or processor are short.
                degradation_preference=MAINTAIN_RESOLUTION,
                frame_metadata_features=self._trailer_features,
                video_encoding=rtc.VideoEncoding(
                    max_bitrate=MAX_BITRATE_BPS, max_framerate=MAX_FRAME_RATE
                ),
            ),
        )
        before, old_source = self._publication, self._source
        self._publication, self._source, self._codec = publication, source, codec
        if before is not None and old_source is not None:
            await participant.unpublish_track(before.sid)
            await old_source.aclose()

    def _wanted_codec(self) -> str:
        return output_codec(self._requested_codec, self._camera_codec())

    def _camera_codec(self) -> str | None:
        """MIME type of the newest track of a camera in the room."""
        codec = None
        for participant in self._room.remote_participants.values():
            if _is_client(participant):
                for publication in participant.track_publications.values():
                    if publication.kind == rtc.TrackKind.KIND_VIDEO and publication.mime_type:
                        codec = publication.mime_type
        return codec

    # --- events of the room -------------------------------------------------------------------

    def _on_announced(self, _: object, participant: rtc.RemoteParticipant) -> None:
        # Before `_publish` was called, the codec is looked up there.
        if _is_client(participant) and self._codec is not None:
            task = asyncio.create_task(self._publish())
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def _on_track(
        self,
        track: rtc.Track,
        publication: rtc.RemoteTrackPublication,
        participant: rtc.RemoteParticipant,
    ) -> None:
        if not _is_client(participant):
            return
        if track.kind == rtc.TrackKind.KIND_AUDIO:
            if self._microphone is not None:
                self._microphone.cancel()
            self._microphone = asyncio.create_task(self._pass_on(track))
            return
        self._grace.end()
        if self._camera is not None:
            self._camera.cancel()
        self._camera = asyncio.create_task(self._transform(track, publication))

    def _on_track_gone(
        self, track: rtc.Track, _: object, participant: rtc.RemoteParticipant
    ) -> None:
        if track.kind == rtc.TrackKind.KIND_VIDEO and _is_client(participant):
            self._grace.begin()

    def _on_disconnected(self, reason: int) -> None:
        if not self._closing:
            name = rtc.DisconnectReason.Name(reason)  # type: ignore[arg-type]
            self._report("ended", reason=name)

    def _lose(self) -> None:
        if self._generating:
            self._generating = False
            self._report("lost")

    # --- media --------------------------------------------------------------------------------

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

    async def _transform(self, track: rtc.Track, publication: rtc.RemoteTrackPublication) -> None:
        loop = asyncio.get_running_loop()
        full_px = publication.width * publication.height if publication.simulcasted else 0
        hold_until: float | None = None
        try:
            async with contextlib.aclosing(pictures(track, publication)) as frames:
                async for event in frames:
                    width, height = event.frame.width, event.frame.height
                    if min(width, height) < SMALLEST_SIDE_PX:
                        continue
                    now = self._last_picture_at = loop.time()
                    if hold_until is None:
                        hold_until = now + FULL_SIZE_LIMIT_S
                    # Layers are half and a quarter as wide and high. (A camera that a browser
                    # scales down because the processor is short is larger than that.)
                    is_low_layer = width * height <= full_px / 4
                    if self.is_silent or self.is_frozen or (is_low_layer and now < hold_until):
                        continue
                    hold_until = now
                    rendered = await loop.run_in_executor(self._executor, self._render, event)
                    if self._source is None:
                        continue
                    self._source.capture_frame(
                        rendered, timestamp_us=event.timestamp_us, metadata=event.metadata
                    )
                    self._frames += 1
                    self._size = (rendered.width, rendered.height)
                    if not self._generating:
                        self._generating = True
                        self._report("first_frame")
        except Exception:
            logger.exception("the video of a room stopped")

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


def _is_client(participant: rtc.RemoteParticipant) -> bool:
    return participant.identity.startswith(f"{CLIENT}-")


async def _stop(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
