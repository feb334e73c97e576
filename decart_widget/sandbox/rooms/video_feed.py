"""A published video track on its way to its subscribers, encoded once per codec."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiortc.mediastreams import MediaStreamError, convert_timebase
from av.video.frame import PictureType, VideoFrame

from decart_widget.rtc import trailers
from decart_widget.rtc.encoders import REALTIME_ENCODERS
from decart_widget.sandbox.faults import NONE

if TYPE_CHECKING:
    from collections.abc import Callable

    from aiortc import MediaStreamTrack

    from decart_widget.rtc.bitrates import Bitrates
    from decart_widget.rtc.trailers import ReceivedTrailers
    from decart_widget.sandbox.faults import Faults

logger = logging.getLogger(__name__)

WAITING_LIMIT: Final = 8
"""Frames that may wait for one subscriber; when there are more, it restarts with a keyframe."""

KEYFRAME_INTERVAL_S: Final = 0.3
"""Seconds between keyframes that subscribers request; one is ten times the size of other frames."""

FIRST_TIMESTAMP: Final = 9_000
"""RTP timestamp (90 kHz) of the first frame; a frame of `RealtimeEncoder.warm_up` has 0."""

BLANK_SIDE_PX: Final = {"h264": 2, "vp8": 8}
"""Side in pixels of the black pictures with which a LiveKit server closes or mutes a track
(``H264KeyFrame2x2`` and ``VP8KeyFrame8x8`` in its pkg/sfu/downtrack.go)."""

BLANK_PICTURES: Final = 6
"""How many of them it sends when it closes a track: 0.2 s (``RTPBlankFramesCloseSeconds``)."""

BLANK_INTERVAL_S: Final = 1 / 30
"""Seconds between two of them."""

LOW_LAYER_DIVISOR: Final = 4
"""The lowest of three simulcast layers is a quarter as wide and as high as the picture."""

_RTP_CLOCK: Final = Fraction(1, 90_000)


class EncodedFrame(NamedTuple):
    """A frame as it is sent to subscribers.

    Attributes:
        payloads: RTP payloads, without a trailer.
        timestamp: RTP timestamp (90 kHz).
        is_keyframe: Whether it is a keyframe.
        trailer: The packet trailer for subscribers that read trailers; may be empty.
    """

    payloads: list[bytes]
    timestamp: int
    is_keyframe: bool
    trailer: bytes


class VideoSubscription:
    """The frames of one subscriber: the `EncodedSource` of its sender.

    Args:
        channel: Encodes the frames.
        reads_trailers: Whether the subscriber removes packet trailers before it decodes.

    Attributes:
        frames: How many frames were queued for it.
        dropped: How many frames were dropped because its socket did not keep up.
    """

    def __init__(self, channel: _CodecChannel, *, reads_trailers: bool) -> None:
        self._channel = channel
        self._reads_trailers = reads_trailers
        self._waiting: deque[EncodedFrame] = deque()
        self._filled = asyncio.Event()
        self._is_reading = False
        self._has_keyframe = False
        self._is_paused = False
        self._estimate_bps: int | None = None
        self.frames = 0
        self.dropped = 0

    @property
    def target_bitrate(self) -> int:
        """Bit/s of the shared encoder; the sender sets what its receiver estimates (REMB)."""
        return self._channel.encoder.target_bitrate

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        self._estimate_bps = bitrate
        self._channel.update_bitrate()

    @property
    def codec(self) -> str:
        """The codec of its frames, ``h264`` or ``vp8``."""
        return self._channel.codec

    @property
    def estimate_bps(self) -> int | None:
        """The receiver's latest estimate in bit/s; None before the first one."""
        return self._estimate_bps

    def request_keyframe(self) -> None:
        """The subscriber needs a keyframe to continue decoding."""
        self._channel.request_keyframe()

    def pause(self, *, is_paused: bool) -> None:
        """Take no frames, or take them again, from the next keyframe on."""
        if is_paused != self._is_paused:
            self._is_paused = is_paused
            self._waiting.clear()
            self._has_keyframe = False
            self._channel.request_keyframe_now()

    def put(self, frame: EncodedFrame) -> None:
        """Queue a frame, or drop it if it depends on frames that the subscriber didn't get."""
        if not self._is_reading or self._is_paused:
            return  # its connection isn't established: old frames would only add delay
        self._has_keyframe = self._has_keyframe or frame.is_keyframe
        if len(self._waiting) >= WAITING_LIMIT:
            self.dropped += len(self._waiting)
            self._waiting.clear()
            self._has_keyframe = frame.is_keyframe
        if not self._has_keyframe:
            self.dropped += 1
            return
        self.frames += 1
        self._waiting.append(frame)
        self._filled.set()

    async def next(self) -> tuple[list[bytes], int]:
        """RTP payloads and timestamp of the next frame; the first one is a keyframe."""
        if not self._is_reading:
            self._is_reading = True
            self._channel.request_keyframe_now()
        while not self._waiting:
            if not self._has_keyframe:
                self.request_keyframe()  # here, so that a subscriber that never reads never asks
            self._filled.clear()
            await self._filled.wait()
        frame = self._waiting.popleft()
        if not self._reads_trailers:
            return frame.payloads, frame.timestamp
        return trailers.append(frame.payloads, frame.trailer, self.codec), frame.timestamp

    def close(self) -> None:
        """End the subscription. May be called twice."""
        self._channel.remove(self)


