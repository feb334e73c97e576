"""Taps: requests to the owner's page for stills, frames or clips of the running picture.

The data comes back in *pieces* of less than a megabyte, each with a message of its own. All of this
runs on the background loop, where a tap's ``Sink`` receives its pieces.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal, Protocol

from decart_widget.errors import DecartError, MediaError, no_session_error

if TYPE_CHECKING:
    from decart_widget.capture.source import CaptureSource, TapLink
    from decart_widget.diagnostics.log import Log

What = Literal["snapshot", "frames", "record"]
"""The kind of capture that a tap requests."""

Which = Literal["output", "input"]
"""The transformed picture, or the one that is sent."""

WHICH: Final = ("output", "input")
"""The values of ``Which``."""

LAST_PIECES_S: Final = 1.0
"""Seconds in which a page may send the end of a clip after its session."""

MAX_TAPS: Final = 8
"""Maximum number of open taps of one widget."""

_FAILURES: Final[dict[str, tuple[str, str]]] = {
    "no-picture": ("No picture came to take.", "Start, wait for the picture, then try again."),
    "unsupported": (
        "This browser can't do that.",
        "Use a current Chrome, Edge, Firefox or Safari.",
    ),
    "backlog": (
        "The page recorded faster than the kernel received the data.",
        "Run no long cells while you record; or record a shorter clip.",
    ),
    "failed": (
        "The page could not take the picture.",
        "Try again; if the error persists, reload the page.",
    ),
}
"""Why a tap failed (text and remedy), by the ``reason`` in the page's message."""


class Sink(Protocol):
    """Receives a tap's pieces. Methods are called on the background loop and must not block."""

    def began(self, detail: Mapping[str, Any]) -> None:
        """The page has begun, or begun again after a reconnect or a change of the owner."""

    def piece(self, data: bytes, detail: Mapping[str, Any], *, last: bool) -> None:
        """A piece has arrived; ``last`` if it completes the picture or clip."""

    def over(self, error: DecartError | None) -> None:
        """The tap has ended; ``error`` is None if it ended as intended."""


@dataclass
class Tap:
    """An open tap.

    Attributes:
        request: The message that was sent to the page.
        sink: Receives the pieces.
    """

    request: dict[str, Any]
    sink: Sink


class Taps:
    """The open taps of one widget.

    Args:
        source: The session whose pictures are captured.
        link: Sends requests to the page.
        log: Receives an entry for each tap.
    """

    def __init__(self, source: CaptureSource, link: TapLink, log: Log) -> None:
        self._source = source
        self._link = link
        self._log = log
        self._open: dict[int, Tap] = {}
        self._last = 0

    def __len__(self) -> int:
        return len(self._open)

    def open(self, sink: Sink, what: What, which: Which, **options: Any) -> int:
        """Opens a tap.

        Args:
            sink: Receives the pieces.
            what: A still, frames, or a clip.
            which: The transformed picture, or the one that is sent.
            **options: For frames ``fps`` (maximum frames/s; None for all), ``width`` and
                ``height`` (px); for a clip ``format`` (``"mp4"`` or ``"webm"``).

        Returns:
            The tap's number.

        Raises:
            MediaError: There is no session, or there are too many taps.
        """
        if not self._source.is_active:
            raise no_session_error()
        if len(self._open) >= MAX_TAPS:
            raise MediaError(
                f"{MAX_TAPS} recordings and frame streams are open already.",
                remedy="End one of them (stop(), aclose()) first.",
                code="too-many-taps",
            )
        self._last += 1
        number = self._last
        request = {"id": number, "what": what, "which": which, **options}
        self._open[number] = Tap(request, sink)
        self._log.add("debug", f"tap: {what}", id=number)
        self._link.tap(request)
        return number

    def credit(self, number: int, frames: int = 1) -> None:
        """Grants the page so many more frames, or pieces of a recording."""
        if number in self._open:
            self._link.credit(number, frames)

    def stop(self, number: int) -> None:
        """Tells the page to send its remaining data and to end the tap."""
        if number in self._open:
            self._link.untap(number)

    def close(self, number: int, error: DecartError | None = None) -> None:
        """Ends a tap at once and calls its sink's ``over``."""
        tap = self._open.pop(number, None)
        if tap is not None:
            self._link.untap(number)
            tap.sink.over(error)

    def end_all(self) -> None:
        """Ends all taps; the last pieces of clips may still arrive for a second."""
        loop = asyncio.get_running_loop()
        for number, tap in list(self._open.items()):
            if tap.request["what"] == "record":
                self.stop(number)
                loop.call_later(LAST_PIECES_S, self.close, number)
            else:
                self.close(number)

    def ask_again(self) -> None:
        """Repeats all requests: the owner has changed, or its page was reloaded."""
        for tap in self._open.values():
            self._link.tap(tap.request)

    def receive(self, message: Mapping[str, Any]) -> None:
        """Handles a ``piece`` or ``tapped`` message of the owner's page."""
        number = message["id"]
        tap = self._open.get(number)
        if tap is None:
            if number > self._last:
                self._log.refuse("page: data of an unknown tap")
            return  # it was closed meanwhile
        detail = dict(message.get("detail") or {})
        at = detail.get("at")
        if isinstance(at, int | float):
            # From milliseconds since 1970 on the page's clock to seconds on this machine's.
            detail["time"] = at / 1000 + message.get("offset", 0.0)
        if message["type"] == "piece":
            data = message.get("data")
            if isinstance(data, bytes):
                tap.sink.piece(data, detail, last=message["last"])
            else:
                self._log.refuse("page: piece without bytes")
        elif message["state"] == "began":
            tap.sink.began(detail)
        else:
            del self._open[number]
            tap.sink.over(None if message["state"] == "ended" else _failure(detail))


def _failure(detail: Mapping[str, Any]) -> MediaError:
    reason = str(detail.get("reason"))
    reason = reason if reason in _FAILURES else "failed"
    text, remedy = _FAILURES[reason]
    return MediaError(text, remedy=remedy, code="no-picture" if reason == "no-picture" else "tap")
