"""Patches of aiortc so that video continues when the network loses packets.

A receiver requests the packets that it misses (RTCP NACK, RFC 4585), and the sender repeats them.
Unpatched, aiortc fails at that in four ways:

- It finds the stream of repeated packets (RTX, RFC 4588) by ``a=ssrc-group:FID`` alone. A client
  that sends simulcast layers (RFC 8853) writes no SSRC into its SDP; all that it repeats is lost.
- It requests a missing packet again only when a further one is missing, and otherwise waits until
  512 later packets have come: seconds of a still picture.
- It releases one frame for each packet that comes, although a repeated packet may complete several.
- It keeps 128 sent packets for repetition; a keyframe of 1280x720 alone has about 80.

As in `tuning`, only the objects of one connection are patched, and a patch whose target is gone is
skipped with a warning.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from aiortc.codecs import is_rtx
from aiortc.rtcrtpreceiver import NackGenerator
from aiortc.utils import uint16_add, uint16_gt

from decart_widget.rtc.jitter import JITTER_BUFFER, LiveJitterBuffer
from decart_widget.rtc.optional_patch import optional_patch, replace, require

if TYPE_CHECKING:
    from aiortc import RTCRtpReceiver, RTCRtpSender
    from aiortc.rtp import RtpPacket

NACK_INTERVAL_S: Final = 0.03
"""Seconds after which missing packets are requested again."""

NACK_PACKETS: Final = 450
"""Missing packets are requested while they are among so many newest ones (1.5 s at 3 Mbit/s).

aiortc's jitter buffer for video drops the oldest of more than 512.
"""

KEYFRAME_WAIT_S: Final = 0.2
"""Seconds that a missing packet may hold frames back before a keyframe is requested.

Chromium's receiver waits as long (``kMaxWaitForKeyFrame`` in ``video_receive_stream2.h``).
"""

KEYFRAME_INTERVAL_S: Final = 0.3
"""Seconds after which the request of a keyframe (RTCP PLI) is repeated."""

HISTORY_PACKETS: Final = 1024
"""Sent packets that are kept for repetition; 3 s at 3 Mbit/s."""

_NACK_GENERATOR: Final = "_RTCRtpReceiver__nack_generator"
_CODECS: Final = "_RTCRtpReceiver__codecs"
_RTX_SSRC: Final = "_RTCRtpReceiver__rtx_ssrc"
_DECODER_QUEUE: Final = "_RTCRtpReceiver__decoder_queue"
_TIMESTAMP_MAPPER: Final = "_RTCRtpReceiver__timestamp_mapper"
_RTP_HISTORY: Final = "_RTCRtpSender__rtp_history"

Clock = Callable[[], float]
"""Seconds of a clock that never goes back."""


# --- receiving --------------------------------------------------------------------------------


class RepeatingNackGenerator(NackGenerator):
    """Requests missing packets again every `NACK_INTERVAL_S` until they come or are too old."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._requested_at = clock()

    def add(self, packet: RtpPacket) -> bool:
        """Take note of a packet; returns whether ``missing`` is to be requested now."""
        number = packet.sequence_number
        if self.max_seq is not None and self._is_far(number, self.max_seq):
            self.missing.clear()  # a new stream, or an interruption that no request can repair
            self.max_seq = number
            return False
        has_new = super().add(packet)
        now = self._clock()
        is_due = has_new or now - self._requested_at >= NACK_INTERVAL_S
        if not self.missing or not is_due:
            return False
        self._requested_at = now
        return True

    @staticmethod
    def _is_far(number: int, newest: int) -> bool:
        return uint16_gt(number, uint16_add(newest, NACK_PACKETS)) or uint16_gt(
            uint16_add(newest, -NACK_PACKETS), number
        )

    def truncate(self) -> None:
        """Forget missing packets that are too old to be requested."""
        if self.max_seq is not None:
            self.forget_before(uint16_add(self.max_seq, -NACK_PACKETS))

    def forget_before(self, number: int) -> None:
        """Forget missing packets before this sequence number."""
        self.missing = {one for one in self.missing if not uint16_gt(number, one)}


