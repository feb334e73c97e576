"""Watching a session that runs elsewhere: its subscribe token, and what that buys."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from decart_widget.errors import DecartError, InvalidOptionError, ProtocolError, ServiceError
from decart_widget.protocol.messages import Ignored, RoomInfo, decode
from decart_widget.secrets import Secret
from decart_widget.session.endpoints import Endpoint, parse_endpoint
from decart_widget.session.http import post

_ROOM_NAME = re.compile(r"[\w.:\-]{1,200}")
_REMEDY: Final = "Copy it again from w.subscribe_token of a widget that is connected."


@dataclass(frozen=True)
class Subscription:
    """What a subscribe token says.

    Args:
        room_name: The room to watch.
        endpoint: Where, when that is not Decart: the sandbox of another kernel, for instance.
        key: A sandbox's own key, good on this machine only. No other key is ever in a token.
    """

    room_name: str
    endpoint: Endpoint | None = None
    key: Secret | None = None

    def token(self) -> str:
        """The token: base64 of a JSON object with ``room_name`` (source: the public clients)."""
        fields = {"room_name": self.room_name}
        if self.endpoint is not None:
            fields["base_url"] = self.endpoint.base_url
            fields["realtime_base_url"] = self.endpoint.realtime_base_url
        if self.key is not None:
            fields["key"] = self.key.reveal()
        return base64.b64encode(json.dumps(fields).encode()).decode("ascii")

    @classmethod
    def parse(cls, token: str) -> Subscription:
        """Reads a token. Raises ``InvalidOptionError``, or ``InvalidURLError`` for its URLs."""
        try:
            fields = json.loads(base64.b64decode(token, validate=True))
            room_name = fields["room_name"]
        except (binascii.Error, ValueError, TypeError, KeyError):
            raise InvalidOptionError("This is no subscribe token.", remedy=_REMEDY) from None
        if not isinstance(room_name, str) or not _ROOM_NAME.fullmatch(room_name):
            raise InvalidOptionError("The subscribe token names no room.", remedy=_REMEDY)
        if "realtime_base_url" not in fields:
            return cls(room_name)
        key = fields.get("key")
        return cls(room_name, parse_endpoint(fields), None if key is None else Secret(key))


async def watch_room(
    subscription: Subscription, endpoint: Endpoint, key: Secret, *, timeout: float = 10.0
) -> RoomInfo:
    """A room and a token of one's own to watch it with.

    Raises ``ServiceError`` when the session is over, and what ``post`` raises.
    """
    answer = await post(
        f"{endpoint.realtime_http_url}/watch-stream/{quote(subscription.room_name, safe='')}",
        key,
        {},
        name=endpoint.name,
        timeout=timeout,
        direct=endpoint.is_loopback,
        missing=session_over(),
    )
    room = decode(json.dumps({**answer, "type": "livekit_room_info"}))
    if isinstance(room, RoomInfo):
        return room
    assert isinstance(room, Ignored)
    raise ProtocolError(f"The service's room can't be read ({room.reason}).")


def session_over() -> DecartError:
    """The error of a session that is not there to be watched."""
    return ServiceError(
        "The session is over, or never was: there is nothing to watch.",
        remedy="Start it, then make a viewer with its new subscribe_token.",
        code="session-over",
    )
