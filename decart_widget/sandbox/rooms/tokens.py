"""Access tokens of rooms: JSON Web Tokens (HS256) with LiveKit's claims.

LiveKit's public documentation describes the claims: ``iss`` (the API key), ``sub`` (the
participant's identity), ``nbf``, ``exp`` and ``video`` (room and permissions).
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any, Final, TypeGuard

import jwt

CLOCK_SKEW_S: Final = 5.0
"""Seconds that the clocks of two machines may differ."""

TOKEN_LIMIT: Final = 4096
"""Characters; a longer text is not a token of ours and is not parsed."""


class RoomTokenError(Exception):
    """A token is refused; the text says why and contains nothing of the token."""


@dataclass(frozen=True)
class RoomGrant:
    """What a token permits.

    Attributes:
        room: Name of the only room that can be joined with it.
        identity: Identity of its holder; a second holder replaces the first one in the room.
        expires: Unix time after which nobody can join with it.
        issued: Unix time from which it is valid.
        can_publish: Whether its holder may publish tracks.
        name: Display name of its holder.
    """

    room: str
    identity: str
    expires: float
    issued: float = 0.0
    can_publish: bool = True
    name: str = ""


class RoomKeys:
    """Signs tokens and verifies them.

    Args:
        key: Names the secret, in the claim ``iss``; None: a random one.
        secret: Whoever has it can make tokens; None: a random one that nobody else knows.
    """

    def __init__(self, key: str | None = None, secret: str | None = None) -> None:
        self.key = key or f"API{secrets.token_hex(6)}"
        self._secret = secret or secrets.token_hex(32)

    def __repr__(self) -> str:
        return f"RoomKeys({self.key})"

    def sign(self, grant: RoomGrant) -> str:
        """The token for a grant."""
        video = {
            "room": grant.room,
            "roomJoin": True,
            "canPublish": grant.can_publish,
            "canSubscribe": True,
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
        return jwt.encode(claims, self._secret, algorithm="HS256")

    def read(self, token: str, now: float) -> RoomGrant:
        """Verify a token.

        Args:
            token: As the client sent it.
            now: Unix time.

        Raises:
            RoomTokenError: It is no token, was signed by somebody else, or isn't valid at ``now``.
        """
        if not token:
            raise RoomTokenError("no room token was sent")
        claims = self._verified_claims(token)
        video = claims.get("video")
        if not isinstance(video, dict) or video.get("roomJoin") is not True:
            raise RoomTokenError("invalid room token: it doesn't permit joining a room")
        room, identity = video.get("room"), claims.get("sub")
        if not (isinstance(room, str) and room and isinstance(identity, str) and identity):
            raise RoomTokenError("invalid room token: it names no room or no identity")
        expires, issued = claims.get("exp"), claims.get("nbf", 0)
        if not _is_time(expires) or now > expires + CLOCK_SKEW_S:
            raise RoomTokenError("the room token has expired")
        if not _is_time(issued) or now < issued - CLOCK_SKEW_S:
            raise RoomTokenError("the room token is not valid yet")
        return RoomGrant(
            room=room,
            identity=identity,
            expires=expires,
            issued=issued,
            # LiveKit: what a token doesn't mention is permitted.
            can_publish=video.get("canPublish", True) is True,
            name=str(claims.get("name") or ""),
        )

    def _verified_claims(self, token: str) -> dict[str, Any]:
        """Claims of a token that was signed with our key; their times are not checked here."""
        try:
            if len(token) > TOKEN_LIMIT:
                raise jwt.InvalidSignatureError
            return jwt.decode(
                token,
                self._secret,
                algorithms=["HS256"],
                issuer=self.key,
                options={
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                    "verify_aud": False,
                },
            )
        except jwt.InvalidSignatureError:
            text = "its signature is not this server's"
        except jwt.DecodeError:
            text = "it can't be read"
        except (jwt.InvalidTokenError, RecursionError):
            text = "it was signed in another way"
        raise RoomTokenError(f"invalid room token: {text}")


def _is_time(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
