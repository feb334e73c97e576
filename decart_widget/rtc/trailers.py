"""LiveKit's packet trailers: metadata of a frame that is sent behind its encoded data.

The publisher's client appends a trailer to each encoded frame, and the subscriber's client removes
it before decoding. A trailer consists of elements (tag, length, value; numbers are big-endian), its
own length, and `MAGIC`. All bytes but `MAGIC` are inverted, so that the zeros of a number form no
H.264 start code; there is no further escaping. Source: ``src/frameMetadata/frameMetadata.ts`` of
livekit-client 2.23, ``webrtc-sys/src/packet_trailer.cpp`` of livekit/rust-sdks.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from aiortc.codecs.vpx import VpxPayloadDescriptor

from decart_widget.rtc.jitter import JITTER_BUFFER, LiveJitterBuffer
from decart_widget.rtc.optional_patch import optional_patch, require

if TYPE_CHECKING:
    from aiortc import MediaStreamTrack, RTCRtpReceiver
    from aiortc.jitterbuffer import JitterFrame

MAGIC: Final = b"LKTS"
"""The last bytes of a trailer, which are not inverted."""

LONGEST_TRAILER: Final = 255
"""Bytes of a trailer at most: its length is one byte, which counts the whole trailer."""

KEPT_TRAILERS: Final = 256
"""Trailers of one receiver that wait for their frames to be decoded: 8 s at 30 frames/s."""

_ENVELOPE: Final = 1 + len(MAGIC)
"""Bytes of the length and of `MAGIC`."""

_TIMESTAMP: Final = 1
_FRAME_ID: Final = 2
_USER_DATA: Final = 3

_NUMBER_BYTES: Final = {_TIMESTAMP: 8, _FRAME_ID: 4}
"""Length of the elements that are numbers, by tag."""

_INVERTED: Final = bytes(255 - byte for byte in range(256))
"""Table for ``bytes.translate``."""

_FU_A: Final = 28
"""NAL unit type of an H.264 fragment (RFC 6184, 5.8)."""

_STAP_A: Final = 24
"""NAL unit type of an H.264 aggregation packet (RFC 6184, 5.7.1)."""

_TIMESTAMP_MAPPER: Final = "_RTCRtpReceiver__timestamp_mapper"
_TRAILERS: Final = "_decart_trailers"
"""Attribute of a track: its `ReceivedTrailers`."""


class FrameMetadata(NamedTuple):
    """What a trailer says of its frame.

    Attributes:
        timestamp_us: A time that the publisher chose, in microseconds; 0: none.
        frame_id: A number that the publisher chose; 0: none.
        user_data: Further bytes of the publisher; empty: none.
    """

    timestamp_us: int = 0
    frame_id: int = 0
    user_data: bytes = b""


def make(metadata: FrameMetadata) -> bytes:
    """The trailer of a frame; empty if there is nothing to say.

    Raises:
        ValueError: A number is out of range, or the trailer is longer than `LONGEST_TRAILER`.
    """
    try:
        values = {
            _TIMESTAMP: metadata.timestamp_us.to_bytes(8, "big") if metadata.timestamp_us else b"",
            _FRAME_ID: metadata.frame_id.to_bytes(4, "big") if metadata.frame_id else b"",
            _USER_DATA: metadata.user_data,
        }
        elements = b"".join(bytes([t, len(v)]) + v for t, v in values.items() if v)
        if not elements:
            return b""
        return (elements + bytes([len(elements) + _ENVELOPE])).translate(_INVERTED) + MAGIC
    except (OverflowError, ValueError) as error:
        raise ValueError(f"no trailer can hold {metadata}") from error


def split(data: bytes) -> tuple[bytes, bytes]:
    """An encoded frame without its trailer, and the trailer; empty if the frame has none.

    As in LiveKit's client, what ends like a trailer but has no known element is part of the frame.
    """
    if not data.endswith(MAGIC) or len(data) < _ENVELOPE:
        return data, b""
    length = 255 - data[-_ENVELOPE]
    if not _ENVELOPE <= length < len(data):
        return data, b""
    frame, trailer = data[:-length], data[-length:]
    return (frame, trailer) if _elements(trailer) else (data, b"")


def read(trailer: bytes) -> FrameMetadata:
    """What a trailer says; unknown and damaged elements are ignored."""
    values = _elements(trailer)
    return FrameMetadata(
        timestamp_us=int.from_bytes(values.get(_TIMESTAMP, b""), "big"),
        frame_id=int.from_bytes(values.get(_FRAME_ID, b""), "big"),
        user_data=values.get(_USER_DATA, b""),
    )


def _elements(trailer: bytes) -> dict[int, bytes]:
    """The values of the known elements, by tag, up to the first one that is cut off."""
    body, values = trailer[:-_ENVELOPE].translate(_INVERTED), {}
    at = 0
    while at + 2 <= len(body):
        tag, length = body[at], body[at + 1]
        value = body[at + 2 : at + 2 + length]
        if len(value) < length:
            break
        if length == _NUMBER_BYTES.get(tag) or tag == _USER_DATA:
            values[tag] = value
        at += 2 + length
    return values


# --- sending ----------------------------------------------------------------------------------


def append(payloads: list[bytes], trailer: bytes, codec: str) -> list[bytes]:
    """The RTP payloads of a frame with a trailer.

    The trailer is sent in a packet of its own, as further data of the frame's last part, since the
    other packets may be as long as packets can be.

    Args:
        payloads: Of the frame, without a trailer.
        trailer: May be empty: then nothing is added.
        codec: ``h264`` or ``vp8``.
    """
    if not trailer or not payloads:
        return payloads
    *before, last = payloads
    if codec == "vp8":
        descriptor, _ = VpxPayloadDescriptor.parse(last)
        descriptor.partition_start = 0
        return [*payloads, bytes(descriptor) + trailer]
    if last[0] & 0x1F == _STAP_A:
        rest, last = _split_aggregate(last)
        before.append(rest)
    if last[0] & 0x1F == _FU_A:
        indicator, header, data = last[0], last[1] & 0xBF, last[2:]
    else:
        indicator, header, data = last[0] & 0xE0 | _FU_A, last[0] & 0x1F | 0x80, last[1:]
    end = header & 0x1F | 0x40
    return [*before, bytes([indicator, header]) + data, bytes([indicator, end]) + trailer]


def _split_aggregate(payload: bytes) -> tuple[bytes, bytes]:
    """An H.264 aggregation packet without its last NAL unit, and that NAL unit."""
    at, start = 1, 1
    while at < len(payload):
        start, at = at, at + 2 + int.from_bytes(payload[at : at + 2], "big")
    return payload[:start], payload[start + 2 :]


# --- receiving --------------------------------------------------------------------------------


class ReceivedTrailers:
    """Removes the trailers of a receiver's frames, and keeps the newest until they are asked for.

    Args:
        mapper: aiortc's timestamp mapper of the receiver. It subtracts the RTP timestamp of the
            first frame, and adds 2^32 each time when the RTP timestamp starts again at 0.
    """

    def __init__(self, mapper: Any) -> None:
        self._mapper = mapper
        self._kept: dict[int, bytes] = {}

    def strip(self, frame: JitterFrame) -> None:
        """Remove the trailer of a frame whose timestamp isn't mapped yet."""
        frame.data, trailer = split(frame.data)
        if trailer:
            self._kept[frame.timestamp] = trailer
            if len(self._kept) > KEPT_TRAILERS:
                del self._kept[next(iter(self._kept))]

    def take(self, timestamp: int) -> bytes:
        """The trailer of a decoded frame with this timestamp (90 kHz); empty if it had none."""
        return self._kept.pop((timestamp + (self._mapper._origin or 0)) & 0xFFFFFFFF, b"")


@optional_patch
def strip_trailers(receiver: RTCRtpReceiver) -> None:
    """Let a video receiver remove trailers before it decodes; `trailers_of` its track has them.

    Args:
        receiver: It has the jitter buffer of `jitter.release_on_marker`; otherwise nothing is done.
    """
    mapper = getattr(receiver, _TIMESTAMP_MAPPER)
    require(mapper, "_origin")
    buffer = getattr(receiver, JITTER_BUFFER)
    track = receiver.track
    if isinstance(buffer, LiveJitterBuffer) and buffer.trailers is None and track is not None:
        buffer.trailers = ReceivedTrailers(mapper)
        setattr(track, _TRAILERS, buffer.trailers)


def trailers_of(track: MediaStreamTrack) -> ReceivedTrailers | None:
    """The trailers of a remote track; None for a track whose trailers are not removed."""
    return getattr(track, _TRAILERS, None)
