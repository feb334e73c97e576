"""ViewerController a session that runs elsewhere: its subscribe token, and what that buys."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from decart_widget.diagnostics.secrets import Secret
from decart_widget.errors import DecartError, InvalidOptionError, ProtocolError, ServiceError
from decart_widget.protocol.messages import Ignored, RoomInfo, decode
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
        fields = _fields(token)
        del token  # it may hold a sandbox's key, and a traceback may show what a frame holds
        if fields is None:
            raise InvalidOptionError("This is no subscribe token.", remedy=_REMEDY)
        if not isinstance(name := fields.get("room_name"), str) or not _ROOM_NAME.fullmatch(name):
            fields.clear()
            raise InvalidOptionError("The subscribe token names no room.", remedy=_REMEDY)
        if "realtime_base_url" not in fields:
            return cls(name)
        key = fields.pop("key", None)
        return cls(name, parse_endpoint(fields), None if key is None else Secret(key))


def _fields(token: str) -> dict[str, Any] | None:
    try:
        fields = json.loads(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


async def request_viewer_room(
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
    answer.clear()  # a token may be in it, and this frame in a traceback
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
