"""The interface between a session and what carries its media, such as a browser page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from decart_widget.errors import DecartError
from decart_widget.models import RealtimeModel
from decart_widget.options import VideoOptions
from decart_widget.protocol.messages import Candidate, RoomInfo

EndReason = Literal[
    "stopped", "error", "reconnecting", "closed", "unattended", "budget", "superseded", "ended"
]
"""Why an attempt's media ends; ``"ended"``: its source has no more frames."""

MediaState = Literal[
    "camera", "connected", "first-frame", "reconnecting", "disconnected", "failed", "ended"
]
"""The state of media. A page also reports ``"stalled"`` with a reason: ``BrowserMedia`` passes that
on as ``MediaListener.media_lost``, with the reason as the error's text."""

Transport = Literal["webrtc", "livekit"]
"""How media is negotiated: offer and answer on the control channel, or a LiveKit room."""

START_BITRATE_BPS: Final = 3_000_000
"""bit/s with which a picture of 1280x720 looks good from its first frame on."""

LOOPBACK_HEADROOM: Final = 4
"""How many times faster than its bitrate a picture may be sent when both ends are one machine."""


@dataclass(frozen=True)
class Preparation:
    """What media needs to open its source and to connect.

    Args:
        transport: How media is negotiated.
        model: Determines the picture's size and frame rate.
        video: Codec, bitrates, frame rate.
        rtc: The ``RTCConfiguration``; it may hold TURN credentials, so the ``repr`` omits it.
        timeout_s: Seconds within which the session must be established.
        loopback: Whether the service runs on this machine.
    """

    transport: Transport
    model: RealtimeModel
    video: VideoOptions
    rtc: Mapping[str, Any]
    timeout_s: float
    loopback: bool = False

    @property
    def start_bitrate(self) -> int:
        """The initial bandwidth estimate, in bit/s.

        A browser paces the packets of a picture by this estimate. On a network that keeps routers
        from dropping them; on one machine it only adds delay.
        """
        most = int(self.video.max_bitrate)
        return LOOPBACK_HEADROOM * most if self.loopback else min(most, START_BITRATE_BPS)

    def __repr__(self) -> str:
        return f"Preparation({self.model.name})"


class MediaListener(Protocol):
    """What media reports to a session. Reports about an attempt that is over are dropped."""

    def offer_made(self, attempt: int, sdp: str) -> None:
        """The offer is ready; candidates follow by trickle."""

    def candidate_found(self, attempt: int, candidate: Candidate | None) -> None:
        """A candidate was found; None means end of candidates."""

    def media_changed(self, attempt: int, state: MediaState) -> None:
        """The state of media has changed."""

    def media_refused(self, attempt: int, error: DecartError) -> None:
        """There will be no media, and no retry helps: the camera is denied, missing or busy."""

    def media_lost(self, error: DecartError) -> None:
        """What carried the media is gone (a page was reloaded); another may take its place."""


class Media(Protocol):
    """Carries the media of one session, attempt after attempt."""

    listener: MediaListener | None

    @property
    def in_browser(self) -> bool:
        """Whether a browser carries the media; otherwise this machine does."""

    @property
    def waiting_for_person(self) -> bool:
        """Whether a permission prompt for the camera is open, so that no timeout runs."""

    async def ready(self, timeout: float) -> None:
        """Returns when media can be carried, for instance when a page shows the widget.

        Args:
            timeout: Seconds to wait.

        Raises:
            NoFrontEndError: Nothing could carry media within that time.
        """

    async def attended(self) -> None:
        """Waits while nothing carries the media, for instance while the page is reloaded."""

    @property
    def server_codec(self) -> str | None:
        """The only codec from the service that can be shown; None for any."""

    @property
    def frame_timing(self) -> bool:
        """Whether packet trailers are removed before a room's frames are decoded.

        They say which sent frame a received one was made from; the service appends them on request.
        """

    def prepare(self, attempt: int, preparation: Preparation) -> None:
        """Opens the source and prepares the connection concurrently; reports to the listener."""

    def join(self, attempt: int, room: RoomInfo) -> None:
        """Joins the room, with the transport ``livekit``."""

    def answer(self, attempt: int, sdp: str) -> None:
        """Applies the service's session description."""

    def add_candidate(self, attempt: int, candidate: Candidate | None) -> None:
        """Adds a candidate of the service's; those that arrive before the answer are queued."""

    def end(self, attempt: int, reason: EndReason, *, keep_source: bool) -> None:
        """Ends an attempt's media.

        Args:
            attempt: Its number.
            reason: Why it ends.
            keep_source: Whether the source stays open, because another attempt follows.
        """
