"""The engine's side of a page's camera: its frames go to the worker, credits go to the page."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from decart_widget.protocol.flow import FlowWindow

MAX_UNREAD: Final = 64
"""Frames that the worker has not read at most; a page that sends more ignores its credits."""

MAX_UNREAD_BYTES: Final = 2_000_000
"""Bytes of them at most: a worker that leaves more commands unread is ended. More are dropped."""


@dataclass(frozen=True, slots=True)
class _Sent:
    """A frame that the worker has been sent."""

    at_s: float
    size_bytes: int
    dropped: int


class WebcamLink:
    """Passes a page's frames to the worker, and grants the page credits; use it on one loop.

    A frame counts as arrived when the worker has decoded it, so that none piles up there.

    Args:
        send: Sends a command to the worker.
        clock: A monotonic clock, in seconds.

    Attributes:
        window: How many frames may be in flight.
        on_credit: Called with the number of further frames that the page may send, and with
            whether the next one has to be a keyframe.
        refused: Frames that came without credit.
        began_at_s: Time 0 of the source, in seconds since 1970 on the page's clock; None: unknown.
    """

    def __init__(
        self, send: Callable[..., None], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.window = FlowWindow()
        self.on_credit: Callable[[int, bool], None] | None = None
        self.refused = 0
        self.began_at_s: float | None = None
        self._send = send
        self._clock = clock
        self._unread: dict[int, _Sent] = {}
        self._asked_key_at = -1
        self._newest = -1

    def begin(self) -> None:
        """A page begins to send: it has no credit yet."""
        self.window.restart()
        self._unread.clear()
        self._newest = self._asked_key_at = -1
        self._grant(key=True)

    def frame(self, message: dict[str, Any], data: bytes) -> None:
        """Passes a frame on.

        Args:
            message: ``camera-frame`` of ``page.messages``.
            data: The picture.
        """
        number = message["number"]
        if len(self._unread) >= min(MAX_UNREAD, self.window.in_flight) or number <= self._newest:
            self.refused += 1
            return
        self._newest = number
        self._unread[number] = _Sent(message["at_ms"] / 1000, len(data), message["dropped"])
        if sum(sent.size_bytes for sent in self._unread.values()) > MAX_UNREAD_BYTES:
            self.taken(number, wants_key=True)
            return
        self._send(
            "webcam_frame",
            data,
            number=number,
            codec=message["codec"],
            key=message["key"],
            at_ms=message["at_ms"],
        )

    def taken(self, number: int, wants_key: bool) -> None:
        """The worker has decoded a frame, or passed it over."""
        sent = self._unread.pop(number, None)
        if sent is None:
            return
        self.window.arrived(
            self._clock(), sent_at=sent.at_s, size_bytes=sent.size_bytes, missed=sent.dropped
        )
        # Those that are on their way can't be decoded either: one request is enough.
        key = wants_key and number > self._asked_key_at
        if key:
            self._asked_key_at = self._newest + self.window.in_flight
        self._grant(key=key)

    def _grant(self, *, key: bool) -> None:
        frames = self.window.missing()
        if self.on_credit is not None and (frames or key):
            self.on_credit(frames, key)