class _LossRecovery:
    """Handles the RTP packets of a video receiver, with aiortc's own method inside."""

    def __init__(self, receiver: RTCRtpReceiver, clock: Clock) -> None:
        self._receiver = receiver
        self._clock = clock
        self._handle = receiver._handle_rtp_packet
        self._buffer: LiveJitterBuffer = getattr(receiver, JITTER_BUFFER)
        self._nacks = RepeatingNackGenerator(clock)
        replace(receiver, _NACK_GENERATOR, self._nacks)
        self._codecs: dict[int, Any] = getattr(receiver, _CODECS)
        self._rtx_ssrc: dict[int, int] = getattr(receiver, _RTX_SSRC)
        self._learned_ssrc: int | None = None
        self._media_ssrc: int | None = None
        self._origin: int | None = None
        self._blocked_at: float | None = None
        self._keyframe_at: float | None = None

    async def handle(self, packet: RtpPacket, arrival_time_ms: int) -> None:
        codec = self._codecs.get(packet.payload_type)
        if codec is None:
            await self._handle(packet, arrival_time_ms)
            return
        if is_rtx(codec):
            self._learn(packet.ssrc)
            codec = self._codecs.get(codec.parameters.get("apt"))
        else:
            self._media_ssrc = packet.ssrc
        await self._handle(packet, arrival_time_ms)
        self._release(codec)
        await self._request_keyframe()

    def _learn(self, ssrc: int) -> None:
        """Assign repeated packets with an SSRC that isn't in the SDP to the stream received."""
        if self._media_ssrc is None or (ssrc in self._rtx_ssrc and ssrc != self._learned_ssrc):
            return
        if self._learned_ssrc is not None:
            self._rtx_ssrc.pop(self._learned_ssrc, None)
        self._learned_ssrc = ssrc
        self._rtx_ssrc[ssrc] = self._media_ssrc

    def _release(self, codec: Any) -> None:
        """Decode further frames that the packet has completed."""
        while codec is not None and (frame := self._buffer.release()) is not None:
            mapper = getattr(self._receiver, _TIMESTAMP_MAPPER)
            frame.timestamp = mapper.map(frame.timestamp)
            getattr(self._receiver, _DECODER_QUEUE).put((codec, frame))

    async def _request_keyframe(self) -> None:
        """Request a keyframe if frames were held back for too long, or are dropped without one."""
        now = self._clock()
        origin, buffer = self._buffer.origin, self._buffer
        if origin != self._origin and origin is not None:
            self._nacks.forget_before(origin)
        if origin != self._origin or not buffer.is_blocked:
            self._origin, self._blocked_at = origin, now if buffer.is_blocked else None
        elif self._blocked_at is None:
            self._blocked_at = now
        waits = self._blocked_at is not None and now - self._blocked_at >= KEYFRAME_WAIT_S
        is_due = self._keyframe_at is None or now - self._keyframe_at >= KEYFRAME_INTERVAL_S
        if (waits or buffer.lacks_keyframe) and is_due and self._media_ssrc is not None:
            self._keyframe_at = now
            await self._receiver._send_rtcp_pli(self._media_ssrc)


@optional_patch
def recover_lost_packets(receiver: RTCRtpReceiver, clock: Clock = time.monotonic) -> None:
    """Let a video receiver get lost packets again, or else a keyframe.

    Args:
        receiver: It has the jitter buffer of `jitter.release_on_marker`; otherwise nothing is done.
        clock: Tells how long packets have been missing.
    """
    if isinstance(getattr(receiver, _NACK_GENERATOR), RepeatingNackGenerator):
        return
    require(receiver, _CODECS, _RTX_SSRC, _DECODER_QUEUE, _TIMESTAMP_MAPPER)
    require(receiver, "_handle_rtp_packet", "_send_rtcp_pli")
    if isinstance(getattr(receiver, JITTER_BUFFER), LiveJitterBuffer):
        recovery = _LossRecovery(receiver, clock)
        receiver._handle_rtp_packet = recovery.handle  # type: ignore[method-assign]


# --- sending ----------------------------------------------------------------------------------


class PacketHistory(dict[int, Any]):
    """The newest `HISTORY_PACKETS` packets of a sender, in place of aiortc's 128.

    aiortc stores a packet under its sequence number modulo 128 and looks it up under that.

    Attributes:
        requested: Sequence number of the packet that `get` returns.
    """

    def __init__(self) -> None:
        super().__init__()
        self.requested = 0

    def __setitem__(self, _: int, packet: RtpPacket) -> None:
        super().__setitem__(packet.sequence_number % HISTORY_PACKETS, packet)

    def get(self, _: int, default: Any = None) -> Any:
        """The packet in the place of `requested`, of which the caller checks the number."""
        return super().get(self.requested % HISTORY_PACKETS, default)


@optional_patch
def keep_history(sender: RTCRtpSender) -> None:
    """Let a sender keep more packets for repetition."""
    if isinstance(getattr(sender, _RTP_HISTORY), PacketHistory):
        return
    repeat = sender._retransmit
    history = PacketHistory()

    async def retransmit(sequence_number: int) -> None:
        history.requested = sequence_number  # aiortc looks it up before it awaits anything
        await repeat(sequence_number)

    replace(sender, _RTP_HISTORY, history)
    sender._retransmit = retransmit  # type: ignore[method-assign]
