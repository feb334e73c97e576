"""How to connect and how to send video: the configuration of a session, frozen and checked."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from decart_widget.diagnostics.redaction import remember
from decart_widget.errors import InvalidOptionError, InvalidURLError

CODECS = ("VP8", "VP9", "H264", "AV1")
"""Video codecs that a browser may offer, by their RTP names."""

DEFAULT_ICE_SERVER = "stun:stun.l.google.com:19302"
"""The default of Decart's own clients."""

ICE_SCHEMES = ("stun:", "stuns:", "turn:", "turns:")


def _number(name: str, value: object, low: float, high: float, unit: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidOptionError(
            f"{name} is {value!r}.", remedy=f"Give a number of {unit} from {low:g} to {high:g}."
        )
    if not low <= value <= high:
        # Not a number, or too long a whole number to be shown as one?
        shown = f"{value:g}" if abs(value) < 1e15 else "out of range"
        raise InvalidOptionError(f"{name} is {shown}.", remedy=f"Give {low:g} to {high:g} {unit}.")
    return value


@dataclass(frozen=True)
class VideoOptions:
    """What the browser sends up.

    Args:
        preferred_codec: Put first in the transceiver's codec preferences; one of ``CODECS``, any
            case. A codec that the browser lacks is passed over.
        max_bitrate: bit/s.
        min_bitrate: bit/s.
        max_framerate: frames/s.

    The defaults are those of Decart's own clients. Raises ``InvalidOptionError``.
    """

    preferred_codec: str = "VP8"
    max_bitrate: int = 2_500_000
    min_bitrate: int = 300_000
    max_framerate: float = 26

    def __post_init__(self) -> None:
        codec = str(self.preferred_codec).upper()
        if codec not in CODECS:
            raise InvalidOptionError(
                f"preferred_codec is {self.preferred_codec!r}.",
                remedy=f"Choose one of {', '.join(CODECS)}.",
            )
        object.__setattr__(self, "preferred_codec", codec)
        _number("max_bitrate", self.max_bitrate, 30_000, 100_000_000, "bit/s")
        _number("min_bitrate", self.min_bitrate, 0, 100_000_000, "bit/s")
        _number("max_framerate", self.max_framerate, 1, 120, "frames/s")
        if self.min_bitrate > self.max_bitrate:
            raise InvalidOptionError(
                f"min_bitrate ({self.min_bitrate:,}) is above max_bitrate ({self.max_bitrate:,}).",
                remedy="Swap them: the lower one is min_bitrate, both in bit/s.",
            )

    @classmethod
    def for_transport(cls, transport: str) -> VideoOptions:
        """The defaults of Decart's own clients: those of 2026 send H.264 into a room."""
        if transport == "livekit":
            return cls("H264", max_bitrate=3_500_000, max_framerate=30)
        return cls()

    def as_message(self) -> dict[str, Any]:
        """The form in which the browser receives these options."""
        return {
            "preferred_codec": self.preferred_codec,
            "max_bitrate": int(self.max_bitrate),
            "min_bitrate": int(self.min_bitrate),
            "max_framerate": self.max_framerate,
        }


@dataclass(frozen=True)
class ConnectionOptions:
    """How the session is reached.

    Args:
        ice_servers: STUN and TURN servers: URL strings, or mappings as the W3C's
            ``RTCIceServer`` has them (``urls``, ``username``, ``credential``).
        connection_timeout: Seconds until a session must stand, time in the queue not counted.
        ack_timeout: Seconds until a prompt or an image must be answered.
        rtc_configuration: Further members of the browser's ``RTCConfiguration``, for instance
            ``{"iceTransportPolicy": "relay"}``; an ``iceServers`` in it wins over
            ``ice_servers``.

    TURN credentials reach the browser by message only and are left out of the ``repr``.
    Raises ``InvalidOptionError`` or ``InvalidURLError``.
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
        _number("connection_timeout", self.connection_timeout, 0.1, 600, "seconds")
        _number("ack_timeout", self.ack_timeout, 0.1, 600, "seconds")
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
                remember(server["credential"])

    def rtc(self) -> dict[str, Any]:
        """The browser's ``RTCConfiguration``, as it was chosen."""
        servers = [
            {"urls": server} if isinstance(server, str) else dict(server)
            for server in self.ice_servers
        ]
        return {"iceServers": servers, **(self.rtc_configuration or {})}

    def rtc_for(self, *, loopback: bool) -> dict[str, Any]:
        """The same for a service on this machine, where a STUN server can only cost time.

        Servers that somebody has chosen stay.
        """
        if loopback and self.ice_servers == (DEFAULT_ICE_SERVER,):
            return {"iceServers": [], **(self.rtc_configuration or {})}
        return self.rtc()


def _plain(name: str, value: Any) -> Any:
    """The value as JSON carries it to the browser."""
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
            # A URL may carry credentials by mistake: name the scheme only.
            raise InvalidURLError(
                "An ICE server has no stun: or turn: URL.",
                remedy='Give for instance "stun:stun.example.org:3478", or {"urls": "turn:…", '
                '"username": "…", "credential": "…"}.',
            )
