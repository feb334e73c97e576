"""Splits what arrives on a connection into lines, and into their binary parts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from decart_widget.engine.commands import MessageError, part_bytes


class Lines(asyncio.Protocol):
    """Splits what arrives into lines; ends a connection whose line or part is too long.

    Args:
        limit: Bytes of a line at most.
        on_line: Called with each line, without its end, and its binary part.
        on_end: Called when the connection has ended.
        has_parts: Whether lines may have binary parts; see ``engine.commands``.
    """

    def __init__(
        self,
        limit: int,
        on_line: Callable[[bytes, bytes], None],
        on_end: Callable[[], None],
        *,
        has_parts: bool = False,
    ) -> None:
        self._limit = limit
        self._on_line = on_line
        self._on_end = on_end
        self._has_parts = has_parts
        self._rest = bytearray()
        self._line: bytes | None = None  # the one whose part has not arrived as a whole
        self._missing = 0
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keeps the transport."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """Takes the next bytes."""
        self._rest += data
        while self._take():
            pass
        if self._line is None and len(self._rest) > self._limit:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Reports the end."""
        self._on_end()

    def _take(self) -> bool:
        """Passes one line on; False when it is not complete yet."""
        if self._line is None:
            end = self._rest.find(b"\n")
            if end < 0:
                return False
            line = bytes(self._rest[:end])
            del self._rest[: end + 1]
            try:
                count = part_bytes(line) if self._has_parts else 0
            except MessageError:
                self._rest.clear()
                self._transport.abort()
                return False
            if not count:
                self._on_line(line, b"")
                return True
            self._line, self._missing = line, count
        if len(self._rest) < self._missing:
            return False
        line, part = self._line, bytes(self._rest[: self._missing])
        del self._rest[: self._missing]
        self._line = None
        self._on_line(line, part)
        return True
