"""WebSocket close codes of control channels, and of rooms' signal sockets."""

from __future__ import annotations

from typing import Final

CLOSE_AT_CAPACITY: Final = 1013
"""Close code: too many sessions, try again later (IANA's registry of WebSocket close codes)."""

CLOSE_POLICY: Final = 1008
"""Close code: too many messages, or the session's time is over (RFC 6455, 7.4.1)."""

CLOSE_INTERNAL: Final = 1011
"""Close code: an unexpected condition, or the session's room is gone (RFC 6455, 7.4.1)."""

CLOSE_BAD_KEY: Final = 4401
"""Close code: the key is invalid or has expired; after HTTP's 401 (RFC 6455, 7.4.2)."""

CLOSE_FORBIDDEN: Final = 4403
"""Close code: the client token doesn't permit this model or origin; after HTTP's 403."""

CLOSE_NO_CREDITS: Final = 4402
"""Close code: the account's credits are used up; after HTTP's 402."""

CLOSE_QUOTA: Final = 4429
"""Close code: the organisation's limit of sessions is reached; after HTTP's 429."""
