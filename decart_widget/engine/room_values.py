"""Conversions for the package `livekit`: its configuration, errors, pictures and statistics."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from livekit import rtc

from decart_widget.diagnostics.redaction import shorten
from decart_widget.errors import DecartError, MediaUnreachableError, ServiceError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_URL_OR_TOKEN: Final = re.compile(r"\b[a-z]+://\S+|\beyJ[\w.\-]+", re.IGNORECASE)
"""What the package's errors may quote: the room's URL with its token."""


def planes(data: NDArray[np.uint8], width: int, height: int) -> list[NDArray[np.uint8]]:
    """The Y, U and V planes of I420 data; sides may be odd."""
    half_width, half_height = (width + 1) // 2, (height + 1) // 2
    luma, chroma = width * height, half_width * half_height
    return [
        data[:luma].reshape(height, width),
        data[luma : luma + chroma].reshape(half_height, half_width),
        data[luma + chroma : luma + 2 * chroma].reshape(half_height, half_width),
    ]


def rtc_configuration(configuration: Mapping[str, Any]) -> rtc.RtcConfiguration | None:
    """The package's form of an ``RTCConfiguration``.

    ICE servers in it would replace those that the room announces, so they are passed on only if a
    TURN server is among them.
    """
    servers = []
    for server in configuration.get("iceServers", ()):
        urls = server.get("urls", ())
        urls = [urls] if isinstance(urls, str) else list(urls)
        login = {k: str(server[k]) for k in ("username", "credential") if k in server}
        servers.append(rtc.IceServer(urls=urls, **_as_password(login)))
    if not any(url.lower().startswith(("turn:", "turns:")) for s in servers for url in s.urls):
        servers = []
    relays_only = configuration.get("iceTransportPolicy") == "relay"
    if not servers and not relays_only:
        return None
    kind = rtc.IceTransportType
    return rtc.RtcConfiguration(
        ice_transport_type=kind.TRANSPORT_RELAY if relays_only else kind.TRANSPORT_ALL,
        ice_servers=servers,
    )


def _as_password(login: dict[str, str]) -> dict[str, str]:
    return {"password" if name == "credential" else name: text for name, text in login.items()}


def harmless(error: Exception) -> str:
    """Why a room failed, without URLs and tokens, which the package's errors quote."""
    words = getattr(error, "message", None) or str(error) or type(error).__name__
    return shorten(_URL_OR_TOKEN.sub("…", str(words)), 200)


def join_error(error: Exception) -> DecartError:
    """The error of a room that can't be joined."""
    text = harmless(error)
    lower = text.lower()
    if any(word in lower for word in ("401", "403", "unauthorized", "forbidden", "permission")):
        return ServiceError(
            f"The room refused the token that the service gave for it ({text}).",
            code="room-refused",
        )
    return MediaUnreachableError(
        f"The session's room can't be reached from this machine ({text}).",
        remedy="Check the network and the firewall (WebSockets, and UDP or a TURN server in "
        "ConnectionOptions.ice_servers), then start again.",
        code="room-unreachable",
    )


def figures_of(stats: list[Any]) -> dict[str, Any]:
    """What WebRTC's statistics say of both directions."""
    figures: dict[str, Any] = {}
    for entry in stats:
        kind = entry.WhichOneof("stats")
        if kind == "outbound_rtp" and entry.outbound_rtp.outbound.frames_encoded:
            sent = entry.outbound_rtp
            figures |= {
                "sent_bytes": sent.sent.bytes_sent,
                "encoder": sent.outbound.encoder_implementation,
                "target_bps": sent.outbound.target_bitrate,
                "encoded": sent.outbound.frames_encoded,
                "keyframes": sent.outbound.key_frames_encoded,
            }
        elif kind == "inbound_rtp" and entry.inbound_rtp.inbound.frames_decoded:
            received = entry.inbound_rtp.inbound
            figures |= {
                "received_bytes": received.bytes_received,
                "decoder": received.decoder_implementation,
                "decoded": received.frames_decoded,
                "dropped": received.frames_dropped,
            }
        elif kind == "candidate_pair" and entry.candidate_pair.candidate_pair.nominated:
            figures["rtt_s"] = entry.candidate_pair.candidate_pair.current_round_trip_time
    return figures
