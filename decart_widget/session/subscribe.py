"""Subscribes to a session that runs elsewhere: the subscribe token, and the room it refers to."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import quote

from decart_widget.errors import DecartError, InvalidOptionError, ProtocolError, ServiceError
from decart_widget.inputs.secrets import Secret
from decart_widget.protocol.codec import decode
from decart_widget.protocol.messages import Ignored, RoomInfo
from decart_widget.session.endpoints import Endpoint, parse_endpoint
from decart_widget.session.http import exchange

_ROOM_NAME: Final = re.compile(r"[\w.:\-]{1,200}")

_REMEDY: Final = "Copy it again from w.subscribe_token of a widget that is connected."


@dataclass(frozen=True)
class Subscription:
    """The content of a subscribe token.

    Args:
        room_name: The room to subscribe to.
        endpoint: The service, unless it is Decart: for instance the sandbox of another kernel.
        key: A sandbox's own key, valid on this machine only. No other key is ever in a token.
    """

    room_name: str
    endpoint: Endpoint | None = None
    key: Secret | None = None

    def token(self) -> str:
        """Returns base64 of a JSON object with ``room_name`` (source: the public clients)."""
        fields = {"room_name": self.room_name}
        if self.endpoint is not None:
            fields["base_url"] = self.endpoint.base_url
            fields["realtime_base_url"] = self.endpoint.realtime_base_url
        if self.key is not None:
            fields["key"] = self.key.reveal()
        return base64.b64encode(json.dumps(fields).encode()).decode("ascii")

    @classmethod
    def parse(cls, token: str) -> Subscription:
        """Reads a token.

        Raises:
            InvalidOptionError: It is no subscribe token, or names no room.
            InvalidURLError: One of its URLs can't be used.
        """
        fields = _fields(token)
        del token  # may hold a sandbox's key, and a traceback may show this frame
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
    """Requests access to a session's room as a viewer.

    Args:
        subscription: The session, as its subscribe token describes it.
        endpoint: The service to ask.
        key: A permanent key or a client token.
        timeout: Seconds for the whole request.

    Returns:
        The room, with a token of the viewer's own.

    Raises:
        AuthenticationError: The service refused the key.
        ServiceError: The session is over, or the service answered with another error.
        ProtocolError: The answer can't be read.
        TransportError: The service can't be reached, or did not answer in time.
    """
    answer = await exchange(
        f"{endpoint.realtime_http_url}/watch-stream/{quote(subscription.room_name, safe='')}",
        key,
        {},
        name=endpoint.name,
        timeout=timeout,
        missing=session_over(),
    )
    room = decode(json.dumps({**answer, "type": "livekit_room_info"}))
    answer.clear()  # may hold a token, and a traceback may show this frame
    if isinstance(room, RoomInfo):
        return room
    assert isinstance(room, Ignored)
    raise ProtocolError(f"The service's room can't be read ({room.reason}).")


def session_over() -> DecartError:
    """Returns the error of a session that no longer exists, or never did."""
    return ServiceError(
        "The session is over, or never existed.",
        remedy="Start it, then make a viewer with its new subscribe_token.",
        code="session-over",
    )
