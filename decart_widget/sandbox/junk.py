"""Messages that a robust client ignores."""

from __future__ import annotations

import json
from typing import Final

MESSAGES: Final[tuple[str | bytes, ...]] = (
    "not json at all {",
    b"\x00\xff\xfe binary",
    "[]",
    "null",
    "42",
    "{}",
    "",
    '{"type": null}',
    '{"type": {"nested": true}}',
    '{"type": "weather", "sky": "clear"}',
    '{"type": "generation_tick"}',
    '{"type": "generation_tick", "seconds": "soon"}',
    '{"type": "queue_position", "queue_position": null, "queue_size": []}',
    '{"type": "prompt_ack"}',
    '{"type": "prompt_ack", "prompt": 7, "success": "perhaps"}',
    '{"type": "ice-candidate", "candidate": "nonsense"}',
    '{"type": "ice-candidate", "candidate": {"candidate": 1, "sdpMLineIndex": "x"}}',
    '{"type": "session_id", "session_id": 12}',
    '{"type": "status"}',
    '{"type": "answer"}',
)
"""Malformed, unknown, mistyped and binary ones. One is sent before each real message, in turn."""


def large(size: int) -> str:
    """A message of an unknown type, of ``size`` bytes or the few that the smallest one has."""
    message = {"type": "large", "padding": ""}
    return json.dumps({**message, "padding": "x" * max(0, size - len(json.dumps(message)))})
