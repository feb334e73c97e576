"""VP8 and H.264 encoders with realtime settings and bitrates of our choice, for aiortc's senders.

They override public methods and attributes only: ``encode``, ``codec``, ``target_bitrate``.
"""

from __future__ import annotations

import threading
from fractions import Fraction
from typing import Any, Final, Protocol

from aiortc.codecs.base import Encoder
from aiortc.codecs.h264 import H264Encoder
from aiortc.codecs.vpx import Vp8Encoder
from aiortc.mediastreams import VIDEO_TIME_BASE, convert_timebase
from av.packet import Packet
from av.video.frame import VideoFrame

from decart_widget.rtc.bitrates import Bitrates
from decart_widget.rtc.x264 import X264Encoder

FPS: Final = 30.0
"""Frames/s, unless a caller says another rate; aiortc assumes as many."""

VP8_FAST: Final = {"cpu-used": "-12", "noise-sensitivity": "0"}
"""Options of libvpx in place of aiortc's ``cpu-used`` -6 and ``noise-sensitivity`` 4.

At the same bitrate a 1280x720 frame takes 4.1 ms instead of 6.6. The denoiser costs time too, and
a transformed picture has no sensor noise.
"""

VP8_THOROUGH: Final = {"cpu-used": "-6", "noise-sensitivity": "0", "static-thresh": "500"}
"""Options of libvpx where the bitrate is scarce.

A moving 1280x720 texture at 1.5 Mbit/s has a PSNR of 31.1 dB, as with aiortc's own options, in 0.93
of their time; with `VP8_FAST` it has 27.2 dB, in 0.65 of their time.
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
    before there is a picture. Executors have several threads and an encoder may be used by one at a
    time, hence the lock.

    Args:
        bitrates: Start value and limits of `target_bitrate`.
        fps: Highest frame rate of what is encoded.
        thorough: Whether to spend more time on a better picture at the same bitrate: for what goes
            over a network. Within one machine, the time is scarcer than the bitrate.

    Attributes:
        bitrates: Start value and limits of `target_bitrate`.
        thorough: See above.
    """

    def __init__(self, bitrates: Bitrates, fps: float = FPS, *, thorough: bool = False) -> None:
        super().__init__()
        self.bitrates = bitrates
        self.fps = fps
        self.thorough = thorough
        self._target_bitrate = bitrates.start
        self._lock = threading.Lock()
        self._has_encoded = False
        self._needs_keyframe = False

    def payloads(self, frame: VideoFrame, *, keyframe: bool) -> list[bytes]:
        """RTP payloads of a frame."""
        raise NotImplementedError

    def encode(self, frame: Any, force_keyframe: bool = False) -> tuple[list[bytes], int]:
        """RTP payloads of a frame, and its timestamp (90 kHz)."""
        # PyAV rounds the frame's time to the codec's time base, which is coarse, while it encodes.
        time = frame.pts, frame.time_base
        with self._lock:
            self._has_encoded = True
            force_keyframe |= self._needs_keyframe
            self._needs_keyframe = False
            payloads = self.payloads(frame, keyframe=force_keyframe)
        frame.pts, frame.time_base = time  # another encoder may take the frame too
        return payloads, convert_timebase(*time, VIDEO_TIME_BASE)

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
            self.payloads(frame, keyframe=False)
            self._has_encoded = self._needs_keyframe = True

    @property
    def target_bitrate(self) -> int:
        """Bit/s. aiortc sets it to what the receiver estimates (REMB); `bitrates` limits that."""
        return self._target_bitrate

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        self._target_bitrate = self.bitrates.clamp(bitrate)


class RealtimeVp8Encoder(RealtimeEncoder, Vp8Encoder):
    """aiortc's VP8 encoder with realtime options.

    Attributes:
        codec: The codec context; None until the first frame.
    """

    def options(self) -> dict[str, str]:
        """Realtime options, and a rate control buffer of one second (libvpx: ``bufsize``)."""
        options = VP8_THOROUGH if self.thorough else VP8_FAST
        return {**options, "bufsize": str(self.target_bitrate)}

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "codec" and value is not None:
            value = _ContextWithOptions(value, self.options())
        super().__setattr__(name, value)

    def payloads(self, frame: VideoFrame, *, keyframe: bool) -> list[bytes]:
        """RTP payloads of a frame."""
        return Vp8Encoder.encode(self, frame, keyframe)[0]


class RealtimeH264Encoder(RealtimeEncoder, H264Encoder):
    """H.264 by `X264Encoder`, packed by aiortc.

    aiortc's own encoder takes ten times as long, begins anew with a keyframe whenever the bitrate
    changes by a tenth, and sends 1280x720 keyframes of 380 kB, in 300 packets: a second of the
    bitrate, and more than the buffer of a socket holds.
    """

    def __init__(self, bitrates: Bitrates, fps: float = FPS, *, thorough: bool = False) -> None:
        super().__init__(bitrates, fps, thorough=thorough)
        self._x264 = X264Encoder(bitrates, fps, thorough=thorough)

    def payloads(self, frame: VideoFrame, *, keyframe: bool) -> list[bytes]:
        """RTP payloads of a frame."""
        self._x264.target_bitrate = self.target_bitrate
        packet = Packet(self._x264.encode_frame(frame, keyframe=keyframe).data)
        packet.pts, packet.time_base = 0, VIDEO_TIME_BASE
        return self.pack(packet)[0]


class MakeEncoder(Protocol):
    """Makes an encoder; see `RealtimeEncoder`."""

    def __call__(
        self, bitrates: Bitrates, fps: float = FPS, *, thorough: bool = False
    ) -> RealtimeEncoder:
        """Returns a new one."""


REALTIME_ENCODERS: Final[dict[str, MakeEncoder]] = {
    "video/vp8": RealtimeVp8Encoder,
    "video/h264": RealtimeH264Encoder,
}
"""The encoder of a codec by its MIME type in lower case."""
