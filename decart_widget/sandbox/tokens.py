"""Client tokens: made with a permanent key, signed, scoped and short-lived.

A token contains its grant, signed (HMAC-SHA256) with a secret that the server makes when it starts,
so no table of tokens is needed. As at the service, a client gets it in two forms, both valid:
``token``, a JSON Web Token, and ``apiKey``, which is opaque to clients and has a format of its own:
``ek_``, the grant as JSON in base64url, a dot, and the signature in hexadecimal. Request and
response are the service's: ``POST /v1/client/tokens``.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final

import jwt

from decart_widget.inputs.secrets import Secret

JWT_PREFIX: Final = "eyJ"
"""What a JSON Web Token begins with."""

TOKEN_PREFIX: Final = "ek_"
"""What the service's client tokens begin with."""

# The service's limits for a request, from its public documentation.

EXPIRES_IN_S: Final = (1, 3600)
"""Shortest and longest ``expiresIn``, in seconds."""

DEFAULT_EXPIRES_IN_S: Final = 60
"""``expiresIn`` of a request that has none, in seconds."""

LIST_LIMIT: Final = 20
"""Entries of ``allowedModels`` and ``allowedOrigins``."""

SHORTEST_SESSION_S: Final = 10
"""Smallest ``maxSessionDuration``, in seconds."""


class TokenError(Exception):
    """A request for a token, or a key on the socket, was refused.

    Attributes:
        status: The HTTP status: 401, 403 or 422.
        reason: The text for the client. It never contains the key.
    """

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True)
class Grant:
    """What a key permits.

    Attributes:
        models: Names of the models, or None for all.
        origins: Web origins that may use the key, or None for all.
        session_s: Longest duration of one session in seconds, or None for no limit.
        expires: Unix time after which no session can be opened with it, or None for never.
    """

    models: tuple[str, ...] | None = None
    origins: tuple[str, ...] | None = None
    session_s: float | None = None
    expires: float | None = None


class Keyring:
    """Decides which keys are valid, and makes and verifies client tokens.

    Args:
        api_key: The only valid permanent key.
    """

    def __init__(self, api_key: Secret) -> None:
        self.api_key: Final = api_key
        self._secret = secrets.token_bytes(32)

    def __repr__(self) -> str:
        return "Keyring(***)"

    def mint(
        self, key: str | None, body: object, now: float, *, valid_s: float | None = None
    ) -> dict[str, Any]:
        """Make a client token, for ``POST /v1/client/tokens``.

        Args:
            key: The ``x-api-key`` header.
            body: The decoded JSON body.
            now: Unix time in seconds.
            valid_s: Seconds for which it is valid; None: the body's ``expiresIn``.

        Returns:
            The body of the response.

        Raises:
            TokenError: 401 for an invalid key, 403 for a client token instead of a permanent key,
                422 for an invalid body.
        """
        if key is not None and key.startswith((TOKEN_PREFIX, JWT_PREFIX)):
            raise TokenError(403, "A client token can't mint client tokens: permission denied")
        if key is None or not self.is_permanent(key):
            raise TokenError(401, "Invalid API key")
        grant = _grant(body, now)
        if valid_s is not None:
            grant = replace(grant, expires=now + valid_s)
        assert grant.expires is not None
        answer: dict[str, Any] = {
            "apiKey": self._sign(grant),
            "token": jwt.encode(_jwt_claims(grant), self._secret, algorithm="HS256"),
            "expiresAt": datetime.fromtimestamp(grant.expires, UTC).isoformat(),
        }
        permissions = {"models": grant.models, "origins": grant.origins}
        granted = {name: list(value) for name, value in permissions.items() if value is not None}
        if granted:
            answer["permissions"] = granted
        if grant.session_s is not None:
            answer["constraints"] = {"realtime": {"maxSessionDuration": grant.session_s}}
        return answer

    def admit(self, key: str, *, model: str, origin: str | None, now: float) -> Grant:
        """Check a key for a new session.

        Args:
            key: A permanent key or a client token.
            model: Name of the session's model.
            origin: The ``Origin`` header; None: the client is no browser.
            now: Unix time in seconds.

        Returns:
            What the key permits.

        Raises:
            TokenError: 401 for a key that is invalid or has expired, 403 for a model or an origin
                that it doesn't permit.
        """
        grant = self._read(key)
        if grant is None:
            if not self.is_permanent(key):
                raise TokenError(401, "Invalid API key")
            return Grant()
        if grant.expires is not None and now > grant.expires:
            raise TokenError(401, "Invalid API key: the client token has expired")
        if grant.models is not None and model not in grant.models:
            raise TokenError(403, f"Model {model[:80]} is not allowed by this client token")
        if grant.origins is not None and origin is not None and origin not in grant.origins:
            raise TokenError(403, "This origin is not allowed by this client token")
        return grant

    def is_permanent(self, key: str) -> bool:
        """Whether a key is this server's permanent one."""
        return hmac.compare_digest(key.encode(), self.api_key.reveal().encode())

    def _sign(self, grant: Grant) -> str:
        text = json.dumps(_claims(grant), separators=(",", ":"))
        payload = base64.urlsafe_b64encode(text.encode()).decode()
        return f"{TOKEN_PREFIX}{payload}.{self._signature(payload)}"

    def _signature(self, payload: str) -> str:
        return hmac.new(self._secret, payload.encode(), hashlib.sha256).hexdigest()

    def _read(self, token: str) -> Grant | None:
        """The grant of a client token; None: it is none, or was not signed here."""
        claims: dict[str, Any] | None = None
        if token.startswith(TOKEN_PREFIX):
            claims = self._read_opaque(token)
        elif token.startswith(JWT_PREFIX):
            claims = self._read_jwt(token)
        if claims is None:
            return None
        lists = {
            name: None if claims[name] is None else tuple(claims[name])
            for name in ("models", "origins")
        }
        return Grant(**lists, session_s=claims["session_s"], expires=claims["expires"])

    def _read_jwt(self, token: str) -> dict[str, Any] | None:
        try:
            claims = jwt.decode(
                token, self._secret, algorithms=["HS256"], options={"verify_exp": False}
            )
        except (jwt.InvalidTokenError, RecursionError):
            return None
        realtime = claims["constraints"].get("realtime", {})
        return {
            "models": claims["models"],
            "origins": claims["origins"],
            "session_s": realtime.get("maxSessionDuration"),
            "expires": claims["exp"],
        }

    def _read_opaque(self, token: str) -> dict[str, Any] | None:
        payload, _, signature = token.removeprefix(TOKEN_PREFIX).partition(".")
        if not hmac.compare_digest(self._signature(payload).encode(), signature.encode()):
            return None
        try:
            claims: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload))
        except (binascii.Error, ValueError):  # not reached: the signature was correct
            return None
        return claims


