"""Patches of aiortc and aioice that a room's server needs in addition to `tuning`.

A room's server chooses the ids of tracks (``a=msid``) and the codec, and encodes a frame once for
all subscribers. aiortc has no public API for that. As in `tuning`, only the objects of one peer
connection are patched, and a patch whose target is gone is skipped with a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from aiortc import MediaStreamTrack, RTCRtpSender
from aiortc.rtcrtpsender import RTCEncodedFrame

from decart_widget.rtc.optional_patch import optional_patch, replace, require
from decart_widget.rtc.tuning import ENCODER

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection, RTCRtpTransceiver


class EncodedSource(Protocol):
    """Supplies a sender with frames that are already encoded.

    Attributes:
        target_bitrate: Bit/s; the sender sets it to what its receiver estimates.
    """

    target_bitrate: int

    async def next(self) -> tuple[list[bytes], int]:
        """RTP payloads of the next frame, and its timestamp (90 kHz)."""

    def request_keyframe(self) -> None:
        """The receiver needs a keyframe to continue decoding (RTCP PLI or FIR)."""


class _PlaceholderTrack(MediaStreamTrack):
    """A sender without a track sends nothing; this one is never read."""

    kind = "video"

    async def recv(self) -> Any:
        raise NotImplementedError("frames come from an EncodedSource")


@optional_patch
def send_encoded(sender: RTCRtpSender, source: EncodedSource) -> None:
    """Let a video sender send the frames of ``source`` instead of encoding a track."""
    require(sender, ENCODER, "_next_encoded_frame", "_send_keyframe")

    async def next_encoded_frame(codec: Any) -> RTCEncodedFrame:
        payloads, timestamp = await source.next()
        return RTCEncodedFrame(payloads, timestamp, None)  # type: ignore[arg-type]

    next_encoded_frame.tuned = True  # type: ignore[attr-defined]
    sender.replaceTrack(_PlaceholderTrack())
    # The sender passes the receiver's estimate on by setting `target_bitrate` of its encoder.
    setattr(sender, ENCODER, source)
    sender._next_encoded_frame = next_encoded_frame  # type: ignore[method-assign]
    sender._send_keyframe = source.request_keyframe  # type: ignore[method-assign]


@optional_patch
def name_track(sender: RTCRtpSender, stream_id: str, track_id: str) -> None:
    """Set the stream and track id in ``a=msid``; call it before the description is made."""
    require(sender, "_stream_id", "_track_id")
    replace(sender, "_stream_id", stream_id)
    replace(sender, "_track_id", track_id)


@optional_patch
def prefer_codec(transceiver: RTCRtpTransceiver, codec: str) -> None:
    """Put a codec and its retransmission (``rtx``) first in the answer.

    Both sides send with the first codec. ``setCodecPreferences`` does the same for later offers: a
    sender may start, with whatever codec is first, while aiortc still processes such an offer.

    Args:
        transceiver: It has the client's offer.
        codec: ``h264`` or ``vp8``.
    """
    names = {c.payloadType: c.name.lower() for c in transceiver._codecs}

    def is_other(candidate: Any) -> bool:
        repeated = names.get(candidate.parameters.get("apt"))
        return (repeated or candidate.name.lower()) != codec

    replace(transceiver, "_codecs", sorted(transceiver._codecs, key=is_other))
    known = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences(sorted(known, key=lambda c: c.name.lower() != codec))


@optional_patch
def follow_ice_restart(pc: RTCPeerConnection, ufrag: str, password: str) -> None:
    """Accept the new credentials of a client that restarts ICE; candidate pairs are kept.

    aioice can't restart ICE. It doesn't need to: the server's own addresses are unchanged.
    """
    transports = {t.receiver.transport.transport for t in pc.getTransceivers()}
    connections = [transport._connection for transport in transports]
    for connection in connections:
        require(connection, "remote_username", "remote_password")
    for connection in connections:
        replace(connection, "remote_username", ufrag)
        replace(connection, "remote_password", password)
