"""Access tokens of rooms: JSON Web Tokens signed with HS256, with LiveKit's claims.

LiveKit's public documentation describes the claims: ``iss`` (the API key), ``sub`` (the
participant's identity), ``nbf``, ``exp`` and ``video`` (room and permissions).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import dataclass
from typing import Any, TypeGuard

#: Seconds that two machines' clocks may differ.
CLOCK_SKEW_S = 5.0

#: Longer ones are no tokens of ours.
LONGEST_TOKEN = 4096


class RoomTokenError(Exception):
    """A token is refused; the text says why and holds nothing of it."""


@dataclass(frozen=True)
class RoomGrant:
    """What a token permits.

    Attributes:
        room: The only room that it opens.
        identity: Who its holder is there; a second holder takes the first one's place.
        expires: Unix time after which nobody can join with it.
        issued: Unix time from which it is good.
        can_publish: Whether its holder may send tracks.
        can_subscribe: Whether its holder receives tracks.
        name: What others may call its holder.
    """

    room: str
    identity: str
    expires: float
    issued: float = 0.0
    can_publish: bool = True
    can_subscribe: bool = True
    name: str = ""


class RoomKeys:
    """Signs tokens and verifies them.

    Args:
        key: Names the secret, in the claim ``iss``; None: a random one.
        secret: Whoever has it can make tokens; None: a random one, of which nobody else knows.
    """

    def __init__(self, key: str | None = None, secret: str | None = None) -> None:
        self.key = key or f"API{secrets.token_hex(6)}"
        self._secret = (secret or secrets.token_hex(32)).encode()

    def __repr__(self) -> str:
        return f"RoomKeys({self.key})"

    def sign(self, grant: RoomGrant) -> str:
        """The token that says so."""
        video = {
            "room": grant.room,
            "roomJoin": True,
            "canPublish": grant.can_publish,
            "canSubscribe": grant.can_subscribe,
            "canPublishData": grant.can_publish,
        }
        claims = {
            "iss": self.key,
            "sub": grant.identity,
            "name": grant.name,
            "nbf": int(grant.issued),
            "exp": int(grant.expires),
            "video": video,
        }
        signed = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(claims)}"
        return f"{signed}.{self._signature(signed)}"

    def read(self, token: str, now: float) -> RoomGrant:
        """What ``token`` permits at ``now`` (Unix time).

        Raises:
            RoomTokenError: It isn't one, was signed by somebody else, or isn't good now.
        """
        if not token:
            raise RoomTokenError("no room token was sent")
        signed, _, signature = token.rpartition(".")
        good = self._signature(signed).encode()
        if len(token) > LONGEST_TOKEN or not hmac.compare_digest(good, signature.encode()):
            raise RoomTokenError("invalid room token: its signature is not this server's")
        head, claims = (_decode(part) for part in signed.partition(".")[::2])
        if head.get("alg") != "HS256" or claims.get("iss") != self.key:
            raise RoomTokenError("invalid room token: it was signed in another way")
        video = claims.get("video")
        if not isinstance(video, dict) or video.get("roomJoin") is not True:
            raise RoomTokenError("invalid room token: it permits joining no room")
        room, identity = video.get("room"), claims.get("sub")
        if not (isinstance(room, str) and room and isinstance(identity, str) and identity):
            raise RoomTokenError("invalid room token: it names no room or nobody")
        expires, issued = claims.get("exp"), claims.get("nbf", 0)
        if not _is_time(expires) or now > expires + CLOCK_SKEW_S:
            raise RoomTokenError("the room token has expired")
        if not _is_time(issued) or now < issued - CLOCK_SKEW_S:
            raise RoomTokenError("the room token is not good yet")
        return RoomGrant(
            room=room,
            identity=identity,
            expires=expires,
            issued=issued,
            # LiveKit: what a token doesn't mention is permitted.
            can_publish=video.get("canPublish", True) is True,
            can_subscribe=video.get("canSubscribe", True) is True,
            name=str(claims.get("name") or ""),
        )

    def _signature(self, signed: str) -> str:
        digest = hmac.new(self._secret, signed.encode(), hashlib.sha256).digest()
        return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _encode(part: dict[str, Any]) -> str:
    text = json.dumps(part, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def _decode(part: str) -> dict[str, Any]:
    try:
        decoded = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    except (binascii.Error, ValueError) as error:
        raise RoomTokenError("invalid room token: it can't be read") from error
    if not isinstance(decoded, dict):
        raise RoomTokenError("invalid room token: it can't be read")
    return decoded


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
