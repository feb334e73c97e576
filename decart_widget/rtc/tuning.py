"""Patches of aiortc and aioice that make one peer connection fit for live video.

Unpatched, the two libraries suit calls at low bitrates: video starts at 0.5 Mbit/s, the bandwidth
estimate holds the sender far below what the network carries, a frame is decoded only when the
next one begins, and a track that nobody reads queues frames without limit.

Nothing is patched for the whole process. `tune` changes the objects of **one** peer connection, so
that a user's own aiortc in the same process (a notebook kernel, `decart_widget.sandbox.serve`)
behaves as before. Tuning a connection twice changes nothing.

When a private name doesn't exist in the installed release, that one patch is skipped with a
`RuntimeWarning`; there is video all the same, with aiortc's own behaviour.
"""

from __future__ import annotations

import functools
import warnings
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from aiortc.rtp import RtcpByePacket

from decart_widget.rtc.bitrates import Bitrates
from decart_widget.rtc.encoders import FPS, REALTIME_ENCODERS, RealtimeEncoder
from decart_widget.rtc.jitter import release_on_marker
from decart_widget.rtc.loss import keep_history, recover_lost_packets
from decart_widget.rtc.newest_queue import NewestQueue
from decart_widget.rtc.optional_patch import optional_patch, replace, require

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver
    from aiortc.rtcicetransport import RTCIceGatherer

TESTED_VERSIONS: Final = {"aiortc": "1.16", "aioice": "0.13"}
"""The releases whose private names were read and tested."""

LOOPBACK_BANDWIDTH_BPS: Final = 50_000_000
"""The least that loopback carries.

A browser paces its packets by the estimate that it receives, and encodes at the bitrate that it
was configured with: a lower estimate only adds delay.
"""

ENCODER: Final = "_RTCRtpSender__encoder"
"""Private attribute of a sender: its encoder; None until the first frame."""

_BANDWIDTH_ESTIMATOR: Final = "_RTCRtpReceiver__remote_bitrate_estimator"


def check_versions() -> list[str]:
    """Names and versions of installed libraries with which this module was never tested."""
    return [
        f"{name} {version(name)} (tested: {tested})"
        for name, tested in TESTED_VERSIONS.items()
        if version(name).split(".")[:2] != tested.split(".")
    ]


@functools.cache
def _warn_untested() -> None:
    for untested in check_versions():
        warnings.warn(
            f"{untested} was never tested with decart_widget; video may start slowly or lag. "
            "Install the tested version, or a newer decart_widget.",
            RuntimeWarning,
            stacklevel=3,
        )


def tune(
    pc: RTCPeerConnection,
    *,
    bitrates: Bitrates,
    fps: float = FPS,
    thorough: bool = False,
    loopback: bool = False,
) -> None:
    """Make one peer connection fit for live video.

    Call it when the transceivers exist and before the local description is set: after
    ``setRemoteDescription(offer)`` on the answering side, after ``addTransceiver`` on the offering
    side. What is tuned already stays unchanged.

    Args:
        pc: The connection; no other one is changed.
        bitrates: Of its video encoders.
        fps: Highest frame rate of what it sends.
        thorough: Whether its encoders spend more time on a better picture; see `RealtimeEncoder`.
        loopback: Gather 127.0.0.1 and nothing else, so that no packet leaves the machine.
    """
    _warn_untested()
    for transceiver in pc.getTransceivers():
        limit_gathering(transceiver.receiver.transport.transport.iceGatherer, loopback=loopback)
        ignore_goodbye(transceiver.receiver)
        if transceiver.kind == "video":
            use_realtime_encoder(transceiver.sender, bitrates, fps, thorough=thorough)
            release_on_marker(transceiver.receiver)
            recover_lost_packets(transceiver.receiver)
            keep_history(transceiver.sender)
            bandwidth_bps = LOOPBACK_BANDWIDTH_BPS if loopback else bitrates.ceiling
            report_bandwidth(transceiver.receiver, bandwidth_bps)
            keep_newest(transceiver.receiver)


# --- gathering --------------------------------------------------------------------------------

GATHERING_LIMIT_S: Final = 0.5
"""Seconds that a STUN or TURN server may take; aioice waits 5 s for one that never answers."""


@optional_patch
def limit_gathering(gatherer: RTCIceGatherer, *, loopback: bool = False) -> None:
    """Gather candidates for half a second at most, and with ``loopback`` only on 127.0.0.1.

    aioice never offers 127.0.0.1. Chromium doesn't either, but connects to one that is offered.
    """
    connection = gatherer._connection
    gather = connection.get_component_candidates
    if getattr(gather, "tuned", False):
        return

    async def gather_limited(component: int, addresses: list[str], timeout: float = 0.0) -> Any:
        hosts = ["127.0.0.1"] if loopback else addresses
        limit: Any = GATHERING_LIMIT_S
        return await gather(component, hosts, timeout=limit)

    gather_limited.tuned = True  # type: ignore[attr-defined]
    connection.get_component_candidates = gather_limited  # type: ignore[method-assign]


# --- sending ----------------------------------------------------------------------------------


