"""The settings of one session."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from decart_widget.inputs.secrets import Secret
from decart_widget.models import RealtimeModel
from decart_widget.options import ConnectionOptions, VideoOptions
from decart_widget.session.endpoints import Endpoint
from decart_widget.session.media import Transport
from decart_widget.session.tokens import Tokens


@dataclass(frozen=True)
class SessionConfig:
    """The settings of one session.

    Args:
        model: The realtime model.
        endpoint: Where the service is.
        key: A permanent key or a client token.
        transport: ``"livekit"`` (a room) or ``"webrtc"`` (offer and answer).
        video: Codec and bitrates of the video that is sent.
        connection: How to connect, and how long to wait.
        budget: Seconds of generation after which the session ends; None for no limit on our side.
        resolution: ``"720p"``, ``"1080p"`` or None for the model's own.
        speed: ``"fast"`` or None.
        tokens: The source of client tokens; it may hold one that was fetched in advance.
        renew: Called before each reconnect; returns where the service is now, and the key for it
            (a local server that is restarted has another address). None when these never change.
    """

    model: RealtimeModel
    endpoint: Endpoint
    key: Secret
    transport: Transport = "livekit"
    video: VideoOptions = field(default_factory=VideoOptions)
    connection: ConnectionOptions = field(default_factory=ConnectionOptions)
    budget: float | None = None
    resolution: str | None = None
    speed: str | None = None
    tokens: Tokens = field(default_factory=Tokens, repr=False, compare=False)
    renew: Callable[[], Awaitable[tuple[Endpoint, Secret]]] | None = field(
        default=None, repr=False, compare=False
    )
