"""The options of a connection and of the video that is sent: immutable, checked values."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from decart_widget.diagnostics.hidden_arguments import hides_constructor_arguments
from decart_widget.diagnostics.redaction import remember
from decart_widget.errors import InvalidOptionError, InvalidURLError

CODECS: Final = ("VP8", "VP9", "H264", "AV1")
"""Video codecs that a browser may offer, by their RTP names."""

AUTO: Final = "AUTO"
"""The value of ``preferred_codec`` that leaves the choice to what sends the video."""

DEFAULT_ICE_SERVER: Final = "stun:stun.l.google.com:19302"
"""The default STUN server (source: Decart's public clients)."""

ICE_SCHEMES: Final = ("stun:", "stuns:", "turn:", "turns:")
"""The URL schemes of ICE servers (RFC 7064, RFC 7065)."""

MAX_BITRATES_BPS: Final = (30_000, 100_000_000)
"""The range of ``max_bitrate``, in bit/s; ``min_bitrate`` may be lower."""

FRAMERATES: Final = (1, 120)
"""The range of ``max_framerate``, in frames/s."""

TIMEOUTS_S: Final = (0.1, 600.0)
"""The range of a timeout, in seconds."""


def _check_number(name: str, value: object, low: float, high: float, unit: str) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidOptionError(
            f"{name} is {value!r}.", remedy=f"Give a number of {unit} from {low:g} to {high:g}."
        )
    if not low <= value <= high:
        # It may be NaN, or an integer too large to be formatted as a float.
        shown = f"{value:g}" if abs(value) < 1e15 else "out of range"
        raise InvalidOptionError(f"{name} is {shown}.", remedy=f"Give {low:g} to {high:g} {unit}.")


@hides_constructor_arguments
@dataclass(frozen=True)
class VideoOptions:
    """The video that the browser sends. The defaults are those of Decart's public clients.

    Args:
        preferred_codec: The first of the transceiver's codec preferences; one of ``CODECS`` in any
            case. A codec that the browser lacks is ignored. ``"auto"``: H.264 where the service
            takes it, else VP8, when Python sends the video; a browser prefers VP8.
        max_bitrate: Highest bitrate, in bit/s.
        min_bitrate: Lowest bitrate, in bit/s.
        max_framerate: Highest frame rate, in frames/s.

    Raises:
        InvalidOptionError: A value is of the wrong type or out of range.
    """

    preferred_codec: str = "VP8"
    max_bitrate: int = 2_500_000
    min_bitrate: int = 300_000
    max_framerate: float = 26

    def __post_init__(self) -> None:
        codec = str(self.preferred_codec).upper()
        if codec not in (*CODECS, AUTO):
            raise InvalidOptionError(
                f"preferred_codec is {self.preferred_codec!r}.",
                remedy=f"Choose one of {', '.join(CODECS)}, or auto.",
            )
        object.__setattr__(self, "preferred_codec", codec)
        _check_number("max_bitrate", self.max_bitrate, *MAX_BITRATES_BPS, "bit/s")
        _check_number("min_bitrate", self.min_bitrate, 0, MAX_BITRATES_BPS[1], "bit/s")
        _check_number("max_framerate", self.max_framerate, *FRAMERATES, "frames/s")
        if self.min_bitrate > self.max_bitrate:
            raise InvalidOptionError(
                f"min_bitrate ({self.min_bitrate:,}) is above max_bitrate ({self.max_bitrate:,}).",
                remedy="Swap them: the lower one is min_bitrate, both in bit/s.",
            )

    @classmethod
    def for_transport(cls, transport: str) -> VideoOptions:
        """Returns the defaults of Decart's public clients; those of 2026 send H.264 into a room.

        Args:
            transport: ``"livekit"`` or ``"webrtc"``.
        """
        if transport == "livekit":
            return cls("H264", max_bitrate=3_500_000, max_framerate=30)
        return cls()

    def as_message(self) -> dict[str, Any]:
        """Returns these options as the front end receives them."""
        return {
            "preferred_codec": "VP8" if self.preferred_codec == AUTO else self.preferred_codec,
            "max_bitrate": int(self.max_bitrate),
            "min_bitrate": int(self.min_bitrate),
            "max_framerate": self.max_framerate,
        }


@hides_constructor_arguments
@dataclass(frozen=True)
class ConnectionOptions:
    """How a session connects, and how long it waits.

    TURN credentials are sent to the browser in messages only, and the ``repr`` omits them.

    Args:
        ice_servers: STUN and TURN servers: URLs, or mappings with the members of the W3C's
            ``RTCIceServer`` (``urls``, ``username``, ``credential``).
        connection_timeout: Seconds within which a session must be established; time in the
            service's queue doesn't count.
        ack_timeout: Seconds within which the service must answer a prompt or an image.
        rtc_configuration: Further members of the browser's ``RTCConfiguration``, for instance
            ``{"iceTransportPolicy": "relay"}``; its ``iceServers``, if any, replaces
            ``ice_servers``.

    Raises:
        InvalidOptionError: A value is of the wrong type or out of range.
        InvalidURLError: An ICE server has no stun: or turn: URL.
    """

    ice_servers: tuple[str | Mapping[str, Any], ...] = field(
        default=(DEFAULT_ICE_SERVER,), repr=False
    )
    connection_timeout: float = 15.0
    ack_timeout: float = 30.0
    rtc_configuration: Mapping[str, Any] | None = field(default=None, repr=False)

    def __post_init__(self) -> None:
        if isinstance(self.ice_servers, str | Mapping):
            object.__setattr__(self, "ice_servers", (self.ice_servers,))
        if not isinstance(self.ice_servers, Iterable):
            raise InvalidOptionError(
                "ice_servers is no list of servers.",
                remedy="Give a list of stun: and turn: URLs; an empty one for none.",
            )
        object.__setattr__(self, "ice_servers", tuple(self.ice_servers))
        for server in self.ice_servers:
            _check_ice_server(server)
        _plain("ice_servers", [s if isinstance(s, str) else dict(s) for s in self.ice_servers])
        _check_number("connection_timeout", self.connection_timeout, *TIMEOUTS_S, "seconds")
        _check_number("ack_timeout", self.ack_timeout, *TIMEOUTS_S, "seconds")
        if self.rtc_configuration is not None:
            if not isinstance(self.rtc_configuration, Mapping):
                raise InvalidOptionError(
                    "rtc_configuration is not a mapping.",
                    remedy='Give a dict such as {"iceTransportPolicy": "relay"}.',
                )
            plain = _plain("rtc_configuration", dict(self.rtc_configuration))
            object.__setattr__(self, "rtc_configuration", MappingProxyType(plain))
        servers = self.rtc()["iceServers"]
        for server in servers if isinstance(servers, list) else ():
            if isinstance(server, Mapping) and isinstance(server.get("credential"), str):
                remember(server["credential"], "key")

    def rtc(self) -> dict[str, Any]:
        """Returns the browser's ``RTCConfiguration`` with these options."""
        servers = [
            {"urls": server} if isinstance(server, str) else dict(server)
            for server in self.ice_servers
        ]
        return {"iceServers": servers, **(self.rtc_configuration or {})}

    def rtc_for(self, *, loopback: bool) -> dict[str, Any]:
        """Returns the ``RTCConfiguration`` for a service.

        Args:
            loopback: Whether it runs on this machine: the default STUN server, which can only cost
                time there, is left out then. Servers that the caller chose stay.
        """
        if loopback and self.ice_servers == (DEFAULT_ICE_SERVER,):
            return {"iceServers": [], **(self.rtc_configuration or {})}
        return self.rtc()


def _plain(name: str, value: Any) -> Any:
    """Returns the value as it arrives in the browser, as JSON.

    Raises:
        InvalidOptionError: JSON can't express it.
    """
    try:
        return json.loads(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError, RecursionError):
        raise InvalidOptionError(
            f"{name} holds something that JSON can't carry to the browser.",
            remedy="Use only dicts, lists, strings, finite numbers, booleans and None.",
        ) from None


def _check_ice_server(server: object) -> None:
    urls = server.get("urls") if isinstance(server, Mapping) else server
    listed = urls if isinstance(urls, list | tuple) else (urls,)
    for url in listed or (None,):
        if not isinstance(url, str) or not url.startswith(ICE_SCHEMES):
            # The URL isn't quoted, since it may hold credentials by mistake.
            raise InvalidURLError(
                "An ICE server has no stun: or turn: URL.",
                remedy='Give for instance "stun:stun.example.org:3478", or {"urls": "turn:…", '
                '"username": "…", "credential": "…"}.',
            )