def _jwt_claims(grant: Grant) -> dict[str, Any]:
    """A grant under the names of the service's claims, which clients may read."""
    limit = {} if grant.session_s is None else {"realtime": {"maxSessionDuration": grant.session_s}}
    return {
        "sub": "sandbox",
        "jti": secrets.token_hex(8),
        "exp": grant.expires,
        "models": grant.models,
        "origins": grant.origins,
        "constraints": limit,
    }


def _claims(grant: Grant) -> dict[str, Any]:
    """A grant as JSON, with an id that makes each token differ from all others."""
    return {**asdict(grant), "id": secrets.token_hex(4)}


def _grant(body: object, now: float) -> Grant:
    if not isinstance(body, dict):
        raise TokenError(422, "The body must be a JSON object")
    expires_in = body.get("expiresIn", DEFAULT_EXPIRES_IN_S)
    low, high = EXPIRES_IN_S
    if not _is_number(expires_in) or not low <= expires_in <= high:
        raise TokenError(422, f"expiresIn must be {low} to {high} seconds")
    constraints = body.get("constraints") or {}
    realtime = constraints.get("realtime") or {} if isinstance(constraints, dict) else None
    if not isinstance(realtime, dict):
        raise TokenError(422, "constraints.realtime must be an object")
    session_s = realtime.get("maxSessionDuration")
    if session_s is not None and (not _is_number(session_s) or session_s < SHORTEST_SESSION_S):
        raise TokenError(422, f"maxSessionDuration must be {SHORTEST_SESSION_S} seconds or more")
    return Grant(
        models=_strings(body, "allowedModels"),
        origins=_strings(body, "allowedOrigins"),
        session_s=session_s,
        expires=now + expires_in,
    )


def _strings(body: dict[str, object], name: str) -> tuple[str, ...] | None:
    value = body.get(name)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise TokenError(422, f"{name} must be a list of strings")
    if not 1 <= len(value) <= LIST_LIMIT:
        raise TokenError(422, f"{name} must have 1 to {LIST_LIMIT} entries")
    return tuple(value)


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)
