"""aiortc's VP8 and H.264 encoders with realtime settings and bitrates of our choice.

They override public methods and attributes only: ``encode``, ``codec``, ``target_bitrate``.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from fractions import Fraction
from typing import Any, Final

from aiortc.codecs.base import Encoder
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.mediastreams import VIDEO_TIME_BASE, convert_timebase
from av.video.frame import VideoFrame

from decart_widget.rtc.bitrates import Bitrates
from decart_widget.rtc.x264 import H264_OPTIONS, KEYFRAME_FRAMES

VP8_OPTIONS: Final = {"cpu-used": "-12", "noise-sensitivity": "0"}
"""Options of libvpx in place of aiortc's ``cpu-used`` -6 and ``noise-sensitivity`` 4.

At the same bitrate a 1280x720 frame takes 4.1 ms instead of 6.6. The denoiser costs time too, and
a transformed picture has no sensor noise.
"""


class _ContextWithOptions:
    """A codec context that adds options to those that aiortc's encoder sets."""

    __slots__ = ("_context", "_extra")

    def __init__(self, context: Any, extra: dict[str, str]) -> None:
        object.__setattr__(self, "_context", context)
        object.__setattr__(self, "_extra", extra)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._context, name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._context, name, {**value, **self._extra} if name == "options" else value)


class RealtimeEncoder(Encoder):
    """Mixin for an aiortc video encoder: realtime options, own bitrate range, a warm-up.

    An encoder's first frame takes 30 ms, the following ones 3 ms: `warm_up` encodes the first one
    before there is a picture. Executors have several threads and a codec context may be used by
    one at a time, hence the lock.

    Attributes:
        bitrates: Start value and limits of `target_bitrate`.
        codec: The codec context; None until the first frame.
    """

    def __init__(self, bitrates: Bitrates) -> None:
        super().__init__()
        self.bitrates = bitrates
        self._target_bitrate = bitrates.start
        self._lock = threading.Lock()
        self._has_encoded = False
        self._needs_keyframe = False

    def options(self) -> dict[str, str]:
        """Options of the codec that are added to aiortc's, or replace them."""
        raise NotImplementedError

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "codec" and value is not None:
            value = _ContextWithOptions(value, self.options())
        super().__setattr__(name, value)

    def encode(self, frame: Any, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """RTP payloads of a frame, and its timestamp (90 kHz)."""
        # PyAV rounds the frame's time to the codec's time base, which is coarse, while it encodes.
        timestamp = convert_timebase(frame.pts, frame.time_base, VIDEO_TIME_BASE)
        with self._lock:
            self._has_encoded = True
            force_keyframe |= self._needs_keyframe
            self._needs_keyframe = False
            payloads, _ = super().encode(frame, force_keyframe)  # type: ignore[safe-super]
        return payloads, timestamp

    def warm_up(self, width: int, height: int) -> None:
        """Encode a black frame that isn't sent, unless a real one was encoded before.

        Args:
            width: Of the frames to come, in pixels.
            height: Likewise.
        """
        with self._lock:
            if self._has_encoded:
                return
            frame = VideoFrame(width, height, "yuv420p")
            frame.pts, frame.time_base = 0, Fraction(1, 90_000)
            super().encode(frame, False)  # type: ignore[safe-super]
            self._has_encoded = self._needs_keyframe = True

    @property
    def target_bitrate(self) -> int:
        """Bit/s. aiortc sets it to what the receiver estimates (REMB); `bitrates` limits that."""
        return self._target_bitrate

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        self._target_bitrate = self.bitrates.clamp(bitrate)


class RealtimeVp8Encoder(RealtimeEncoder, Vp8Encoder):
    """aiortc's VP8 encoder with realtime options."""

    def options(self) -> dict[str, str]:
        """Realtime options, and a rate control buffer of one second (libvpx: ``bufsize``)."""
        return {**VP8_OPTIONS, "bufsize": str(self.target_bitrate)}


class RealtimeH264Encoder(RealtimeEncoder, H264Encoder):
    """aiortc's H.264 encoder with realtime options: ten times faster."""

    def options(self) -> dict[str, str]:
        """Realtime options, and no keyframes that nobody requested.

        aiortc leaves those at one in 250 frames: bursts of a hundred packets, which overflow the
        buffer of a socket, so that a clip of 300 frames lost 3 to 40 of them.
        """
        return {**H264_OPTIONS, "g": str(KEYFRAME_FRAMES)}


REALTIME_ENCODERS: Final[dict[str, Callable[[Bitrates], RealtimeEncoder]]] = {
    "video/vp8": RealtimeVp8Encoder,
    "video/h264": RealtimeH264Encoder,
}
"""The encoder of a codec by its MIME type in lower case."""
