"""H.264 with libx264, without aiortc: whole frames as a byte stream (Annex B), not RTP payloads."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import av
from av.video.frame import PictureType

from decart_widget.rtc.bitrates import Bitrates

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

H264_OPTIONS: Final = {"preset": "ultrafast", "tune": "zerolatency", "threads": "1"}
"""Options of libx264; aiortc leaves the preset at medium: 33 ms per 1280x720 frame instead of 3.

``threads=1`` gives one slice per frame. With two slices, when the network loses the first slice of
a keyframe, the decoder renders the missing half green. One thread costs 0.2 ms per 1280x720 frame.
"""

THOROUGH: Final = "subme=2:partitions=p8x8,i4x4"
"""Parameters of libx264 for a better picture at the same bitrate: motion is found to a quarter of a
pixel, for parts of a macroblock too. A moving 1280x720 texture at 3 Mbit/s gains 1.1 dB with 2 %
fewer bits, and a frame takes 4.5 ms instead of 2.4."""

THOROUGH_FPS: Final = 30.0
"""Frames/s up to which the time for `THOROUGH` is there."""

KEYFRAME_FRAMES: Final = 3_000
"""Frames between two keyframes that nobody requested; a keyframe is ten times the size of other
frames, and receivers request one when they need it."""

BITRATE_STEP: Final = 0.1
"""Change of the bitrate, as a fraction of it, that the encoder follows (as in aiortc)."""

BT601: Final = 6
"""The matrix of a picture's planes, as ITU-T H.273 numbers it."""

LIMITED_RANGE: Final = 1
"""FFmpeg's ``AVCOL_RANGE_MPEG``: luma from 16 to 235."""

BUFFER_S: Final = 0.5
"""Seconds of video at the highest bitrate that may be sent at once: it limits keyframes."""


class EncodedPicture(NamedTuple):
    """An encoded picture.

    Attributes:
        data: The access unit, in Annex B format.
        is_keyframe: Whether a decoder can begin with it.
    """

    data: bytes
    is_keyframe: bool


def frame_of(picture: NDArray[np.uint8]) -> av.VideoFrame:
    """A frame that uses an array's memory, which must not change while the frame exists.

    Args:
        picture: ``(height * 3 / 2, width)`` uint8, I420; height and width are even. It is copied
            only if its lines don't follow one another.
    """
    whole = picture if picture.flags.c_contiguous else picture.copy()
    return av.VideoFrame.from_numpy_buffer(whole, "yuv420p")


class X264Encoder:
    """Encodes I420 pictures as H.264 (Baseline), each at once and without looking ahead.

    Its methods may run on any thread, one at a time. When the size of the pictures changes, the
    next one is a keyframe.

    Args:
        bitrates: Start value and limits of `target_bitrate`.
        fps: Frames/s. The rate control takes each frame for 1/fps of a second, whenever it comes.
        thorough: Whether to spend more time on a better picture, up to `THOROUGH_FPS`.
        states_colours: Whether the stream says that its colours are BT.601, limited range; a
            decoder that isn't told takes large pictures for BT.709.
    """

    def __init__(
        self,
        bitrates: Bitrates,
        fps: float,
        *,
        thorough: bool = False,
        states_colours: bool = False,
    ) -> None:
        self._bitrates = bitrates
        self._thorough = thorough and fps <= THOROUGH_FPS
        self._target_bitrate = bitrates.start
        self._fps = Fraction(fps).limit_denominator(1000)
        self._states_colours = states_colours
        self._codec: Any = None
        self._pts = 0

    @property
    def target_bitrate(self) -> int:
        """Bit/s of the encoded pictures; limited by the bitrates that were given."""
        return self._target_bitrate

    @target_bitrate.setter
    def target_bitrate(self, bitrate: int) -> None:
        self._target_bitrate = self._bitrates.clamp(bitrate)

    def encode(self, picture: NDArray[np.uint8], *, keyframe: bool = False) -> EncodedPicture:
        """Encodes a picture.

        Args:
            picture: ``(height * 3 / 2, width)`` uint8, I420; height and width are even.
            keyframe: Whether it has to be a keyframe.

        Returns:
            The encoded picture.
        """
        return self.encode_frame(frame_of(picture), keyframe=keyframe)

    def encode_frame(self, frame: av.VideoFrame, *, keyframe: bool = False) -> EncodedPicture:
        """Encodes a frame, whose time and type are changed.

        Args:
            frame: In any format; height and width are even.
            keyframe: Whether it has to be a keyframe.

        Returns:
            The encoded picture.
        """
        if frame.format.name != "yuv420p":
            frame = frame.reformat(format="yuv420p")
        width, height = frame.width, frame.height
        codec = self._codec
        if codec is None or (codec.width, codec.height) != (width, height):
            self._codec = codec = self._open(width, height)
        elif abs(self._target_bitrate - codec.bit_rate) > BITRATE_STEP * codec.bit_rate:
            codec.bit_rate = self._target_bitrate
        frame.pts, frame.time_base = self._pts, 1 / self._fps
        frame.pict_type = PictureType.I if keyframe else PictureType.NONE
        self._pts += 1
        packets = codec.encode(frame)
        return EncodedPicture(
            b"".join(bytes(packet) for packet in packets),
            any(packet.is_keyframe for packet in packets),
        )

    def _open(self, width: int, height: int) -> Any:
        codec = av.CodecContext.create("libx264", "w")
        codec.width, codec.height, codec.pix_fmt = width, height, "yuv420p"
        codec.framerate, codec.time_base = self._fps, 1 / self._fps
        codec.gop_size = KEYFRAME_FRAMES
        codec.profile = "Baseline"
        if self._states_colours:
            codec.colorspace, codec.color_range = BT601, LIMITED_RANGE
        # x264 follows changes of an open encoder's bitrate up to the limit of the rate ("vbv") with
        # which it was opened, and only if it was opened for a constant bitrate.
        ceiling = self._bitrates.ceiling
        codec.options = {
            **H264_OPTIONS,
            "maxrate": str(ceiling),
            "bufsize": str(int(ceiling * BUFFER_S)),
            "forced-idr": "1",
        }
        if self._thorough:
            codec.options = {**codec.options, "x264-params": THOROUGH}
        codec.bit_rate = ceiling
        codec.open()
        codec.bit_rate = self._target_bitrate
        return codec
