"""What a session asks of whatever carries the picture: a browser, or an engine in the kernel."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, Protocol

from decart_widget.errors import DecartError
from decart_widget.models import RealtimeModel
from decart_widget.options import VideoOptions
from decart_widget.protocol.messages import Candidate, RoomInfo

EndReason = Literal[
    "stopped", "error", "reconnecting", "closed", "unattended", "budget", "superseded"
]
MediaState = Literal[
    "camera", "connected", "first-frame", "reconnecting", "disconnected", "failed", "ended"
]
Transport = Literal["webrtc", "livekit"]
"""How pictures travel: offer and answer on the control channel, or a LiveKit room."""

START_BITRATE: Final = 3_000_000
"""bit/s; where a picture of 1280x720 is good from its first frame on."""

LOOPBACK_HEADROOM: Final = 4
"""On one machine a picture may leave this many times faster than the bitrate asks."""


@dataclass(frozen=True)
class Preparation:
    """What media needs to know to make an offer.

    Args:
        transport: How pictures travel.
        model: Its picture's size and rate.
        video: Codec, bitrates, frame rate.
        rtc: The ``RTCConfiguration``; may hold TURN credentials, so it has no ``repr``.
        timeout_s: Seconds until the session must stand.
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
        """What the connection is estimated to carry at first, in bit/s.

        A browser spreads the packets of a picture over time by this estimate. On a network that
        keeps routers from dropping them; on one machine it is nothing but delay.
        """
        most = int(self.video.max_bitrate)
        return LOOPBACK_HEADROOM * most if self.loopback else min(most, START_BITRATE)

    def __repr__(self) -> str:
        return f"Preparation({self.model.name})"


class MediaListener(Protocol):
    """What media tells a session. Reports of an attempt that is over are dropped."""

    def offer_made(self, attempt: int, sdp: str) -> None:
        """The offer is ready; candidates follow by trickle."""

    def candidate_found(self, attempt: int, candidate: Candidate | None) -> None:
        """A candidate; None ends them."""

    def media_changed(self, attempt: int, state: MediaState) -> None:
        """How media is doing."""

    def media_refused(self, attempt: int, error: DecartError) -> None:
        """There will be no media, and no retry helps: the camera is denied, missing or busy."""

    def media_lost(self, error: DecartError) -> None:
        """What carried the picture is gone (a page was reloaded); another may take its place."""


class Media(Protocol):
    """Carries the picture of one session, attempt after attempt."""

    listener: MediaListener | None

    @property
    def waiting_for_person(self) -> bool:
        """Whether somebody is being asked (for the camera), so that waiting doesn't count."""

    async def ready(self, timeout: float) -> None:
        """Returns when there is something that can carry the picture.

        Raises ``NoFrontEndError`` when there is nothing after ``timeout`` seconds.
        """

    async def attended(self) -> None:
        """Returns when what carried the picture can be counted on: at once, unless it is away."""

    @property
    def server_codec(self) -> str | None:
        """The codec that the service must send because nothing else can be shown; None for any."""

    def prepare(self, attempt: int, preparation: Preparation) -> None:
        """Opens the source and gets the connection ready, both at once; reports to the listener."""

    def join(self, attempt: int, room: RoomInfo) -> None:
        """Joins the room, with the transport ``livekit``."""

    def answer(self, attempt: int, sdp: str) -> None:
        """Takes the service's session description."""

    def add_candidate(self, attempt: int, candidate: Candidate | None) -> None:
        """Takes a candidate of the service's; those before the answer are queued."""

    def end(self, attempt: int, reason: EndReason, *, keep_source: bool) -> None:
        """Ends an attempt's media; the source goes too unless another attempt follows."""
