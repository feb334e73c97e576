"""Makes the connection of an attempt; imports only what its transport needs."""

from __future__ import annotations

from decart_widget.engine.connection import Connection, ConnectionSettings, FrameExchange
from decart_widget.errors import MediaError


def connect(settings: ConnectionSettings, exchange: FrameExchange) -> Connection:
    """Returns a new connection of the transport that the settings name.

    Raises:
        MediaError: A package that it needs is missing.
    """
    if settings.transport != "livekit":
        from decart_widget.engine.peer import PeerConnection

        return PeerConnection(settings, exchange)
    try:
        from decart_widget.engine.room import RoomConnection
    except ImportError as error:
        raise MediaError(
            f"Rooms need the package livekit, which can't be imported ({error}).",
            remedy='Install it with pip install livekit, or give transport="webrtc".',
            code="livekit-missing",
        ) from None
    return RoomConnection(settings, exchange)
