"""The interface between the worker and the connection of one attempt, which runs in it.

Both transports implement `Connection`: `peer.py` (offer and answer) and `room.py` (a LiveKit room).
The worker implements `FrameExchange`: it decides which frame is sent when, and what becomes of the
received ones. Everything here is called on the worker's event loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from decart_widget.errors import DecartError
    from decart_widget.session.media import MediaState, Transport


@dataclass(frozen=True)
class ConnectionSettings:
    """What a connection is made with; both kinds are made by ``Kind(settings, exchange)``.

    Attributes:
        transport: How media is negotiated.
        preferred_codec: ``"H264"``, ``"VP8"`` or another of ``options.CODECS``; ``"AUTO"``: H.264
            where it is offered, else VP8.
        max_bitrate_bps: Highest bitrate of what is sent.
        min_bitrate_bps: Lowest bitrate of what is sent; may be 0.
        max_fps: Highest frame rate of what is sent.
        width_px: Probable width of the frames, for what is prepared before the first one.
        height_px: Likewise.
        rtc: The ``RTCConfiguration``; it may hold TURN credentials, so the ``repr`` omits it.
        loopback: Whether the service runs on this machine.
    """

    transport: Transport
    preferred_codec: str = "AUTO"
    max_bitrate_bps: int = 2_500_000
    min_bitrate_bps: int = 300_000
    max_fps: float = 30.0
    width_px: int = 1280
    height_px: int = 720
    rtc: Mapping[str, Any] = field(default_factory=dict, repr=False)
    loopback: bool = False


@dataclass(frozen=True)
class OutgoingFrame:
    """One frame on its way to the service.

    Attributes:
        picture: ``(height * 3 / 2, width)`` uint8, I420; contiguous, and not changed any more.
        index: Number of the frame in its source, from 0; rises, and may skip numbers.
        source_time: Time of the frame in its source, in seconds from its begin.
        captured_ns: When the source gave it, on ``time.monotonic_ns()``.
        generation: Rises each time when the source is replaced.
    """

    picture: NDArray[np.uint8]
    index: int
    source_time: float
    captured_ns: int
    generation: int = 0

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.picture.shape[1])

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.picture.shape[0]) * 2 // 3

    def without_picture(self) -> OutgoingFrame:
        """Returns the frame with the first row of its picture only, for tables of sent frames.

        A table that held pictures would take 1.4 MB for each frame of 1280x720.
        """
        return replace(self, picture=self.picture[:1].copy())


class FrameExchange(Protocol):
    """What a connection sends and what it received; implemented by the worker."""

    async def next_frame(self) -> OutgoingFrame:
        """Returns the next frame to encode, as soon as it is due; never the same one twice.

        When nothing was asked for a while, the newest frame is returned, not a queued one.
        """

    def frame_sent(self, frame: OutgoingFrame) -> None:
        """Notes that a frame was encoded and sent; the encoder may have dropped others."""

    def frame_received(
        self,
        planes: Sequence[NDArray[np.uint8]],
        width: int,
        height: int,
        sent: OutgoingFrame | None,
        *,
        exact: bool,
    ) -> None:
        """Passes a decoded frame on; copies it.

        Args:
            planes: Y, U and V as ``(h, w)`` arrays, or all of it as one ``(height * 3 / 2, width)``
                I420 array.
            width: In pixels.
            height: In pixels.
            sent: The frame that it was made from; None: not known, the worker estimates it.
            exact: Whether ``sent`` is known, or an estimate.
        """

    def offer_made(self, sdp: str) -> None:
        """The offer is ready, with all its candidates."""

    def changed(self, state: MediaState) -> None:
        """The state of the media has changed; ``first-frame`` is reported by the worker itself."""

    def refused(self, error: DecartError) -> None:
        """There will be no media, and no retry helps."""


class Connection(Protocol):
    """The connection of one attempt. A failure is reported by `FrameExchange.changed`."""

    def start(self) -> None:
        """Begins: makes the offer (``webrtc``), or waits for `join` (``livekit``)."""

    async def join(self, url: str, token: str) -> None:
        """Joins the room (``livekit`` only)."""

    async def answer(self, sdp: str) -> None:
        """Applies the service's session description (``webrtc`` only)."""

    async def add_candidate(self, candidate: dict[str, Any] | None) -> None:
        """Adds a candidate of the service's, an ``RTCIceCandidateInit`` (``webrtc`` only)."""

    async def figures(self) -> dict[str, Any]:
        """Returns counts of the connection: ``sent_bytes``, ``received_bytes``, ``codec``, ..."""

    async def close(self) -> None:
        """Ends the connection and frees what it holds. May be called twice."""
