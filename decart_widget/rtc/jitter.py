"""A jitter buffer for live video: it collects the packets of a frame, in place of aiortc's."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, Protocol

from aiortc.jitterbuffer import JitterBuffer, JitterFrame
from aiortc.utils import uint16_add, uint16_gt

from decart_widget.rtc.optional_patch import optional_patch, replace, require, warn_skipped

if TYPE_CHECKING:
    from aiortc import RTCRtpReceiver
    from aiortc.rtp import RtpPacket

JITTER_BUFFER: Final = "_RTCRtpReceiver__jitter_buffer"
"""Private attribute of a receiver: its jitter buffer."""

_NAL_UNIT: Final = b"\x00\x00\x00\x01"
"""Start code that aiortc puts before each H.264 NAL unit of a payload."""

_PARAMETERS: Final = re.compile(rb"\x00\x00\x00\x01[\x07\x27\x47\x67]")
"""A NAL unit of type 7 (sequence parameters, with any reference indicator)."""

_VP8_START: Final = b"\x9d\x01\x2a"
"""Start code of a VP8 keyframe (RFC 6386, 9.1), after its frame tag of 3 bytes."""


def starts_keyframe(data: bytes) -> bool:
    """Whether ``data``, the payload of a packet or a whole frame, begins a keyframe.

    Of VP8 that is the start code. Of H.264 it is the sequence parameters, which browsers and x264
    send with every keyframe; a slice of one would not do, since slices before it may be missing.
    """
    if data.startswith(_NAL_UNIT):
        return _PARAMETERS.search(data) is not None
    return data[3:6] == _VP8_START and not data[0] & 1


class TrailerStripper(Protocol):
    """Removes what follows the codec's data in a frame, before it is decoded."""

    def strip(self, frame: JitterFrame) -> None:
        """Change the data of a complete frame."""


class LiveJitterBuffer(JitterBuffer):
    """Releases a frame at its last packet, and continues with a keyframe after a loss.

    aiortc's buffer releases a frame at the first packet of the next one, up to one frame interval
    later; here the last packet (RTP marker bit) does. Without a marker the next frame's first
    packet still releases it.

    While a packet is missing, aiortc's buffer holds all later frames back until 512 packets have
    come. Here a complete keyframe behind the missing packet is released at once: frames before it
    are dropped. When the buffer is full, frames are dropped up to the next keyframe, because
    decoders render the others grey, green or smeared.

    When the private names of aiortc's buffer are gone, aiortc's own method is used.

    Attributes:
        is_blocked: Whether a missing packet holds later ones back.
        lacks_keyframe: Whether frames are dropped until a keyframe comes.
        trailers: Changes each frame before it is released; None: frames are released as they came.
    """

    def __init__(self, capacity: int) -> None:
        super().__init__(capacity=capacity, is_video=True)
        self.is_blocked = False
        self.lacks_keyframe = False
        self.trailers: TrailerStripper | None = None
        self._is_skipped = False
        self._newest: int | None = None
        self._keyframe: int | None = None

    @property
    def origin(self) -> int | None:
        """Sequence number of the first packet that is not released; None before any packet."""
        return getattr(self, "_origin", None)

    def add(self, packet: RtpPacket) -> tuple[bool, JitterFrame | None]:
        """Add a packet; returns whether a keyframe is needed, and a frame if one is complete."""
        number = packet.sequence_number
        if self._newest is None or uint16_gt(number, self._newest):
            self._newest = number
        if starts_keyframe(packet._data):  # type: ignore[attr-defined]
            self._keyframe = number
        is_lossy, frame = super().add(packet)
        if is_lossy:
            self.lacks_keyframe = True
            self._newest = number
        return is_lossy, frame if frame is None or self._is_decodable(frame) else self.release()

    def release(self) -> JitterFrame | None:
        """The next complete frame, which a repeated packet may have completed; else None."""
        while (frame := self._remove_frame(0)) is not None:
            if self._is_decodable(frame):
                return frame
        return None

    def _is_decodable(self, frame: JitterFrame) -> bool:
        if self.lacks_keyframe and starts_keyframe(frame.data):
            self.lacks_keyframe = False
        return not self.lacks_keyframe

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        frame = self._remove_complete_frame(sequence_number)
        if frame is not None and self.trailers is not None:
            self.trailers.strip(frame)
        return frame

    def _remove_complete_frame(self, sequence_number: int) -> JitterFrame | None:
        if not self._is_skipped:
            try:
                return self._remove_marked_frame()
            except AttributeError as error:
                self._is_skipped = True
                warn_skipped("release_on_marker", error)
        return super()._remove_frame(sequence_number)

    def _remove_marked_frame(self) -> JitterFrame | None:
        packets: list[bytes] = []
        timestamp: int | None = None
        count = 0
        self.is_blocked = False
        while count < self._capacity and self._origin is not None:
            number = uint16_add(self._origin, count)
            packet = self._packets[number % self._capacity]
            if packet is None:
                if self._newest is None or not uint16_gt(self._newest, number):
                    return None
                if not self._skip_to_keyframe():
                    self.is_blocked = True
                    return None
                packets, timestamp, count = [], None, 0
                continue
            if timestamp is None:
                timestamp = packet.timestamp
            is_next_frame = packet.timestamp != timestamp
            if not is_next_frame:
                packets.append(packet._data)  # type: ignore[attr-defined]
                count += 1
            if is_next_frame or packet.marker:
                self.remove(count)
                count = 0
                data = b"".join(packets)
                # Padding has no data, and an empty packet would end the decoder's stream.
                if data:
                    return JitterFrame(data=data, timestamp=timestamp)
                packets, timestamp = [], None
        return None

    def _skip_to_keyframe(self) -> bool:
        """Drop all packets before the newest keyframe, if that is complete."""
        if self._keyframe is None or self._origin is None:
            return False
        ahead = uint16_add(self._keyframe, -self._origin)
        first = self._packets[self._keyframe % self._capacity]
        if not 0 < ahead < self._capacity or first is None:
            return False
        for count in range(ahead, self._capacity):
            packet = self._packets[uint16_add(self._origin, count) % self._capacity]
            if packet is None or packet.timestamp != first.timestamp:
                return False
            if packet.marker:
                self.remove(ahead)
                return True
        return False


@optional_patch
def release_on_marker(receiver: RTCRtpReceiver) -> None:
    """Let a video receiver release a frame as soon as it is complete."""
    buffer: JitterBuffer = getattr(receiver, JITTER_BUFFER)
    require(JitterBuffer, "_remove_frame")
    if not isinstance(buffer, LiveJitterBuffer):
        replace(receiver, JITTER_BUFFER, LiveJitterBuffer(buffer.capacity))
