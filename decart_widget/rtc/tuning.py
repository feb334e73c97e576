"""Every place where this package reaches into aiortc and aioice, each one guarded and tested.

As they come, the two libraries are made for calls at low bitrates: video starts at 0.5 Mbit/s, the
bandwidth estimate starves the sender, a frame waits for the next one to begin, an unread track
grows without end. The cures need private names, so they all live here, and a test for each of them
fails when a new version moves one.

Nothing is patched for the whole process. `tune` changes the objects of **one** peer connection: a
user's own aiortc in the same process (a notebook kernel, `decart_widget.sandbox.serve`) keeps its
own behaviour. Tuning the same connection again changes nothing.

A name that is missing in the installed version leaves that one cure out with a `RuntimeWarning`:
the picture is poorer then, but there is one.
"""

from __future__ import annotations

import asyncio
import functools
import warnings
from collections import deque
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from aiortc.jitterbuffer import JitterBuffer, JitterFrame

from decart_widget.rtc.bitrates import Bitrates, with_start_bitrate
from decart_widget.rtc.encoders import FAST_ENCODERS, FastH264Encoder, FastVp8Encoder
from decart_widget.rtc.optional_patch import _cure, _replace

if TYPE_CHECKING:
    from aiortc import RTCPeerConnection, RTCRtpReceiver, RTCRtpSender, RTCRtpTransceiver
    from aiortc.rtcicetransport import RTCIceGatherer

__all__ = [
    "FAST_ENCODERS",
    "Bitrates",
    "FastH264Encoder",
    "FastVp8Encoder",
    "MarkerJitterBuffer",
    "NewestQueue",
    "SteadyEstimator",
    "check_versions",
    "dropped_frames",
    "encode_fast",
    "gather_quickly",
    "go_silent",
    "keep_newest",
    "release_on_marker",
    "report_bandwidth",
    "tune",
    "with_start_bitrate",
]

#: The releases whose private names were read and tested.
TESTED_VERSIONS = {"aiortc": "1.16", "aioice": "0.13"}

#: Bit/s that one machine's own road carries at the least. Browsers let packets go by what they are
#: told is free, and encode by what they were asked for: less is nothing but delay.
LOOPBACK_BANDWIDTH = 50_000_000


def check_versions() -> list[str]:
    """Names and versions of installed libraries that were never tested with this module."""
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


def tune(pc: RTCPeerConnection, *, bitrates: Bitrates, loopback: bool = False) -> None:
    """Make one peer connection fit for live video.

    Call it when the transceivers stand and before the local description is set: after
    ``setRemoteDescription(offer)`` on the answering side, after ``addTransceiver`` on the offering
    side. What was tuned before stays as it is.

    Args:
        pc: The connection; no other one is touched.
        bitrates: For its video encoders.
        loopback: Gather 127.0.0.1 and nothing else, so that no packet leaves the machine.
    """
    _warn_untested()
    for transceiver in pc.getTransceivers():
        gather_quickly(transceiver.receiver.transport.transport.iceGatherer, loopback=loopback)
        if transceiver.kind == "video":
            encode_fast(transceiver.sender, bitrates)
            release_on_marker(transceiver.receiver)
            free = LOOPBACK_BANDWIDTH if loopback else bitrates.ceiling
            report_bandwidth(transceiver.receiver, free)
            keep_newest(transceiver.receiver)


# --- gathering --------------------------------------------------------------------------------

#: Seconds that a STUN or TURN server may take; aioice waits 5 for one that never answers.
GATHERING_LIMIT_S = 0.5


@_cure
def gather_quickly(gatherer: RTCIceGatherer, *, loopback: bool = False) -> None:
    """Gather for half a second at most, and on 127.0.0.1 only when ``loopback`` is set.

    aioice never offers 127.0.0.1. Chromium neither, but it can reach one that it is told of.
    """
    connection = gatherer._connection
    gather = connection.get_component_candidates
    if getattr(gather, "tuned", False):
        return

    async def quickly(component: int, addresses: list[str], timeout: float = 0.0) -> Any:
        hosts = ["127.0.0.1"] if loopback else addresses
        limit: Any = GATHERING_LIMIT_S
        return await gather(component, hosts, timeout=limit)

    quickly.tuned = True  # type: ignore[attr-defined]
    connection.get_component_candidates = quickly  # type: ignore[method-assign]


# --- sending ----------------------------------------------------------------------------------


@_cure
def encode_fast(sender: RTCRtpSender, bitrates: Bitrates) -> None:
    """Give a video sender one of our encoders when its codec is known, at its first frame."""
    encode = sender._next_encoded_frame
    if getattr(encode, "tuned", False):
        return
    getattr(sender, "_RTCRtpSender__encoder")  # noqa: B009  its absence must show here

    async def with_fast_encoder(codec: Any) -> Any:
        fast = FAST_ENCODERS.get(codec.mimeType.lower())
        if fast is not None and getattr(sender, "_RTCRtpSender__encoder") is None:  # noqa: B009
            setattr(sender, "_RTCRtpSender__encoder", fast(bitrates))  # noqa: B010
        return await encode(codec)

    with_fast_encoder.tuned = True  # type: ignore[attr-defined]
    sender._next_encoded_frame = with_fast_encoder  # type: ignore[method-assign]


