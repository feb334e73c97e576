"""The camera track of a room: frames in, encoded by x264 or by the package livekit itself.

For H.264 this process encodes with x264 and hands the result to `livekit`. Its own OpenH264 takes
more processor time, and skips frames to hold its bitrate (258 of 462 at 60 frames/s). Other codecs
are encoded by `livekit`.
"""

from __future__ import annotations

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, Final, Protocol

import av
from livekit import rtc

from decart_widget.engine.connection import ConnectionSettings, OutgoingFrame
from decart_widget.rtc.bitrates import Bitrates
from decart_widget.rtc.x264 import X264Encoder

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CODECS: Final = {
    "H264": rtc.VideoCodec.H264,
    "VP8": rtc.VideoCodec.VP8,
    "VP9": rtc.VideoCodec.VP9,
    "AV1": rtc.VideoCodec.AV1,
}
"""The package's codecs by their RTP names (`options.CODECS`)."""

METADATA: Final = (rtc.FrameMetadataFeature.FMF_USER_TIMESTAMP,)
"""What the packet trailers of the track contain."""

MAINTAIN_RESOLUTION: Final[Any] = rtc.DegradationPreference.MAINTAIN_RESOLUTION
"""Left alone it is "balanced": under load the picture becomes 960x540, and the model needs one
size. Any: the package's types expect its protobuf enumeration, which it doesn't export."""

KEYFRAME_INTERVAL_S: Final = 0.3
"""Seconds between keyframes that receivers request; one is ten times the size of other frames."""


class CameraTrack(Protocol):
    """A track that is published in a room.

    Attributes:
        codec: Its codec, one of `CODECS`.
    """

    codec: str

    def prepare(self, frame: OutgoingFrame) -> None:
        """Prepares for frames like this one; call it once, before the track is published."""

    def track(self) -> rtc.LocalVideoTrack:
        """Returns the track to publish."""

    def publish_options(self) -> rtc.TrackPublishOptions:
        """Returns the options to publish it with."""

    async def send(self, frame: OutgoingFrame, stamp_us: int) -> bool:
        """Encodes and sends a frame.

        Args:
            frame: The frame.
            stamp_us: The time stamp in its packet trailer.

        Returns:
            Whether it was sent, as far as is known.
        """

    def request_keyframe(self) -> None:
        """Makes the next frame a keyframe where that is possible."""

    async def close(self) -> None:
        """Frees what the track holds. May be called twice."""


def camera_track(settings: ConnectionSettings) -> CameraTrack:
    """Returns the track for these settings; ``AUTO`` means H.264."""
    codec = settings.preferred_codec if settings.preferred_codec in CODECS else "H264"
    if codec == "H264" and "libx264" in av.codecs_available:
        return X264Track(settings)
    return LiveKitTrack(settings, codec)


def _publish_options(settings: ConnectionSettings, codec: str) -> rtc.TrackPublishOptions:
    return rtc.TrackPublishOptions(
        source=rtc.TrackSource.SOURCE_CAMERA,
        video_codec=CODECS[codec],
        # The service receives one layer only.
        simulcast=False,
        degradation_preference=MAINTAIN_RESOLUTION,
        frame_metadata_features=METADATA,
        video_encoding=rtc.VideoEncoding(
            max_bitrate=settings.max_bitrate_bps, max_framerate=settings.max_fps
        ),
    )


class LiveKitTrack:
    """A track that the package livekit encodes.

    Args:
        settings: Bitrate, frame rate and probable size.
        codec: One of `CODECS`.
    """

    def __init__(self, settings: ConnectionSettings, codec: str) -> None:
        self.codec = codec
        self._settings = settings
        self._source = rtc.VideoSource(settings.width_px, settings.height_px)

    def prepare(self, frame: OutgoingFrame) -> None:
        """Captures the frame, which nobody receives: a source without frames sends black ones."""
        self._source.capture_frame(_as_livekit(frame.picture))

    def track(self) -> rtc.LocalVideoTrack:
        """Returns the track to publish."""
        return rtc.LocalVideoTrack.create_video_track("camera", self._source)

    def publish_options(self) -> rtc.TrackPublishOptions:
        """Returns the options to publish it with."""
        return _publish_options(self._settings, self.codec)

    async def send(self, frame: OutgoingFrame, stamp_us: int) -> bool:
        """Hands the frame to the encoder, which may skip it without saying so."""
        metadata = rtc.FrameMetadata(user_timestamp=stamp_us)
        picture = _as_livekit(frame.picture)
        self._source.capture_frame(picture, metadata=metadata)
        return True

    def request_keyframe(self) -> None:
        """Does nothing: the package has no way to ask its encoder."""

    async def close(self) -> None:
        """Frees the source."""
        await self._source.aclose()