class _CodecChannel:
    """The subscribers of a feed with one codec, and their encoder."""

    def __init__(self, codec: str, bitrates: Bitrates) -> None:
        self.codec = codec
        self.encoder = REALTIME_ENCODERS[f"video/{codec}"](bitrates)
        self._subscriptions: set[VideoSubscription] = set()
        self._keyframe_wanted = False
        self._keyframe_at: float | None = None
        self._encoding = asyncio.Lock()

    @property
    def has_subscribers(self) -> bool:
        return bool(self._subscriptions)

    def add(self, *, reads_trailers: bool) -> VideoSubscription:
        subscription = VideoSubscription(self, reads_trailers=reads_trailers)
        self._subscriptions.add(subscription)
        return subscription

    def remove(self, subscription: VideoSubscription) -> None:
        self._subscriptions.discard(subscription)
        self.update_bitrate()

    def request_keyframe(self) -> None:
        self._keyframe_wanted = True

    def request_keyframe_now(self) -> None:
        """Request one for a new subscriber, without waiting for the end of the interval."""
        self._keyframe_at = None
        self._keyframe_wanted = True

    def update_bitrate(self) -> None:
        """Use the lowest estimate: all subscribers get the same frames."""
        estimates = [s.estimate_bps for s in self._subscriptions if s.estimate_bps is not None]
        if estimates:
            self.encoder.target_bitrate = min(estimates)

    async def send_blank(self, timestamp: int) -> None:
        """Send a black picture of `BLANK_SIDE_PX`, which is a keyframe."""
        side = BLANK_SIDE_PX[self.codec]
        self.request_keyframe_now()
        await self.send(black_frame(side, side), timestamp)

    async def send(self, frame: Any, timestamp: int, trailer: bytes = b"") -> None:
        loop = asyncio.get_running_loop()
        is_keyframe = self._takes_keyframe(loop.time())
        async with self._encoding:
            # An encoder changes the frame's timestamp and type, and the next one needs ours.
            frame.pts, frame.time_base = timestamp, _RTP_CLOCK
            frame.pict_type = PictureType.NONE
            encode = self.encoder.encode
            payloads, _ = await loop.run_in_executor(None, encode, frame, is_keyframe)
        if payloads:
            for subscription in list(self._subscriptions):
                subscription.put(EncodedFrame(payloads, timestamp, is_keyframe, trailer))

    async def warm_up(self, width: int, height: int) -> None:
        """Encode a frame that isn't sent: an encoder's first one takes 30 ms, the next ones 3."""
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, self.encoder.warm_up, width, height)

    def _takes_keyframe(self, now: float) -> bool:
        if not self._keyframe_wanted:
            return False
        if self._keyframe_at is not None and now - self._keyframe_at < KEYFRAME_INTERVAL_S:
            return False
        self._keyframe_wanted, self._keyframe_at = False, now
        return True