@_cure
def prepare_encoder(transceiver: RTCRtpTransceiver, bitrates: Bitrates) -> None:
    """Give a sender its encoder before its first frame comes, to be warmed up meanwhile.

    Call it when both sides' codecs are known; the first of them is what is sent. It is
    ``sender_encoder(sender)`` then.
    """
    sender, first = transceiver.sender, next(iter(transceiver._codecs), None)
    fast = FAST_ENCODERS.get(first.mimeType.lower()) if first is not None else None
    if fast is not None and getattr(sender, "_RTCRtpSender__encoder") is None:  # noqa: B009
        _replace(sender, "_RTCRtpSender__encoder", fast(bitrates))


def sender_encoder(sender: RTCRtpSender) -> FastVp8Encoder | FastH264Encoder | None:
    """The encoder of ours that a sender has; None while it has none."""
    encoder = getattr(sender, "_RTCRtpSender__encoder", None)
    return encoder if isinstance(encoder, FastVp8Encoder | FastH264Encoder) else None


# --- receiving --------------------------------------------------------------------------------


class MarkerJitterBuffer(JitterBuffer):
    """Releases a frame with its last packet (the RTP marker bit), not with the next frame's first.

    That saves up to one frame interval. Without a marker the next frame's first packet still does.
    """

    def _remove_frame(self, sequence_number: int) -> JitterFrame | None:
        packets: list[bytes] = []
        timestamp: int | None = None
        count = 0
        while count < self._capacity and self._origin is not None:
            packet = self._packets[(self._origin + count) % self._capacity]
            if packet is None:
                return None
            if timestamp is None:
                timestamp = packet.timestamp
            new_frame = packet.timestamp != timestamp
            if not new_frame:
                packets.append(packet._data)  # type: ignore[attr-defined]
                count += 1
            if new_frame or packet.marker:
                self.remove(count)
                count = 0
                data = b"".join(packets)
                # Padding has no data; an empty packet would tell the decoder that the stream ended.
                if data:
                    return JitterFrame(data=data, timestamp=timestamp)
                packets, timestamp = [], None
        return None


@_cure
def release_on_marker(receiver: RTCRtpReceiver) -> None:
    """Let the receiver release a frame as soon as it is whole."""
    name = "_RTCRtpReceiver__jitter_buffer"
    buffer: JitterBuffer = getattr(receiver, name)
    if not isinstance(buffer, MarkerJitterBuffer):
        _replace(receiver, name, MarkerJitterBuffer(capacity=buffer.capacity, is_video=True))


class SteadyEstimator:
    """Reports one bandwidth, twice a second, for the streams that sent lately.

    aiortc's own estimator holds a 3 Mbit/s sender at 1.8 on a free road.
    """

    def __init__(self, bitrate: int) -> None:
        self.bitrate = bitrate
        self._reported_ms: int | None = None
        self._seen_ms: dict[int, int] = {}

    def add(
        self, *, abs_send_time: int, arrival_time_ms: int, payload_size: int, ssrc: int
    ) -> tuple[int, list[int]] | None:
        """One packet came; returns bit/s and stream ids when it is time to report."""
        self._seen_ms[ssrc] = arrival_time_ms
        if self._reported_ms is not None and arrival_time_ms - self._reported_ms < 500:
            return None
        self._reported_ms = arrival_time_ms
        self._seen_ms = {s: t for s, t in self._seen_ms.items() if arrival_time_ms - t < 2000}
        return self.bitrate, list(self._seen_ms)


@_cure
def report_bandwidth(receiver: RTCRtpReceiver, bitrate: int) -> None:
    """Tell the sender that ``bitrate`` (bit/s) is free."""
    name = "_RTCRtpReceiver__remote_bitrate_estimator"
    if not isinstance(getattr(receiver, name), SteadyEstimator):
        _replace(receiver, name, SteadyEstimator(bitrate))


class NewestQueue:
    """Stands where a remote track has its unbounded queue: one frame, the newest.

    Attributes:
        dropped: How many frames nobody had read when the next one came.
    """

    def __init__(self) -> None:
        self._items: deque[Any] = deque()
        self._filled = asyncio.Event()
        self.dropped = 0

    async def put(self, item: Any) -> None:
        """Add a frame in place of an unread one; the end of the track (None) waits its turn."""
        if item is not None and self._items and self._items[-1] is not None:
            self._items.pop()
            self.dropped += 1
        self._items.append(item)
        self._filled.set()

    async def get(self) -> Any:
        """The next frame, or None at the end of the track."""
        while not self._items:
            self._filled.clear()
            await self._filled.wait()
        return self._items.popleft()

    def qsize(self) -> int:
        """How many frames wait: 0 or 1."""
        return len(self._items)


@_cure
def keep_newest(receiver: RTCRtpReceiver) -> None:
    """Let the receiver's track hold the newest frame only. Nothing to do while it has no track."""
    track = receiver.track
    if track is not None and not isinstance(getattr(track, "_queue"), NewestQueue):  # noqa: B009
        _replace(track, "_queue", NewestQueue())


def dropped_frames(track: object) -> int:
    """How many frames of a remote track were dropped unread; 0 for a track that isn't tuned."""
    queue = getattr(track, "_queue", None)
    return queue.dropped if isinstance(queue, NewestQueue) else 0


# --- broken on purpose ------------------------------------------------------------------------


@_cure
def go_silent(pc: RTCPeerConnection) -> None:
    """Take the network away from a connection without a word to the other side.

    No goodbye, no more packets either way: what a killed server looks like. Close it all the same.
    """
    for transceiver in pc.getTransceivers():
        connection = transceiver.receiver.transport.transport._connection
        for protocol in connection._protocols:
            protocol.transport.abort()