class X264Track:
    """A track that is encoded here.

    Args:
        settings: Bitrates, frame rate and probable size.
    """

    codec = "H264"

    def __init__(self, settings: ConnectionSettings) -> None:
        most = settings.max_bitrate_bps
        least = min(max(settings.min_bitrate_bps, 1), most)
        # On one machine there is no network whose bandwidth would have to be found out.
        bitrates = Bitrates.fixed(most) if settings.loopback else Bitrates(most, least, most)
        self._settings = settings
        self._encoder = X264Encoder(bitrates, settings.max_fps, thorough=True)
        self._source = rtc.EncodedVideoSource(settings.width_px, settings.height_px)
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="decart-encode")
        self._wants_keyframe = self._is_running = False
        self._keyframe_at = float("-inf")

    def prepare(self, frame: OutgoingFrame) -> None:
        """Makes the encoder, which takes 30 ms, while the track is being published."""
        self._executor.submit(self._encoder.encode, frame.picture)
        self._wants_keyframe = True

    def track(self) -> rtc.LocalVideoTrack:
        """Returns the track to publish."""
        return rtc.LocalVideoTrack.create_video_track("camera", self._source)

    def publish_options(self) -> rtc.TrackPublishOptions:
        """Returns the options to publish it with."""
        options = _publish_options(self._settings, self.codec)
        options.video_encoder = rtc.VideoEncoderBackend.ENCODER_BACKEND_PRE_ENCODED
        return options

    async def send(self, frame: OutgoingFrame, stamp_us: int) -> bool:
        """Encodes the frame on a thread, and sends it; see `CameraTrack.send`."""
        loop, time_us = asyncio.get_running_loop(), time.monotonic_ns() // 1000
        feedback = self._source.take_feedback()
        self._wants_keyframe |= feedback.keyframe_requested
        if feedback.rate_control is not None:
            if not self._is_running:
                self._is_running = True
                self._keyframe_at = float("-inf")  # nobody got an earlier one
            self._encoder.target_bitrate = feedback.rate_control.target_bitrate_bps
        keyframe = self._takes_keyframe(loop.time())
        encoded = await loop.run_in_executor(self._executor, self._encode, frame, keyframe)
        if not encoded.data:
            return False
        kind = rtc.EncodedFrameType
        # Until the package has set the bitrate, it isn't connected and discards what it is given.
        return self._is_running & self._source.capture_frame(
            rtc.EncodedVideoFrame(
                data=encoded.data,
                width=frame.width,
                height=frame.height,
                codec=rtc.VideoCodec.H264,
                frame_type=kind.ENCODED_FRAME_KEY
                if encoded.is_keyframe
                else kind.ENCODED_FRAME_DELTA,
                timestamp_us=time_us,
                metadata=rtc.FrameMetadata(user_timestamp=stamp_us),
            )
        )

    def request_keyframe(self) -> None:
        """Makes the next frame a keyframe, unless there was one a moment ago."""
        self._wants_keyframe = True

    async def close(self) -> None:
        """Frees source, encoder and thread."""
        self._executor.shutdown(wait=False, cancel_futures=True)
        await self._source.aclose()

    def _encode(self, frame: OutgoingFrame, keyframe: bool) -> Any:
        return self._encoder.encode(frame.picture, keyframe=keyframe)

    def _takes_keyframe(self, now: float) -> bool:
        if not self._wants_keyframe or now - self._keyframe_at < KEYFRAME_INTERVAL_S:
            return False
        self._wants_keyframe, self._keyframe_at = False, now
        return True


def _as_livekit(picture: NDArray[np.uint8]) -> rtc.VideoFrame:
    rows, width = picture.shape
    # The package takes the address of memory that is whole and writable, and copies it at once.
    is_writable = picture.flags.writeable and picture.flags.c_contiguous
    data = picture.reshape(-1).data if is_writable else picture.tobytes()
    return rtc.VideoFrame(width, rows * 2 // 3, rtc.VideoBufferType.I420, data)
