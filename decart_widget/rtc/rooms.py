"""Where rooms reach into aiortc and aioice, beyond what `tuning` does; guarded and tested too.

A room's server names its tracks, chooses codecs and encodes a picture once for everybody who sees
it. aiortc has no public way to do so. As in `tuning`, only the objects of one peer connection are
touched, and a name that has moved leaves its cure out with a warning.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from aiortc import MediaStreamTrack, RTCRtpSender
from aiortc.rtcrtpsender import RTCEncodedFrame

from decart_widget.rtc.optional_patch import _cure, _replace

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection, RTCRtpTransceiver


class EncodedSource(Protocol):
    """Where a sender gets pictures that are encoded already.

    Attributes:
        target_bitrate: Bit/s; the sender sets what its receiver estimates.
    """

    target_bitrate: int

    async def next(self) -> tuple[list[bytes], int]:
        """Payloads of the next picture's RTP packets, and its time stamp (90 kHz)."""

    def request_keyframe(self) -> None:
        """The receiver can't go on without a whole picture."""


class _Placeholder(MediaStreamTrack):
    """Tells a sender that there is something to send; the pictures don't come through it."""

    kind = "video"

    async def recv(self) -> Any:
        raise NotImplementedError("the sender's pictures are encoded elsewhere")


@_cure
def send_encoded(sender: RTCRtpSender, source: EncodedSource) -> None:
    """Let a video sender send what ``source`` has encoded, in place of a track."""
    encoder = "_RTCRtpSender__encoder"
    for name in (encoder, "_next_encoded_frame", "_send_keyframe"):
        getattr(sender, name)

    async def next_encoded_frame(codec: Any) -> RTCEncodedFrame:
        payloads, timestamp = await source.next()
        return RTCEncodedFrame(payloads, timestamp, None)  # type: ignore[arg-type]

    next_encoded_frame.tuned = True  # type: ignore[attr-defined]
    sender.replaceTrack(_Placeholder())
    # The sender tells its encoder, by this attribute alone, what the receiver estimates.
    setattr(sender, encoder, source)
    sender._next_encoded_frame = next_encoded_frame  # type: ignore[method-assign]
    sender._send_keyframe = source.request_keyframe  # type: ignore[method-assign]


@_cure
def name_track(sender: RTCRtpSender, stream_id: str, track_id: str) -> None:
    """Set what ``a=msid`` says of a sender's stream and track, before the description is made."""
    _replace(sender, "_stream_id", stream_id)
    _replace(sender, "_track_id", track_id)


@_cure
def prefer_codec(transceiver: RTCRtpTransceiver, codec: str) -> None:
    """Put a codec (``h264``, ``vp8``) and its retransmission first in the answer.

    Both sides send with the first one. Every later offer is to find the same order: the sender
    may start, with whatever comes first, while aiortc is still taking that offer in.
    """
    names = {c.payloadType: c.name.lower() for c in transceiver._codecs}

    def is_other(candidate: Any) -> bool:
        repeated = names.get(candidate.parameters.get("apt"))
        return (repeated or candidate.name.lower()) != codec

    _replace(transceiver, "_codecs", sorted(transceiver._codecs, key=is_other))
    known = RTCRtpSender.getCapabilities("video").codecs
    transceiver.setCodecPreferences(sorted(known, key=lambda c: c.name.lower() != codec))


def only_receives(transceiver: RTCRtpTransceiver) -> bool:
    """Whether the client offered this section to receive on it, and sends nothing there."""
    return transceiver._offerDirection == "sendonly"


@_cure
def follow_ice_restart(pc: RTCPeerConnection, ufrag: str, password: str) -> None:
    """Accept the new credentials of a client that restarts ICE; the ways found before stay.

    aioice can't restart. It doesn't have to: its own side is where it was.
    """
    for transport in {t.receiver.transport.transport for t in pc.getTransceivers()}:
        connection = transport._connection
        _replace(connection, "remote_username", ufrag)
        _replace(connection, "remote_password", password)