@optional_patch
def use_realtime_encoder(
    sender: RTCRtpSender, bitrates: Bitrates, fps: float = FPS, *, thorough: bool = False
) -> None:
    """Give a video sender an encoder of `encoders` at its first frame, when its codec is known."""
    encode = sender._next_encoded_frame
    if getattr(encode, "tuned", False):
        return
    require(sender, ENCODER)

    async def encode_realtime(codec: Any) -> Any:
        encoder = REALTIME_ENCODERS.get(codec.mimeType.lower())
        if encoder is not None and getattr(sender, ENCODER) is None:
            setattr(sender, ENCODER, encoder(bitrates, fps, thorough=thorough))
        return await encode(codec)

    encode_realtime.tuned = True  # type: ignore[attr-defined]
    sender._next_encoded_frame = encode_realtime  # type: ignore[method-assign]


@optional_patch
def prepare_encoder(
    transceiver: RTCRtpTransceiver, bitrates: Bitrates, fps: float = FPS, *, thorough: bool = False
) -> None:
    """Give a sender its encoder before its first frame, so that it can be warmed up.

    Call it when the codecs are negotiated; the first of them is the one that is sent. The encoder
    is `sender_encoder` then.
    """
    sender, first = transceiver.sender, next(iter(transceiver._codecs), None)
    encoder = REALTIME_ENCODERS.get(first.mimeType.lower()) if first is not None else None
    if encoder is not None and getattr(sender, ENCODER) is None:
        replace(sender, ENCODER, encoder(bitrates, fps, thorough=thorough))


def sending_codec(transceiver: RTCRtpTransceiver) -> str:
    """The name of the codec that a transceiver sends, such as ``H264``; empty before it is agreed.

    aiortc says it nowhere else.
    """
    first = next(iter(getattr(transceiver, "_codecs", ())), None)
    return "" if first is None else str(first.name)


def sender_encoder(sender: RTCRtpSender) -> RealtimeEncoder | None:
    """The encoder of a sender if it is one of `encoders`; None otherwise."""
    encoder = getattr(sender, ENCODER, None)
    return encoder if isinstance(encoder, RealtimeEncoder) else None


# --- receiving --------------------------------------------------------------------------------


@optional_patch
def ignore_goodbye(receiver: RTCRtpReceiver) -> None:
    """Let a receiver's track continue after an RTCP BYE, for which aiortc ends it for good.

    BYE says that a source stops sending (RFC 3550, section 6.6); the track of a transceiver ends
    with the transceiver, and is only muted by BYE (W3C WebRTC, section 5.3). Firefox says BYE
    whenever it configures a sender anew, and continues with the same SSRC: when a microphone joins
    a connection, for instance, the offer has lost its simulcast and the camera's sender changes.
    """
    handle = receiver._handle_rtcp_packet
    if getattr(handle, "tuned", False):
        return

    async def handle_others(packet: Any) -> None:
        if not isinstance(packet, RtcpByePacket):
            await handle(packet)

    handle_others.tuned = True  # type: ignore[attr-defined]
    receiver._handle_rtcp_packet = handle_others  # type: ignore[method-assign]


class ConstantEstimator:
    """Reports one bandwidth, twice a second, for the streams that sent within the last 2 s.

    It replaces aiortc's estimator, which holds a 3 Mbit/s sender at 1.8 on an idle network.

    Args:
        bitrate: Bit/s.
    """

    def __init__(self, bitrate: int) -> None:
        self.bitrate = bitrate
        self._reported_ms: int | None = None
        self._seen_ms: dict[int, int] = {}

    def add(
        self, *, abs_send_time: int, arrival_time_ms: int, payload_size: int, ssrc: int
    ) -> tuple[int, list[int]] | None:
        """Take note of a packet, as aiortc's estimator does.

        Returns:
            Bit/s and SSRCs when a report (RTCP REMB) is due, otherwise None.
        """
        self._seen_ms[ssrc] = arrival_time_ms
        if self._reported_ms is not None and arrival_time_ms - self._reported_ms < 500:
            return None
        self._reported_ms = arrival_time_ms
        self._seen_ms = {s: t for s, t in self._seen_ms.items() if arrival_time_ms - t < 2000}
        return self.bitrate, list(self._seen_ms)


@optional_patch
def report_bandwidth(receiver: RTCRtpReceiver, bitrate: int) -> None:
    """Tell the sender that ``bitrate`` (bit/s) is available."""
    if not isinstance(getattr(receiver, _BANDWIDTH_ESTIMATOR), ConstantEstimator):
        replace(receiver, _BANDWIDTH_ESTIMATOR, ConstantEstimator(bitrate))


@optional_patch
def keep_newest(receiver: RTCRtpReceiver) -> None:
    """Give the receiver's track a `NewestQueue`; without a track nothing happens."""
    track = receiver.track
    if track is not None and not isinstance(getattr(track, "_queue"), NewestQueue):  # noqa: B009
        replace(track, "_queue", NewestQueue())


def dropped_frames(track: object) -> int:
    """How many frames of a remote track were dropped unread; 0 for a track that isn't tuned."""
    queue = getattr(track, "_queue", None)
    return queue.dropped if isinstance(queue, NewestQueue) else 0


# --- simulated failure ------------------------------------------------------------------------


@optional_patch
def go_silent(pc: RTCPeerConnection) -> None:
    """Stop sending and receiving without telling the other side, as a killed server does.

    There is no DTLS close_notify and no RTCP BYE. The connection must still be closed.
    """
    for transceiver in pc.getTransceivers():
        connection = transceiver.receiver.transport.transport._connection
        for protocol in connection._protocols:
            protocol.transport.abort()
