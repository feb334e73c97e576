"""The messages of LiveKit's signal protocol that this server sends, built from plain values."""

from __future__ import annotations

import time
from collections.abc import Iterable

from livekit.protocol import models, rtc

from decart_widget.sandbox.rooms.sdp import codec_named

#: What clients may publish; they choose the first when theirs is none of these.
PUBLISH_CODECS = ("video/H264", "video/VP8", "audio/opus")
VIDEO_CODECS = ("h264", "vp8")

#: Seconds between a client's pings, and until one that isn't answered counts as a lost connection.
PING_INTERVAL_S = 5
PING_TIMEOUT_S = 15

#: What this server claims to be: the release of LiveKit whose behaviour it follows.
SERVER_VERSION = "1.9.0"
PROTOCOL_VERSION = 16


def participant(
    *,
    sid: str,
    identity: str,
    name: str = "",
    tracks: Iterable[models.TrackInfo] = (),
    version: int = 1,
    joined_at: float = 0.0,
    can_publish: bool = True,
    gone: bool = False,
) -> models.ParticipantInfo:
    """Somebody in the room, with what they publish."""
    tracks = list(tracks)
    return models.ParticipantInfo(
        sid=sid,
        identity=identity,
        name=name or identity,
        state=models.ParticipantInfo.DISCONNECTED if gone else models.ParticipantInfo.ACTIVE,
        tracks=tracks,
        version=version,
        joined_at=int(joined_at),
        is_publisher=bool(tracks),
        permission=models.ParticipantPermission(
            can_subscribe=True, can_publish=can_publish, can_publish_data=can_publish
        ),
    )


def published(sid: str, request: rtc.AddTrackRequest) -> models.TrackInfo:
    """The track that a client announced, as everybody shall know it."""
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
    )
    kind = info.mime_type.partition("/")[0]
    for codec in request.simulcast_codecs:
        info.codecs.add(mime_type=f"{kind}/{codec.codec}", cid=codec.cid, layers=codec.layers)
    return info


def mime_type(request: rtc.AddTrackRequest) -> str:
    """The MIME type that a track will be sent with; VP8 for a picture of which nothing is said."""
    if request.type == models.TrackType.AUDIO:
        return "audio/opus"
    codecs = request.simulcast_codecs
    return f"video/{codec_named(codecs[0].codec).upper()}" if codecs else "video/VP8"


def joined(
    *,
    room: tuple[str, str],
    me: models.ParticipantInfo,
    others: Iterable[models.ParticipantInfo],
) -> rtc.SignalResponse:
    """The first message on a new signal socket.

    Args:
        room: Its id and its name.
        me: The participant that the client is.
        others: Whoever it shall see.
    """
    response = rtc.JoinResponse(
        room=models.Room(sid=room[0], name=room[1], creation_time=int(time.time())),
        participant=me,
        other_participants=others,
        server_version=SERVER_VERSION,
        subscriber_primary=False,
        # Clients may negotiate a track before they have been told its id.
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
    """What this server is."""
    return models.ServerInfo(
        edition=models.ServerInfo.Standard,
        version=SERVER_VERSION,
        protocol=PROTOCOL_VERSION,
        region="local",
        node_id="ND_sandbox",
    )


def resumed() -> rtc.SignalResponse:
    """The first message on a signal socket that takes over from one that broke."""
    return rtc.SignalResponse(reconnect=rtc.ReconnectResponse(server_info=server_info()))


def update(people: Iterable[models.ParticipantInfo]) -> rtc.SignalResponse:
    """How these participants are now."""
    return rtc.SignalResponse(update=rtc.ParticipantUpdate(participants=people))


def leave(
    action: rtc.LeaveRequest.Action,
    reason: models.DisconnectReason = models.DisconnectReason.UNKNOWN_REASON,
) -> rtc.SignalResponse:
    """The client shall go (DISCONNECT), come back anew (RECONNECT) or go on (RESUME)."""
    return rtc.SignalResponse(
        leave=rtc.LeaveRequest(
            action=action, reason=reason, can_reconnect=action != rtc.LeaveRequest.DISCONNECT
        )
    )
