"""The messages of LiveKit's signal protocol that this server sends, built from plain values."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Final

from livekit.protocol import models, rtc

from decart_widget.rtc.sdp import codec_name

PUBLISH_CODECS: Final = ("video/H264", "video/VP8", "audio/opus")
"""What clients may publish; a client that prefers another codec falls back to the first."""

VIDEO_CODECS: Final = ("h264", "vp8")
"""Names of the video codecs among them."""

PING_INTERVAL_S: Final = 5
"""Seconds between a client's pings."""

PING_TIMEOUT_S: Final = 15
"""Seconds without a pong after which a client counts its signal socket as lost."""

SERVER_VERSION: Final = "1.9.0"
"""The release of LiveKit whose behaviour this server follows and that it claims to be."""

PROTOCOL_VERSION: Final = 16
"""Version of the signal protocol in that release."""


def participant(
    *,
    sid: str,
    identity: str,
    name: str = "",
    tracks: Iterable[models.TrackInfo] = (),
    version: int = 1,
    joined_at: float = 0.0,
    can_publish: bool = True,
    has_left: bool = False,
) -> models.ParticipantInfo:
    """A participant of the room and its tracks.

    Args:
        sid: The server's id of it.
        identity: The identity in its token.
        name: Its display name; empty: its identity.
        tracks: What it publishes.
        version: Increases with every change, so that clients ignore older messages.
        joined_at: Unix time.
        can_publish: Whether its token permits publishing.
        has_left: Whether it has left the room.
    """
    tracks = list(tracks)
    return models.ParticipantInfo(
        sid=sid,
        identity=identity,
        name=name or identity,
        state=models.ParticipantInfo.DISCONNECTED if has_left else models.ParticipantInfo.ACTIVE,
        tracks=tracks,
        version=version,
        joined_at=int(joined_at),
        is_publisher=bool(tracks),
        permission=models.ParticipantPermission(
            can_subscribe=True, can_publish=can_publish, can_publish_data=can_publish
        ),
    )


def published(sid: str, request: rtc.AddTrackRequest) -> models.TrackInfo:
    """The description of a track that a client announced.

    Args:
        sid: The server's id of the track.
        request: The announcement.
    """
    info = models.TrackInfo(
        sid=sid,
        type=request.type,
        name=request.name,
        muted=request.muted,
        width=request.width,
        height=request.height,
        source=request.source,
        layers=request.layers,
        stream=request.stream,
        mime_type=mime_type(request),
        simulcast=len(request.layers) > 1,
        packet_trailer_features=request.packet_trailer_features,
    )
    kind = info.mime_type.partition("/")[0]
    for codec in request.simulcast_codecs:
        info.codecs.add(mime_type=f"{kind}/{codec.codec}", cid=codec.cid, layers=codec.layers)
    return info


def mime_type(request: rtc.AddTrackRequest) -> str:
    """The MIME type of a track that a client announced; VP8 for video without a codec."""
    if request.type == models.TrackType.AUDIO:
        return "audio/opus"
    codecs = request.simulcast_codecs
    return f"video/{codec_name(codecs[0].codec).upper()}" if codecs else "video/VP8"


def joined(
    *,
    room: tuple[str, str],
    me: models.ParticipantInfo,
    others: Iterable[models.ParticipantInfo],
) -> rtc.SignalResponse:
    """The first message on a new signal socket.

    Args:
        room: The room's server id and name.
        me: The participant that the client is.
        others: The participants that the client can see.
    """
    response = rtc.JoinResponse(
        room=models.Room(sid=room[0], name=room[1], creation_time=int(time.time())),
        participant=me,
        other_participants=others,
        server_version=SERVER_VERSION,
        subscriber_primary=False,
        # A client may negotiate a track before it knows the server's id of it.
        fast_publish=True,
        ping_interval=PING_INTERVAL_S,
        ping_timeout=PING_TIMEOUT_S,
        server_info=server_info(),
    )
    for mime in PUBLISH_CODECS:
        response.enabled_publish_codecs.add(mime=mime)
        response.room.enabled_codecs.add(mime=mime)
    return rtc.SignalResponse(join=response)


def server_info() -> models.ServerInfo:
    """Edition, version and region of this server."""
    return models.ServerInfo(
        edition=models.ServerInfo.Standard,
        version=SERVER_VERSION,
        protocol=PROTOCOL_VERSION,
        region="local",
        node_id="ND_sandbox",
    )


def resumed() -> rtc.SignalResponse:
    """The first message on a signal socket that replaces a broken one."""
    return rtc.SignalResponse(reconnect=rtc.ReconnectResponse(server_info=server_info()))


def update(participants: Iterable[models.ParticipantInfo]) -> rtc.SignalResponse:
    """The present state of some participants."""
    return rtc.SignalResponse(update=rtc.ParticipantUpdate(participants=participants))


def leave(
    action: rtc.LeaveRequest.Action,
    reason: models.DisconnectReason = models.DisconnectReason.UNKNOWN_REASON,
) -> rtc.SignalResponse:
    """Tell a client to leave.

    Args:
        action: What it does then: nothing (``DISCONNECT``), join again (``RECONNECT``), or resume
            on another signal socket (``RESUME``).
        reason: Why.
    """
    return rtc.SignalResponse(
        leave=rtc.LeaveRequest(
            action=action, reason=reason, can_reconnect=action != rtc.LeaveRequest.DISCONNECT
        )
    )