class VideoFeed:
    """Reads frames from a track, which may be replaced, and sends them to its subscribers.

    Args:
        bitrates: Of its encoders.
        faults: Returns the faults to simulate now.

    Attributes:
        is_muted: Whether the track's frames are read and not sent on. A LiveKit server sends none
            while a track is muted, although its publisher sends black ones.
    """

    kind: Final = "video"

    def __init__(self, bitrates: Bitrates, faults: Callable[[], Faults] = lambda: NONE) -> None:
        self._bitrates = bitrates
        self.is_muted = False
        self._faults = faults
        self._channels: dict[str, _CodecChannel] = {}
        self._task: asyncio.Task[None] | None = None
        self._last: tuple[int, float] | None = None

    def start(self, track: MediaStreamTrack, received: ReceivedTrailers | None = None) -> None:
        """Read frames from ``track`` from now on.

        Args:
            track: Yields frames with the timestamps of the publisher's frames.
            received: The trailers of those frames, which are sent on; None: frames get none.
        """
        self.stop()
        self._task = asyncio.create_task(self._run(track, received))

    def stop(self) -> None:
        """Send no more frames until another track is started; subscriptions are kept."""
        if self._task is not None:
            self._task.cancel()
            self._task = None

    async def end(self) -> None:
        """Stop because the track has ended; blank pictures follow where that fault is set."""
        self.stop()
        await self.send_blank()

    async def send_blank(self) -> None:
        """Send blank pictures, as for a track that ends or is muted, where that fault is set."""
        loop = asyncio.get_running_loop()
        for _ in range(BLANK_PICTURES if self._faults().blank_pictures else 0):
            timestamp = self._first_timestamp(loop.time())
            self._last = (timestamp, loop.time())
            for channel in list(self._channels.values()):
                if channel.has_subscribers:
                    await channel.send_blank(timestamp)
            await asyncio.sleep(BLANK_INTERVAL_S)

    def subscribe(self, codec: str, *, reads_trailers: bool = False) -> VideoSubscription:
        """Add a subscriber.

        Args:
            codec: ``h264`` or ``vp8``.
            reads_trailers: Whether the subscriber removes packet trailers before it decodes.
        """
        return self._channel(codec).add(reads_trailers=reads_trailers)

    async def warm_up(self, codec: str, width: int, height: int) -> None:
        """Prepare the encoder of ``codec`` for frames of that size in pixels."""
        await self._channel(codec).warm_up(width, height)

    def _channel(self, codec: str) -> _CodecChannel:
        if codec not in self._channels:
            self._channels[codec] = _CodecChannel(codec, self._bitrates)
        return self._channels[codec]

    @property
    def codecs(self) -> list[str]:
        """The codecs that have subscribers."""
        return [codec for codec, channel in self._channels.items() if channel.has_subscribers]

    async def _run(self, track: MediaStreamTrack, received: ReceivedTrailers | None) -> None:
        # Each camera's clock starts anywhere, and a receiver stalls when RTP timestamps jump.
        shift: int | None = None
        began = 0.0
        loop = asyncio.get_running_loop()
        try:
            with contextlib.suppress(MediaStreamError):
                while True:
                    frame: Any = await track.recv()
                    timestamp = convert_timebase(frame.pts, frame.time_base, _RTP_CLOCK)
                    trailer = received.take(timestamp) if received is not None else b""
                    if shift is None:
                        shift = self._first_timestamp(loop.time()) - timestamp
                        began = loop.time()
                    if loop.time() < began + self._faults().low_layer_s:
                        frame = low_layer(frame)
                    if self.is_muted:
                        continue
                    self._last = (timestamp + shift, loop.time())
                    for channel in list(self._channels.values()):
                        if channel.has_subscribers:
                            await channel.send(frame, timestamp + shift, trailer)
        except Exception:
            logger.exception("the video of a room stopped")
        finally:
            track.stop()

    def _first_timestamp(self, now: float) -> int:
        """The timestamp of a track's first frame: it continues the track before it."""
        if self._last is None:
            return FIRST_TIMESTAMP
        timestamp, at = self._last
        return timestamp + max(1, int((now - at) / _RTP_CLOCK))


def black_frame(width: int, height: int) -> VideoFrame:
    """A black frame of that size in pixels."""
    frame = VideoFrame(width, height, "yuv420p")
    for plane, value in zip(frame.planes, (16, 128, 128), strict=True):
        plane.update(bytes([value]) * plane.buffer_size)
    return frame


def low_layer(frame: VideoFrame) -> VideoFrame:
    """The frame in the size of the lowest simulcast layer."""
    width, height = (max(2, side // LOW_LAYER_DIVISOR & ~1) for side in (frame.width, frame.height))
    return frame.reformat(width=width, height=height)
